"""From any picture to the tensor that the network reads, and what was done on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from edge_mnist_runtime.colours import upright_colours, upright_grey
from edge_mnist_runtime.drawing import has_even_border, is_clean, subtract_ground
from edge_mnist_runtime.errors import InputShapeError, PictureError, first_line
from edge_mnist_runtime.picture_definition import PICTURE_READING, ReadingMode
from edge_mnist_runtime.preprocess import PREPROCESS, Pixels, ink_box, is_mnist_shaped, normalise_ink

T = TypeVar("T")

PartsBox = tuple[float, float, float, float]
"""Top, bottom, left and right, as parts of an upright picture's height and width."""


@dataclass(frozen=True)
class Reading:
    """What became of one picture."""

    pixels: Pixels
    """The tensor: uint8, shape (28, 28), bright ink on black."""
    mode: ReadingMode
    """Which reading was used: `raw` (unchanged), `mnist` or `photo`."""
    box: PartsBox | None = None
    """Where the digit was found; None where nothing was looked for."""
    light_on_dark: bool | None = None
    """Whether the ink is lighter than its ground; None where nothing was looked for."""
    lines_removed: int = 0
    """Printed lines that were taken away."""
    steps: tuple[tuple[str, Image.Image], ...] = ()
    """Name and picture, of mode L or RGB, of what came on the way to the tensor."""

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {
            "mode": self.mode,
            "box": None if self.box is None else [round(side, 4) for side in self.box],
            "light_on_dark": self.light_on_dark,
            "lines_removed": self.lines_removed,
        }


def picture_to_pixels(picture: Image.Image, *, mode: ReadingMode = "auto", origin: str = "picture") -> Pixels:
    """The tensor, uint8, shape (28, 28), that the network reads for a picture; see `read_picture`."""
    return read_picture(picture, mode=mode, origin=origin).pixels


def read_picture(picture: Image.Image, *, mode: ReadingMode = "auto", origin: str = "picture") -> Reading:
    """Turn a picture of one digit into the tensor that the network reads.

    Args:
        picture: Any Pillow image: grey, colour, 16-bit, palette, CMYK, with or without transparency or EXIF rotation.
        mode: `auto` lets what is MNIST-shaped already pass, reads clean drawings as `mnist` does, and all else as
            `photo` does. `mnist` is for one digit on an even ground and nothing else. `photo` copes with uneven light,
            shadows, lined and squared paper, any pen. `raw` takes 28 x 28 grey pixels as they are.
        origin: Where it is from, for error messages.

    Raises:
        PictureError: The picture is blank, empty, damaged, or of a colour mode that has no grey.
        InputShapeError: `mode` is `raw`, and the picture is not 28 x 28 grey pixels.
    """
    if 0 in picture.size:
        raise PictureError(f"{origin}: {picture.width} x {picture.height} pixels; expected a picture of one digit")
    _made_plain(picture.load, origin)  # Pillow decodes late
    if mode == "raw":
        return _read_raw(picture, origin)
    if mode == "photo":
        return _read_photo(_colours_of(picture, origin), origin)
    if mode == "mnist" or min(picture.size) < PICTURE_READING.least_photo_side_pixels:
        return _read_drawing(_grey_of(picture, origin), origin)
    return _read_anything(picture, origin)


def describe_damage(origin: str, error: Exception) -> str:
    """What to say of a picture whose decoder failed."""
    return f"{origin}: damaged picture ({first_line(error)}); save it again"


def _read_raw(picture: Image.Image, origin: str) -> Reading:
    side = PREPROCESS.side_pixels
    if picture.size != (side, side) or picture.mode not in ("L", "1"):
        raise InputShapeError(
            f"{origin}: {picture.width} x {picture.height} pixels of mode {picture.mode}; the reading `raw` expects "
            f"{side} x {side} grey pixels, bright ink on black; `auto` reads other pictures"
        )
    return Reading(np.asarray(picture.convert("L")), "raw")


def _read_drawing(grey: Image.Image, origin: str) -> Reading:
    pixels = np.asarray(grey)
    if is_mnist_shaped(pixels):
        return Reading(pixels, "raw")
    ink, light_on_dark = subtract_ground(grey, origin=origin)
    return _drawn(grey, ink, light_on_dark, origin)


def _drawn(grey: Image.Image, ink: Pixels, light_on_dark: bool, origin: str) -> Reading:
    top, bottom, left, right = ink_box(ink)
    box = (top / grey.height, bottom / grey.height, left / grey.width, right / grey.width)
    steps = (("picture", grey), ("ink", Image.fromarray(ink)))
    return Reading(normalise_ink(ink, origin=origin), "mnist", box, light_on_dark, 0, steps)


def _read_anything(picture: Image.Image, origin: str) -> Reading:
    colours = _colours_of(picture, origin)
    if has_even_border(np.asarray(colours)):
        grey = _grey_of(picture, origin)
        try:
            ink, light_on_dark = subtract_ground(grey, origin=origin)
        except PictureError:
            pass  # no ink in grey; there may be some in colour
        else:
            if is_clean(grey, ink):
                return _drawn(grey, ink, light_on_dark, origin)
    return _read_photo(colours, origin)


def _read_photo(colours: Image.Image, origin: str) -> Reading:
    from edge_mnist_runtime.photo import find_ink

    found = find_ink(colours)
    if found is None:
        raise PictureError(f"{origin}: blank, no ink found; expected a picture of one digit")
    found_ink = (("darkness", Image.fromarray(found.darkness)), ("ink", Image.fromarray(found.ink)))
    pixels = normalise_ink(found.ink, origin=origin)
    return Reading(pixels, "photo", found.box, found.light_on_dark, found.lines, (("picture", colours), *found_ink))


def _colours_of(picture: Image.Image, origin: str) -> Image.Image:
    return _made_plain(lambda: upright_colours(picture, side_pixels=PICTURE_READING.detail_side_pixels), origin)


def _grey_of(picture: Image.Image, origin: str) -> Image.Image:
    return _made_plain(lambda: upright_grey(picture), origin)


def _made_plain(make: Callable[[], T], origin: str) -> T:
    """What `make` makes; whatever a decoder or a conversion raises becomes one kind of error."""
    try:
        return make()
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PictureError(describe_damage(origin, error)) from error
