"""Convert every input that `DigitClassifier` accepts to the network's tensor.

| input | read as |
|---|---|
| `str`, `os.PathLike` | a picture file |
| `str` that begins with `data:` | the picture in a data: URL, as from a browser's canvas |
| `bytes`, `bytearray`, flat `memoryview` | the bytes of a picture file |
| binary file object | a picture file, from the current position to the end |
| Pillow image | a picture |
| array or nested lists, (H, W), (H, W, 1), (H, W, 3), (H, W, 4) | a picture; 28 x 28 with dark corners is the tensor |
| array or nested lists, (784,), (1, 28, 28), (1, 28, 28, 1) | the same as (28, 28) |

In mode `auto` an enlarged or inverted 28 x 28 tensor is read as that tensor, unless its digit is small or moved: see
`edge_mnist_runtime.reading.enlargement`.

For the meaning of an array's values by dtype see the table in `edge_mnist_runtime.images.arrays`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, TypeAlias

import numpy as np

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.images.arrays import to_plane
from edge_mnist_runtime.reading.modes import ReadingMode, find_tensor
from edge_mnist_runtime.tensor import TENSOR_SHAPES, UINT8

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from edge_mnist_runtime.box import Box
    from edge_mnist_runtime.prediction import Quality, Reason
    from edge_mnist_runtime.reading.result import Reading
    from edge_mnist_runtime.tensor import Pixels


Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"
    " | Image.Image | npt.NDArray[Any] | Sequence[Any]"
)
"""The inputs that `DigitClassifier.predict` accepts; see the table above."""

READ_ONLY: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
"""Flags of `os.open` to read bytes. Only Windows has O_BINARY."""

START_BYTES: Final = 4096
"""Number of bytes read first from a file. A saved tensor hardly exceeds 900 bytes, however badly it is compressed."""


class NetworkInput(NamedTuple):
    """A picture as the network's input, or the reason why it is rejected before."""

    tensor: bytes
    """784 grey levels, bright ink on black."""
    quality: Quality | None = None
    """How well the picture shows its digit; None for tensors and pictures without ink."""
    flaw: Reason | None = None
    """Rejection reason found before the network runs."""
    min_confidence: float = 0.0
    """Confidence from which the network's answer counts in spite of the flaw; above 1 if none does."""
    box: Box | None = None
    """The digit's box, in the upright picture's own pixels; None for tensors and pictures without ink."""


class Source(NamedTuple):
    """A picture to decode, as often as needed."""

    content: str | bytes | Image.Image
    """The path of a picture file, its bytes, or a decoded picture."""
    origin: str
    """Name of the picture in messages."""
    start: bytes = b""
    """The first bytes of the file, to recognise a saved tensor."""

    def open(self, *, in_detail: bool = False) -> Image.Image:
        """Decode the picture; `in_detail` decodes a large JPEG at a larger scale.

        Raises:
            InputError: The picture cannot be opened.
        """
        if isinstance(self.content, (str, bytes)):
            from edge_mnist_runtime.images.files import DETAIL_PIXELS, DIGIT_PIXELS, open_picture

            side_pixels = DETAIL_PIXELS if in_detail else DIGIT_PIXELS
            return open_picture(self.content, origin=self.origin, least_side_pixels=side_pixels)
        from edge_mnist_runtime.reading.reader import require_decoded

        require_decoded(self.content, self.origin)
        return self.content

    def read(self, mode: ReadingMode) -> Reading:
        """Decode the picture and find its digit.

        Raises:
            InputError: The picture cannot be opened, or cannot be read in this mode.
        """
        from edge_mnist_runtime.images.colours import FULL_SIZE
        from edge_mnist_runtime.reading.reader import read_picture

        # For `mnist`, `PREPROCESS` fixes how far pictures are averaged down, so decode at the larger scale.
        picture = self.open(in_detail=mode == "mnist")
        reading = read_picture(picture, mode=mode, origin=self.origin)
        if reading.flaw != "blank" or FULL_SIZE not in picture.info:
            return reading
        # Faint pencil may vanish at the reduced scale of a large JPEG, so look again in detail.
        nearer = self.open(in_detail=True)
        again = reading if nearer.size == picture.size else read_picture(nearer, mode=mode, origin=self.origin)
        return reading if reading.is_grain and again.flaw else again


def take(picture: Picture, mode: ReadingMode, *, origin: str | None = None) -> bytes | Source:
    """Return the tensor if the input is one; otherwise return the picture to decode.

    Tensors in uint8 arrays and small PNG files are recognised here, without Pillow. Tensors in other forms, such as
    float arrays, are returned as pictures, and `read_picture` recognises them.

    Args:
        picture: The input.
        mode: The reading mode, which decides what is a tensor: see `find_tensor`.
        origin: Name of the picture in messages; by default its path or type.

    Returns:
        784 grey levels, or the picture.

    Raises:
        InputError: The input cannot be a picture.
    """
    if type(picture) is np.ndarray and picture.dtype is UINT8 and picture.shape in TENSOR_SHAPES:
        tensor = find_tensor(picture.tobytes(), mode)
        if tensor is not None:
            return tensor
    source = _to_source(picture, origin)
    if source.start:
        from edge_mnist_runtime.images.saved_tensors import decode_saved_tensor

        saved = decode_saved_tensor(source.start)
        if saved is not None:
            return find_tensor(saved, mode) or Source(_to_image(saved), source.origin)
    return source


def to_input(picture: Picture, mode: ReadingMode) -> NetworkInput:
    """Convert any input to the network's input, or to a rejection reason.

    Raises:
        InputError: The picture cannot be read.
    """
    taken = take(picture, mode)
    if isinstance(taken, bytes):
        return NetworkInput(taken)
    reading = taken.read(mode)
    return NetworkInput(reading.pixels.tobytes(), reading.quality, reading.flaw, reading.min_confidence, reading.box)


def to_pixels(picture: Picture, mode: ReadingMode = "auto", *, origin: str | None = None) -> Pixels:
    """Convert any input to the tensor that the network reads, uint8, shape (28, 28).

    Raises:
        InputError: The picture cannot be read, or is blank.
    """
    taken = take(picture, mode, origin=origin)
    return _to_array(taken) if isinstance(taken, bytes) else taken.read(mode).require_ink(taken.origin)


def read_any(picture: Picture, mode: ReadingMode = "auto") -> Reading:
    """Like `to_pixels`, but return the full `Reading`, also for a blank picture.

    Raises:
        InputError: The picture cannot be read.
    """
    from edge_mnist_runtime.reading.result import Reading

    taken = take(picture, mode)
    return Reading(_to_array(taken), "raw") if isinstance(taken, bytes) else taken.read(mode)


def decode(picture: Picture, *, in_detail: bool = False) -> Image.Image:
    """Decode any input to a Pillow image.

    Args:
        picture: The input.
        in_detail: Decode a large JPEG at a larger scale, for pictures with several digits.

    Raises:
        InputError: The picture cannot be opened.
    """
    return _to_source(picture, None).open(in_detail=in_detail)


def require_many(pictures: object) -> Iterable[Picture]:
    """Check that `pictures` is an iterable of pictures, and return it.

    Raises:
        InputError: It is a single picture. A path, for example, must not be iterated letter by letter.
    """
    if isinstance(pictures, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(pictures, "read"):
        raise InputError(f"a single {type(pictures).__name__}; expected a list of pictures; use predict for one")
    if not isinstance(pictures, Iterable):
        raise InputError(f"a {type(pictures).__name__}; expected a list of pictures")
    return pictures


def _to_array(tensor: bytes) -> Pixels:
    return np.frombuffer(tensor, np.uint8).reshape(28, 28)


def _to_image(levels: bytes) -> Image.Image:
    from PIL import Image

    return Image.frombytes("L", (28, 28), levels)


def _to_source(picture: Picture, origin: str | None) -> Source:
    if isinstance(picture, str) and picture[:5].lower() == "data:":
        from edge_mnist_runtime.images.data_url import ORIGIN, decode_data_url

        return _of_bytes(decode_data_url(picture), origin or ORIGIN)
    if isinstance(picture, (str, os.PathLike)):
        path = os.fsdecode(picture)
        return _of_path(path, origin or path)
    if isinstance(picture, (bytes, bytearray)) or (isinstance(picture, memoryview) and picture.ndim == 1):
        return _of_bytes(bytes(picture), origin or "bytes")
    if hasattr(picture, "read"):
        return _read_file(picture, origin)
    # Imported here, because tensors need no Pillow: it costs 10 ms of a cold start.
    from PIL import Image

    if isinstance(picture, Image.Image):
        return Source(picture, origin or "picture")
    return Source(Image.fromarray(to_plane(picture)), origin or "array")


def _of_bytes(file: bytes, origin: str) -> Source:
    return Source(file, origin, file)


def _of_path(path: str, origin: str) -> Source:
    """A file with its first bytes, or all bytes of a pipe, which cannot be read twice.

    Raises nothing: `Source.open` reports what is wrong with the path.
    """
    try:
        # Python's `open` takes 1.5 times as long; the difference is 5 % of the time of a saved tensor.
        descriptor = os.open(path, READ_ONLY)
        try:
            if stat.S_ISREG(os.fstat(descriptor).st_mode):
                return Source(path, origin, os.read(descriptor, START_BYTES))
            with open(descriptor, "rb", closefd=False) as pipe:
                return _of_bytes(pipe.read(), origin)
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return Source(path, origin)


def _read_file(file: Any, origin: str | None) -> Source:
    """Read the rest of a file object."""
    origin = origin or str(getattr(file, "name", "file object"))
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: the file is closed, or is text that is not UTF-8
        raise InputError(f"{origin}: cannot be read ({error}); open it with mode 'rb'") from error
    if not isinstance(data, (bytes, bytearray)):
        raise InputError(f"{origin}: a file object that gives {type(data).__name__}, not bytes; open it with mode 'rb'")
    return _of_bytes(bytes(data), origin)
