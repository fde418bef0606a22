"""Whatever `DigitClassifier` takes as a picture, brought to grey levels or to the network's tensor.

| given | read as |
|---|---|
| `str`, `os.PathLike` | a picture file |
| `str` that begins with `data:` | the picture in a data: URL, as a browser's canvas gives it |
| `bytes`, `bytearray`, flat `memoryview` | the bytes of a picture file |
| binary file object | a picture file, from where it stands to its end |
| Pillow image | a picture |
| array or nested lists, (H, W), (H, W, 1), (H, W, 3), (H, W, 4) | a picture; if 28 x 28 with dark corners, the tensor |
| array or nested lists, (784,), (1, 28, 28), (1, 28, 28, 1) | as (28, 28) |

In mode `auto` a picture that is an enlarged 28 x 28 tensor, or a tensor dark on light, is read as that tensor: see
`edge_mnist_runtime.reading.enlargement`.

What the values of an array mean, by its dtype: `edge_mnist_runtime.images.arrays` has the table.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple, TypeAlias

import numpy as np

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.images.arrays import to_plane
from edge_mnist_runtime.reading.modes import ReadingMode, is_tensor
from edge_mnist_runtime.tensor import UINT8

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from edge_mnist_runtime.prediction import Quality, Reason
    from edge_mnist_runtime.reading.reader import Reading
    from edge_mnist_runtime.tensor import Pixels


Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"
    " | Image.Image | npt.NDArray[Any] | Sequence[Any]"
)
"""Whatever `DigitClassifier.predict` takes; see the table above."""

READ_ONLY: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
"""How Python's `open` opens a file's bytes; O_BINARY is Windows'."""

START_BYTES: Final = 4096
"""What is read of a file at a glance: a saved tensor takes hardly more than 900 bytes, however badly it is packed."""

TENSOR_SHAPES: Final = ((28, 28), (28, 28, 1))
"""Shapes of an array that may be the network's tensor as it is."""


class NetworkInput(NamedTuple):
    """What became of a picture, as the network needs it."""

    tensor: bytes
    """784 grey levels, bright ink on black."""
    quality: Quality | None = None
    """How well the picture shows its digit; None where nothing was looked for, or found."""
    flaw: Reason | None = None
    """What speaks against the picture: the network is not asked."""


class Source(NamedTuple):
    """A picture that is no tensor yet, to be decoded as often as need be."""

    content: str | bytes | Image.Image
    """The path of a picture file, the bytes of one, or a decoded picture."""
    origin: str
    """How messages name it."""
    start: bytes = b""
    """The first bytes of the file, by which a saved tensor is known."""

    def open(self, *, in_detail: bool = False) -> Image.Image:
        """The decoded picture; a large JPEG at a larger scale if it is looked at in detail.

        Raises:
            InputError: It cannot be opened.
        """
        if isinstance(self.content, (str, bytes)):
            from edge_mnist_runtime.images.files import DETAIL_PIXELS, DIGIT_PIXELS, open_picture

            side_pixels = DETAIL_PIXELS if in_detail else DIGIT_PIXELS
            return open_picture(self.content, origin=self.origin, least_side_pixels=side_pixels)
        from edge_mnist_runtime.reading.reader import require_decoded

        require_decoded(self.content, self.origin)
        return self.content

    def read(self, mode: ReadingMode) -> Reading:
        """Find the digit in it.

        Raises:
            InputError: It cannot be opened, or not be read in this mode.
        """
        from edge_mnist_runtime.images.colours import FULL_SIZE
        from edge_mnist_runtime.reading.reader import read_picture

        # `mnist` is for clean drawings, of which the preprocessing's definition says how far they are averaged down.
        picture = self.open(in_detail=mode == "mnist")
        reading = read_picture(picture, mode=mode, origin=self.origin)
        if reading.flaw != "blank" or FULL_SIZE not in picture.info:
            return reading
        # At the scale that a large JPEG is decoded at, faint pencil may be lost in the paper.
        nearer = self.open(in_detail=True)
        return reading if nearer.size == picture.size else read_picture(nearer, mode=mode, origin=self.origin)


def take(picture: Picture, mode: ReadingMode, *, origin: str | None = None) -> bytes | Source:
    """Turn whatever came in into the network's tensor, if it is one already, or into what a digit is looked for in.

    A uint8 array and a PNG file that hold nothing but a tensor are known at a glance, without Pillow. A tensor in any
    other form, as an array of floats, is a picture at first: `read_picture` passes it on.

    Args:
        picture: The picture.
        mode: What counts as a tensor: see `is_tensor`.
        origin: How messages name it; None: by its path or its kind.

    Returns:
        784 grey levels, or the picture.

    Raises:
        InputError: It is nothing that can be a picture.
    """
    if type(picture) is np.ndarray and picture.dtype is UINT8 and picture.shape in TENSOR_SHAPES:
        levels = picture.tobytes()
        if is_tensor(levels, mode):
            return levels
    source = _to_source(picture, origin)
    if source.start:
        from edge_mnist_runtime.images.saved_tensors import decode_saved_tensor

        saved = decode_saved_tensor(source.start)
        if saved is not None:
            return saved if is_tensor(saved, mode) else Source(_to_image(saved), source.origin)
    return source


def to_input(picture: Picture, mode: ReadingMode) -> NetworkInput:
    """What the network reads of any picture, or why it is not asked.

    Raises:
        InputError: The picture cannot be read at all.
    """
    taken = take(picture, mode)
    if isinstance(taken, bytes):
        return NetworkInput(taken)
    reading = taken.read(mode)
    return NetworkInput(reading.pixels.tobytes(), reading.quality, reading.flaw)


def to_pixels(picture: Picture, mode: ReadingMode = "auto", *, origin: str | None = None) -> Pixels:
    """The tensor, uint8, shape (28, 28), that the network reads for `picture`.

    Raises:
        InputError: The picture cannot be turned into a tensor, or is blank.
    """
    taken = take(picture, mode, origin=origin)
    return _to_array(taken) if isinstance(taken, bytes) else taken.read(mode).require_ink(taken.origin)


def read_any(picture: Picture, mode: ReadingMode = "auto") -> Reading:
    """As `to_pixels`, also of a blank picture, with what was done on the way.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    from edge_mnist_runtime.reading.reader import Reading

    taken = take(picture, mode)
    return Reading(_to_array(taken), "raw") if isinstance(taken, bytes) else taken.read(mode)


def decode(picture: Picture, *, in_detail: bool = False) -> Image.Image:
    """Any picture as Pillow's, decoded.

    Args:
        picture: The picture.
        in_detail: Whether it may show more than one digit.

    Raises:
        InputError: It cannot be opened.
    """
    return _to_source(picture, None).open(in_detail=in_detail)


def require_many(pictures: object) -> Iterable[Picture]:
    """Pictures, one after the other.

    Raises:
        InputError: It is a single picture: a path must not be read letter by letter.
    """
    if isinstance(pictures, (str, bytes, bytearray, memoryview, os.PathLike)) or hasattr(pictures, "read"):
        raise InputError(f"a single {type(pictures).__name__}; expected a list of pictures, one goes to predict")
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
    # Loaded here, because whoever gives tensors alone needs no Pillow: 10 ms of a cold start.
    from PIL import Image

    if isinstance(picture, Image.Image):
        return Source(picture, origin or "picture")
    return Source(Image.fromarray(to_plane(picture)), origin or "array")


def _of_bytes(file: bytes, origin: str) -> Source:
    return Source(file, origin, file)


def _of_path(path: str, origin: str) -> Source:
    """A file with its first bytes; all of a pipe, which cannot be read twice.

    Nothing is raised: whoever opens the path meets what is wrong with it, and says what it is.
    """
    try:
        # Python's `open` takes half as long again, which is a twentieth of what a saved tensor costs.
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
    """What is left of a file object."""
    origin = origin or str(getattr(file, "name", "file object"))
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or text that is no UTF-8
        raise InputError(f"{origin}: cannot be read ({error}); open it with mode 'rb'") from error
    if not isinstance(data, (bytes, bytearray)):
        raise InputError(f"{origin}: a file object that gives {type(data).__name__}, not bytes; open it with mode 'rb'")
    return _of_bytes(bytes(data), origin)
