"""Whatever `DigitClassifier` takes as a picture, brought to grey levels or to the network's tensor.

| given | read as |
|---|---|
| `str`, `os.PathLike` | a picture file |
| `bytes`, `bytearray`, flat `memoryview` | the bytes of a picture file |
| binary file object | a picture file, from where it stands to its end |
| Pillow image | a picture |
| array or nested lists, (H, W), (H, W, 1), (H, W, 3), (H, W, 4) | a picture; if 28 x 28 with dark corners, the tensor |
| array or nested lists, (784,), (1, 28, 28), (1, 28, 28, 1) | as (28, 28) |

What the values of an array mean, by its dtype: `edge_mnist_runtime.arrays` has the table.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.arrays import UINT8, to_plane
from edge_mnist_runtime.errors import InputError
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

TENSOR_SHAPES: Final = ((28, 28), (28, 28, 1))
"""Shapes of an array that may be the network's tensor as it is."""

DARK: Final = 128
"""Corners of a tensor are below this; every MNIST training image has 0 in all of them."""


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
    return Image.fromarray(to_plane(picture)), "array"


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
