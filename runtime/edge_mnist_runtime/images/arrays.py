"""Convert arrays of any dtype and shape to grey levels: 8 bits, 0 black, 255 white.

| dtype | values |
|---|---|
| uint8 | grey levels or colours, 0..255 |
| bool | True is 255 |
| float16, float32, float64 | must be in 0..1, which becomes 0..255 |
| uint16 | white is the smallest of 255, 511, 1023, ... 65535 that is not below the largest value |
| other integers | must be in 0..255 |

Nothing is clipped: NaN and values out of range are refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_mnist_runtime.errors import InputDtypeError, InputError, InputRangeError, InputShapeError
from edge_mnist_runtime.tensor import IMAGE_SHAPES, NO_TENSORS, TENSOR, TENSOR_SHAPES, UINT8

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels


EXPECTED_SHAPES: Final = "expected (28, 28), or a picture of (H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
EXPECTED_THINGS: Final = "expected a path, bytes, a binary file, a Pillow image or an array"


def as_tensors(array: npt.NDArray[np.generic]) -> Pixels:
    """Convert an array of many digits, of any dtype, to uint8, shape (N, 28, 28, 1).

    Raises:
        InputError: Shape, dtype or values do not fit.
    """
    if array.shape[1:] not in IMAGE_SHAPES:
        raise InputShapeError(
            f"array of shape {array.shape}; expected (N, 28, 28), (N, 28, 28, 1) or (N, 784); "
            "pass one picture to predict, and pictures of other sizes as a list"
        )
    if not len(array):
        return NO_TENSORS
    if array.dtype == np.uint16:  # each picture has its own white level, as in predict
        array = np.stack([to_levels(picture, "array") for picture in array])
    return to_levels(array, "array").reshape(TENSOR)


def to_plane(picture: Any) -> Pixels:
    """Convert one picture, an array or nested lists, to grey levels, (H, W), or colours, (H, W, 3 or 4).

    Raises:
        InputError: It is no array, or shape, dtype or values do not fit a picture.
    """
    kind = "array" if isinstance(picture, np.ndarray) else type(picture).__name__
    array = _as_array(picture, kind)
    shape = array.shape
    if shape in TENSOR_SHAPES:
        array = array.reshape(28, 28)
    elif not (len(shape) == 2 or (len(shape) == 3 and shape[2] in (1, 3, 4))) or 0 in shape:
        raise InputShapeError(f"{kind} of shape {shape}; {EXPECTED_SHAPES}")
    levels = to_levels(array, kind)
    return levels[..., 0] if levels.shape[2:] == (1,) else levels


def _as_array(picture: Any, kind: str) -> npt.NDArray[Any]:
    if not isinstance(picture, (np.ndarray, list, tuple, memoryview)):
        raise InputError(f"cannot classify a {kind}; {EXPECTED_THINGS}")
    if isinstance(picture, np.ma.MaskedArray):
        raise InputError("a masked array, and its mask would be lost; fill it first, for example by array.filled(0)")
    try:
        return np.asarray(picture)
    except (ValueError, TypeError) as error:  # ValueError: rows of different lengths
        raise InputShapeError(f"{kind} that is not an array; {EXPECTED_SHAPES}, all rows of one length") from error


def to_levels(array: npt.NDArray[Any], origin: str) -> Pixels:
    """Convert values of any dtype to uint8, 0..255, by the table above. The array must not be empty.

    Raises:
        InputDtypeError: The dtype is not in the table.
        InputRangeError: A value is outside the dtype's range.
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
        _require_range(array, 255, origin, "pass grey levels of more bits as uint16")
        return array.astype(np.uint8)
    raise InputDtypeError(f"{origin} of dtype {dtype}; expected uint8, bool, other integers, or floats in 0..1")


def _require_range(array: npt.NDArray[Any], most: int, origin: str, remedy: str) -> None:
    least_found, most_found = array.min(), array.max()
    if np.isnan(most_found):
        raise InputRangeError(f"NaN in {origin} of {array.dtype}; fill missing values first, as np.nan_to_num does")
    if not (least_found >= 0 and most_found <= most):
        raise InputRangeError(
            f"{origin} of {array.dtype} with values {least_found:g}..{most_found:g}; expected 0..{most}: {remedy}"
        )
