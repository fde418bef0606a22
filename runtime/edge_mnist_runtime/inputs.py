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
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.images.arrays import to_plane
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.tensor import DARK, UINT8, has_dark_corners

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from edge_mnist_runtime.reading.reader import Reading
    from edge_mnist_runtime.tensor import Pixels


Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"
    " | Image.Image | npt.NDArray[Any] | Sequence[Any]"
)
"""Whatever `DigitClassifier.predict` takes; see the table above."""

Source: TypeAlias = "str | bytes | Image.Image"
"""What a picture is decoded from: the path of a file, the bytes of one, or a picture that is decoded already."""

TENSOR_SHAPES: Final = ((28, 28), (28, 28, 1))
"""Shapes of an array that may be the network's tensor as it is."""

PLAIN: Final = ("PNG", "L", (28, 28))
"""Format, mode and size of a Pillow image that may be a tensor as it is."""


def find_tensor(picture: object, mode: ReadingMode) -> bytes | None:
    """The 784 values of what is the network's tensor already: a uint8 array, 28 x 28 grey, with dark corners.

    With `raw` corners do not matter, with `photo` nothing is a tensor. An array of the dtype's rarer other forms (a
    sub-class, another dtype object) is none, and reads alike on the longer way.

    Returns:
        None of anything else.
    """
    if type(picture) is np.ndarray and picture.dtype is UINT8 and picture.shape in TENSOR_SHAPES:
        values = picture.tobytes()
        if _passes_unchanged(values, mode):
            return values
    return None


def are_tensors(images: Pixels, mode: ReadingMode) -> bool:
    """Whether the network reads all of some images, uint8, shape (N, 28, 28, 1), as they are."""
    return mode == "raw" or (mode != "photo" and bool((images[:, ::27, ::27] < DARK).all()))


def to_pixels(picture: Picture, mode: ReadingMode = "auto") -> Pixels:
    """The tensor, uint8, 784 values, that the network reads for `picture`.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    tensor = find_tensor(picture, mode)
    if tensor is not None:
        return np.frombuffer(tensor, np.uint8).reshape(28, 28)
    source, origin = _to_source(picture)
    return read_source(source, mode, origin).require_ink(origin)


def read_any(picture: Picture, mode: ReadingMode = "auto") -> Reading:
    """As `to_pixels`, with what was done on the way.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    source, origin = _to_source(picture)
    return read_source(source, mode, origin)


def read_or_error(picture: Picture, mode: ReadingMode) -> bytes | Reading | InputError:
    """As `read_any`, of many: the bare bytes of what is a tensor already, and no steps, which are whole pictures.

    An error that it met is given, not raised.
    """
    tensor = find_tensor(picture, mode)
    if tensor is not None:
        return tensor
    try:
        source, origin = _to_source(picture)
        tensor, source = _find_saved_tensor(source)
        if tensor is not None and _passes_unchanged(tensor, mode):
            return tensor
        reading = _read_found(tensor, source, mode, origin)
    except InputError as error:
        return error
    return replace(reading, draw_steps=None) if reading.draw_steps else reading


def read_source(source: Source, mode: ReadingMode, origin: str) -> Reading:
    """Read a picture file, the bytes of one, or a decoded picture, as `predict` does; `origin` is for messages.

    Raises:
        InputError: It cannot be turned into a tensor.
    """
    return _read_found(*_find_saved_tensor(source), mode, origin)


def decode(picture: Picture, *, in_detail: bool = False) -> Image.Image:
    """Any picture as Pillow's, decoded.

    Args:
        picture: The picture.
        in_detail: Whether it may show more than one digit.

    Raises:
        InputError: It cannot be opened.
    """
    source, origin = _to_source(picture)
    tensor, source = _find_saved_tensor(source)
    return _open(source, origin, in_detail=in_detail) if tensor is None else _to_image(tensor)


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


def _to_source(picture: Picture) -> tuple[Source, str]:
    """What a picture is decoded from, and how messages name it."""
    if isinstance(picture, str) and picture[:5].lower() == "data:":
        from edge_mnist_runtime.images.data_url import ORIGIN, decode_data_url

        return decode_data_url(picture), ORIGIN
    if isinstance(picture, (str, os.PathLike)):
        path = os.fsdecode(picture)
        return path, path
    if isinstance(picture, (bytes, bytearray)) or (isinstance(picture, memoryview) and picture.ndim == 1):
        return bytes(picture), "bytes"
    if hasattr(picture, "read"):
        return _read_file(picture)
    # Loaded here, because whoever gives tensors alone needs neither Pillow nor what finds ink: 10 ms of a cold start.
    from PIL import Image

    from edge_mnist_runtime.reading.reader import require_decoded

    if isinstance(picture, Image.Image):
        require_decoded(picture, "picture")
        return picture, "picture"
    return Image.fromarray(to_plane(picture)), "array"


def _find_saved_tensor(source: Source) -> tuple[bytes | None, Source]:
    """784 grey levels, where a source is nothing but these; and what a picture is decoded from, as often as need be."""
    from edge_mnist_runtime.images.saved_tensors import decode_saved_tensor, read_saved_tensor

    if isinstance(source, str):
        return read_saved_tensor(source)
    if isinstance(source, bytes):
        return decode_saved_tensor(source), source
    return _find_plain(source), source


def _find_plain(picture: Image.Image) -> bytes | None:
    """As `_find_saved_tensor`, of what Pillow opened: a tensor needs no looking at colours and orientation."""
    is_plain = (picture.format, picture.mode, picture.size) == PLAIN and not picture.info
    return picture.tobytes() if is_plain else None


def _read_found(tensor: bytes | None, source: Source, mode: ReadingMode, origin: str) -> Reading:
    if tensor is not None:
        return _read_tensor(tensor, mode, origin)
    from edge_mnist_runtime.images.colours import FULL_SIZE

    # `mnist` is for clean drawings, of which the preprocessing's definition says how far they are averaged down.
    picture = _open(source, origin, in_detail=mode == "mnist")
    reading = _read_decoded(picture, mode, origin)
    if reading.flaw != "blank" or picture is source or FULL_SIZE not in picture.info:
        return reading
    # At the scale that a large JPEG is decoded at, faint pencil may be lost in the paper.
    nearer = _open(source, origin, in_detail=True)
    return reading if nearer.size == picture.size else _read_decoded(nearer, mode, origin)


def _open(source: Source, origin: str, *, in_detail: bool) -> Image.Image:
    from edge_mnist_runtime.images.files import DETAIL_PIXELS, DIGIT_PIXELS, open_picture

    if not isinstance(source, (str, bytes)):
        return source
    return open_picture(source, origin=origin, least_side_pixels=DETAIL_PIXELS if in_detail else DIGIT_PIXELS)


def _read_decoded(picture: Image.Image, mode: ReadingMode, origin: str) -> Reading:
    from edge_mnist_runtime.reading.reader import read_picture

    tensor = _find_plain(picture)
    return read_picture(picture, mode=mode, origin=origin) if tensor is None else _read_tensor(tensor, mode, origin)


def _read_tensor(tensor: bytes, mode: ReadingMode, origin: str) -> Reading:
    from edge_mnist_runtime.reading.reader import Reading, read_picture

    if _passes_unchanged(tensor, mode):
        return Reading(np.frombuffer(tensor, np.uint8).reshape(28, 28), "raw")
    return read_picture(_to_image(tensor), mode=mode, origin=origin)


def _passes_unchanged(tensor: bytes, mode: ReadingMode) -> bool:
    """Whether the network reads 784 grey levels as they are."""
    if mode == "raw":
        return True
    return mode != "photo" and has_dark_corners(tensor)


def _to_image(tensor: bytes) -> Image.Image:
    from PIL import Image

    return Image.frombytes("L", (28, 28), tensor)


def _read_file(file: Any) -> tuple[bytes, str]:
    """What is left of a file object, and its name."""
    origin = str(getattr(file, "name", "file object"))
    try:
        data = file.read()
    except (OSError, ValueError) as error:  # ValueError: closed, or text that is no UTF-8
        raise InputError(f"{origin}: cannot be read ({error}); open it with mode 'rb'") from error
    if not isinstance(data, (bytes, bytearray)):
        raise InputError(f"{origin}: a file object that gives {type(data).__name__}, not bytes; open it with mode 'rb'")
    return bytes(data), origin
