"""Whatever `DigitClassifier` takes as a picture, brought to grey levels or to the network's tensor.

| given | read as |
|---|---|
| `str`, `os.PathLike` | a picture file |
| `bytes`, `bytearray`, flat `memoryview` | the bytes of a picture file |
| binary file object | a picture file, from where it stands to its end |
| Pillow image | a picture |
| array or nested lists, (H, W), (H, W, 1), (H, W, 3), (H, W, 4) | a picture; if 28 x 28 with dark corners, the tensor |
| array or nested lists, (784,), (1, 28, 28), (1, 28, 28, 1) | as (28, 28) |

| dtype | its values |
|---|---|
| uint8 | grey levels or colours, 0..255 |
| bool | True is 255 |
| float16, float32, float64 | must be in 0..1, which becomes 0..255 |
| uint16 | as in 16-bit picture files: white is the least of 255, 511, 1023, ... 65535 that no value exceeds |
| other integers | must be in 0..255 |

Nothing is clipped: NaN and values out of range are refused.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.errors import InputDtypeError, InputError, InputRangeError, InputShapeError
from edge_mnist_runtime.reading_mode import ReadingMode

if TYPE_CHECKING:
    import numpy.typing as npt
    from PIL import Image

    from edge_mnist_runtime.preprocess import Pixels
    from edge_mnist_runtime.reading import Reading


Picture: TypeAlias = (
    "str | os.PathLike[str] | bytes | bytearray | memoryview | BinaryIO"
    " | Image.Image | npt.NDArray[Any] | Sequence[Any]"
)
"""Whatever `DigitClassifier.predict` takes; see the table above."""

UINT8: Final = np.dtype(np.uint8)

TENSOR_SHAPES: Final = ((28, 28), (28, 28, 1))
"""Shapes of an array that may be the network's tensor as it is."""

TENSOR: Final = (-1, 28, 28, 1)
"""Shape of what the network reads."""

NO_TENSORS: Final = np.empty((0, 28, 28, 1), np.uint8)
"""What no pictures at all become."""

OTHER_TENSOR_SHAPES: Final = ((784,), (1, 28, 28), (1, 28, 28, 1))
"""Shapes that cannot be anything but one digit of 28 x 28."""

DARK: Final = 128
"""Corners of a tensor are below this; every MNIST training image has 0 in all of them."""

EXPECTED_SHAPES: Final = "expected (28, 28), or a picture of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
EXPECTED_THINGS: Final = "expected a path, bytes, a binary file, a Pillow image or an array"


def is_tensor(picture: object, mode: ReadingMode) -> bool:
    """Whether `picture` is the network's tensor already: a uint8 array, 28 x 28 grey, with dark corners.

    With `raw` corners do not matter, with `photo` nothing is. An array of the dtype's rarer other forms (a sub-class,
    another dtype object) is none, and reads alike on the longer way.
    """
    return (
        type(picture) is np.ndarray
        and picture.dtype is UINT8
        and picture.shape in TENSOR_SHAPES
        # Four item() calls cost 0.2 us, a hundredth of a prediction; indexing would cost thrice that.
        and (
            mode == "raw"
            or (picture.item(0) < DARK > picture.item(27) and picture.item(756) < DARK > picture.item(783))
        )
        and mode != "photo"
    )


def to_pixels(picture: Picture, mode: ReadingMode = "auto") -> Pixels:
    """The tensor, uint8, 784 values, that the network reads for `picture`.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    if is_tensor(picture, mode):
        return picture  # type: ignore[return-value]  # just looked at
    image, origin = decode(picture)
    return _read_decoded(image, mode, origin).require_ink(origin)


def read_any(picture: Picture, mode: ReadingMode = "auto") -> Reading:
    """As `to_pixels`, with what was done on the way.

    Raises:
        InputError: The picture cannot be turned into a tensor.
    """
    image, origin = decode(picture)
    return _read_decoded(image, mode, origin)


def decode(picture: Picture) -> tuple[Image.Image, str]:
    """Any picture as Pillow's, decoded, and how messages name it.

    Raises:
        InputError: It cannot be opened.
    """
    # Loaded here, because whoever gives tensors alone needs neither Pillow nor what finds ink: 10 ms of a cold start.
    from edge_mnist_runtime.pictures import open_picture

    if isinstance(picture, (str, os.PathLike)):
        path = os.fsdecode(picture)
        return open_picture(path, origin=path), path
    if isinstance(picture, (bytes, bytearray)) or (isinstance(picture, memoryview) and picture.ndim == 1):
        return open_picture(bytes(picture), origin="bytes"), "bytes"
    if hasattr(picture, "read"):
        data, origin = _read_file(picture)
        return open_picture(data, origin=origin), origin
    from PIL import Image

    from edge_mnist_runtime.reading import require_decoded

    if isinstance(picture, Image.Image):
        require_decoded(picture, "picture")
        return picture, "picture"
    return Image.fromarray(_to_plane(picture)), "array"


def read_or_error(picture: Picture, mode: ReadingMode) -> Reading | InputError:
    """As `read_any`, without the steps, which are whole pictures; or the error that it met."""
    if is_tensor(picture, mode):
        from edge_mnist_runtime.reading import Reading

        return Reading(picture, "raw")  # type: ignore[arg-type]  # just looked at
    try:
        reading = read_any(picture, mode)
    except InputError as error:
        return error
    return replace(reading, steps=()) if reading.steps else reading


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


def as_tensors(array: npt.NDArray[np.generic]) -> Pixels:
    """One array of many digits, of any dtype, as uint8, shape (N, 28, 28, 1).

    Raises:
        InputError: Its shape, dtype or values cannot be digits'.
    """
    if array.shape[1:] not in ((28, 28), (28, 28, 1), (784,)):
        raise InputShapeError(
            f"array of shape {array.shape}; expected (N, 28, 28), (N, 28, 28, 1) or (N, 784); "
            "one picture goes to predict, several of other sizes go as a list"
        )
    if not len(array):
        return NO_TENSORS
    if array.dtype == np.uint16:  # white is found picture by picture, as predict finds it
        array = np.stack([to_levels(picture, "array") for picture in array])
    return to_levels(array, "array").reshape(TENSOR)


def _read_decoded(picture: Image.Image, mode: ReadingMode, origin: str) -> Reading:
    from edge_mnist_runtime.reading import Reading, read_picture

    # A tensor that was saved as PNG, as folders of MNIST's digits are, needs no looking at colours and orientation,
    # which would take half as long again as its decoder.
    if picture.format == "PNG" and picture.mode == "L" and picture.size == (28, 28) and not picture.info:
        pixels = np.frombuffer(picture.tobytes(), np.uint8).reshape(28, 28)
        if is_tensor(pixels, mode):
            return Reading(pixels, "raw")
    return read_picture(picture, mode=mode, origin=origin)


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


def _to_plane(picture: Any) -> Pixels:
    """Grey levels, (H, W), or colours, (H, W, 3 or 4), of an array."""
    kind = "array" if isinstance(picture, np.ndarray) else type(picture).__name__
    array = _as_array(picture, kind)
    shape = array.shape
    if shape in OTHER_TENSOR_SHAPES:
        array = array.reshape(28, 28)
    elif not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))) or 0 in shape:
        raise InputShapeError(f"{kind} of shape {shape}; {EXPECTED_SHAPES}")
    levels = to_levels(array, kind)
    return levels[..., 0] if levels.shape[2:] == (1,) else levels


def _as_array(picture: Any, kind: str) -> npt.NDArray[Any]:
    if not isinstance(picture, (np.ndarray, list, tuple, memoryview)):
        raise InputError(f"cannot classify a {kind}; {EXPECTED_THINGS}")
    if isinstance(picture, np.ma.MaskedArray):
        raise InputError("a masked array, whose mask would be lost; fill it first, as in array.filled(0)")
    try:
        return np.asarray(picture)
    except (ValueError, TypeError) as error:  # ValueError: rows of different lengths
        raise InputShapeError(f"{kind} that is no array; {EXPECTED_SHAPES}, all rows of one length") from error


def to_levels(array: npt.NDArray[Any], origin: str) -> Pixels:
    """Values of any dtype as uint8, 0..255, by the table above; of any shape but an empty one.

    Raises:
        InputDtypeError: The dtype holds no grey levels.
        InputRangeError: A value is out of the dtype's range.
    """
    dtype = array.dtype
    if dtype == UINT8:
        return array
    if dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)  # type: ignore[no-any-return]
    if dtype.kind == "f" and dtype.itemsize <= 8:
        _require_range(array, 1, origin, "divide 0..255 by 255, or give uint8")
        levels: npt.NDArray[Any] = np.rint(array.astype(np.float64) * 255)
        return levels.astype(np.uint8)
    if dtype.kind == "u" and dtype.itemsize == 2:
        deep: npt.NDArray[Any] = array >> (max(8, int(array.max()).bit_length()) - 8)
        return deep.astype(np.uint8)
    if dtype.kind in "iu":
        _require_range(array, 255, origin, "grey levels of more bits go as uint16")
        return array.astype(np.uint8)
    raise InputDtypeError(f"{origin} of dtype {dtype}; expected uint8, bool, other integers, or floats in 0..1")


def _require_range(array: npt.NDArray[Any], most: int, origin: str, remedy: str) -> None:
    least_found, most_found = array.min(), array.max()
    if not (least_found >= 0 and most_found <= most):  # also where they are NaN
        raise InputRangeError(
            f"{origin} of {array.dtype} with values {least_found:g}..{most_found:g}; expected 0..{most}: {remedy}"
        )
