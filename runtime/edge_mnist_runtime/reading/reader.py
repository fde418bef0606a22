"""Turn any picture into the tensor that the network reads, and report how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
from PIL import Image, ImageFilter

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.errors import InputShapeError, PictureError
from edge_mnist_runtime.images.colours import upright_colours, upright_grey, upright_size
from edge_mnist_runtime.images.damage import describe_damage
from edge_mnist_runtime.prediction import Quality, Reason
from edge_mnist_runtime.preprocess import PREPROCESS, ink_box, normalise_ink
from edge_mnist_runtime.reading.drawing import (
    DrawnInk,
    has_even_border,
    is_clean,
    may_be_drawing,
    normalise_drawing,
    subtract_background,
)
from edge_mnist_runtime.reading.enlargement import find_enlarged_tensor
from edge_mnist_runtime.reading.faint_strokes import settle_grey
from edge_mnist_runtime.reading.ink import pick_ink
from edge_mnist_runtime.reading.modes import ReadingMode, find_tensor
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.rejection import find_rejection_reason, is_grain
from edge_mnist_runtime.reading.result import Reading, Steps
from edge_mnist_runtime.reading.sheets import find_inside

if TYPE_CHECKING:
    from edge_mnist_runtime.reading.photo import FoundInk

T = TypeVar("T")

SIZE: Final = (PREPROCESS.side_pixels, PREPROCESS.side_pixels)
"""Width and height of a tensor."""


def read_picture(picture: Image.Image, *, mode: ReadingMode = "auto", origin: str = "picture") -> Reading:
    """Turn a picture of one digit into the tensor that the network reads.

    Args:
        picture: Any Pillow image: grey, colour, 16-bit, palette, CMYK, with or without transparency or EXIF rotation.
        mode: `auto` passes tensors on, also enlarged or inverted ones. It reads clean drawings like `mnist`, and all
            other pictures like `photo`. `mnist` reads one digit on an even background. `photo` also handles uneven
            light, shadows, lined and squared paper, and any pen. `raw` accepts only 28 x 28 grey pixels, unchanged.
        origin: Name of the picture in error messages.

    Returns:
        The reading. If the picture shows no readable digit, its `flaw` says why.

    Raises:
        PictureError: The picture is empty, damaged, or of a colour mode that cannot become grey.
        InputShapeError: `mode` is `raw`, and the picture is not 28 x 28 grey pixels.
    """
    require_decoded(picture, origin)
    reading = _read(picture, mode, origin)
    if reading.flaw == "blank":
        return _read_smoothed(picture, mode, origin) or reading
    return reading


def _read(picture: Image.Image, mode: ReadingMode, origin: str) -> Reading:
    """Read a decoded picture once."""
    if mode == "auto" and min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        picture = _in_visible_colour(picture, origin)
    if tensor := _find_tensor(picture, mode, origin):
        return tensor
    if mode == "photo":
        return _read_photo(picture, _colours_of(picture, origin))
    if picture.size == SIZE:
        picture = _with_even_background(picture, origin)
    if mode == "mnist":
        return read_drawing(picture, origin)
    return _read_anything(picture, origin)


def require_decoded(picture: Image.Image, origin: str) -> None:
    """Decode a picture, because Pillow decodes lazily; raise `PictureError` if it is empty or damaged."""
    if 0 in picture.size:
        raise PictureError(f"{origin}: {picture.width} x {picture.height} pixels; expected a picture of digits")
    _made_plain(picture.load, origin)


def _find_tensor(picture: Image.Image, mode: ReadingMode, origin: str) -> Reading | None:
    """The reading of a 28 x 28 picture that is a tensor; None for other pictures. Mode `raw` refuses those."""
    is_small = picture.size == SIZE
    if mode == "raw" and not (is_small and picture.mode in ("L", "1")):
        width, height = upright_size(picture)
        raise InputShapeError(
            f"{origin}: {width} x {height} pixels, {picture.mode}; mode raw expects "
            f"{PREPROCESS.side_pixels} x {PREPROCESS.side_pixels} grey pixels, bright ink on black; mode auto reads "
            "other pictures"
        )
    if not is_small:
        return None
    grey = np.asarray(picture.convert("L") if mode == "raw" else _grey_of(picture, origin))
    tensor = find_tensor(grey.tobytes(), mode)
    return None if tensor is None else Reading(np.frombuffer(tensor, np.uint8).reshape(grey.shape), "raw")


def _in_visible_colour(picture: Image.Image, origin: str) -> Image.Image:
    """A small picture whose ink is as bright as its ground, in the colour that shows most; others unchanged."""
    if picture.mode in ("L", "1") or _range_of(_grey_of(picture, origin)) >= PREPROCESS.least_contrast:
        return picture
    return max(_colours_of(picture, origin).split(), key=_range_of)


def _range_of(plane: Image.Image) -> int:
    """The difference of the brightest and the darkest pixel of a picture of mode L."""
    return int(np.ptp(np.asarray(plane)))


def _with_even_background(picture: Image.Image, origin: str) -> Image.Image:
    """A 28 x 28 picture of dark ink, without the differences of its background."""
    grey = _grey_of(picture, origin)
    if has_even_border(grey):
        return picture
    from edge_mnist_runtime.reading.tensor_background import take_light_background_away  # seldom needed

    return Image.fromarray(take_light_background_away(np.asarray(grey)))


def read_drawing(picture: Image.Image, origin: str) -> Reading:
    """Read a picture as a clean drawing, whether it is one or not."""
    return _read_even(picture, _grey_of(picture, origin))


def _read_even(picture: Image.Image, grey: Image.Image) -> Reading:
    """Read a picture, which is also given in grey, as ink on an even background."""
    ink = subtract_background(grey)
    return _blank(grey, "mnist") if ink is None else _drawn(picture, grey, ink)


def _drawn(picture: Image.Image, grey: Image.Image, ink: DrawnInk) -> Reading:
    found, full = ink_box(ink.pixels), upright_size(picture)
    sides = zip(found, full * 2, grey.size * 2, strict=True)
    box = Box.around(*(side * whole / reduced for side, whole, reduced in sides))
    side_pixels = found.long_side * max(full) / max(grey.size)
    # None if the ink covers so few pixels that the peak misses it. Then the rules for its components do not apply.
    picked = pick_ink(ink.pixels / np.float32(255), 0.0)
    if picked and is_grain(picked):
        return _blank(grey, "mnist")
    flaw = find_rejection_reason(picked, side_pixels) if picked else _find_small(side_pixels)
    quality = Quality(side_pixels, ink.contrast)

    levels = ink.pixels  # the steps keep these alone

    def draw_steps() -> Steps:
        return ("picture", grey), ("ink", Image.fromarray(levels))

    pixels = normalise_drawing(levels)
    return Reading(pixels, "mnist", box, ink.light_on_dark, 0, quality, flaw, draw_steps)


def _find_small(side_pixels: float) -> Reason | None:
    """The only rejection reason that does not need the ink's components."""
    return "too small" if side_pixels < PICTURE_READING.flaws.min_side_pixels else None


def _read_anything(picture: Image.Image, origin: str) -> Reading:
    colours = _colours_of(picture, origin)
    if enlarged := find_enlarged_tensor(colours):
        tensor, light_on_dark = enlarged
        return Reading(tensor, "raw", light_on_dark=light_on_dark, draw_steps=lambda: (("picture", colours),))
    if min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return read_drawing(picture, origin)
    if may_be_drawing(colours) and (drawn := _read_clean(picture, _grey_of(picture, origin))):
        return drawn
    return _read_photo(picture, colours)


def _read_colours(picture: Image.Image, colours: Image.Image, *, is_whole: bool = True) -> Reading:
    """Read colours that differ from the picture's own as a clean drawing, or else as a photograph."""
    clean = may_be_drawing(colours) and _read_clean(picture, colours.convert("L"))
    return clean or _read_photo(picture, colours, is_whole=is_whole)


def _read_smoothed(picture: Image.Image, mode: ReadingMode, origin: str) -> Reading | None:
    """Read a blank picture again, smoothed: spray and halftone are grain in the form of strokes.

    Returns:
        The reading, which is still blank unless the network is sure. None if there are no strokes, or if they reach the
        picture's edge, as folds and shadows do.
    """
    if min(picture.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return None
    plain = _grey_of(picture, origin) if mode == "mnist" else _colours_of(picture, origin)
    smooth = plain.filter(ImageFilter.GaussianBlur(PICTURE_READING.reader.smoothing * min(plain.size)))
    reading = _read_even(picture, smooth) if mode == "mnist" else _read_colours(picture, smooth)
    if reading.flaw or reading.box is None:
        return None
    (left, top, right, bottom), (width, height) = reading.box, upright_size(picture)
    if min(left, top, width - right, height - bottom) < PICTURE_READING.reader.smoothing * min(width, height):
        return None

    def draw_steps() -> Steps:
        return ("picture", plain), ("smoothed", smooth), *reading.steps[1:]

    return replace(reading, flaw="blank", is_grain=True, draw_steps=draw_steps)


def _read_clean(picture: Image.Image, grey: Image.Image) -> Reading | None:
    """The reading of a clean drawing; None if the picture is none."""
    ink = subtract_background(grey)  # None: blank in grey, but there may be ink in colour
    if ink is None:
        return None
    if settled := settle_grey(grey, ink):
        return _drawn(picture, grey, settled)
    return _drawn(picture, grey, ink) if is_clean(grey, ink.pixels) else None


def _read_photo(picture: Image.Image, colours: Image.Image, *, is_whole: bool = True) -> Reading:
    """The reading of a picture, or of the region inside a sheet, which is not searched for another sheet."""
    from edge_mnist_runtime.reading.photo import find_ink

    full = upright_size(picture)
    found = find_ink(colours, full_side_pixels=max(full))
    if found is None:
        return _blank(colours, "photo")
    if is_whole and (inside := _read_inside_sheet(picture, colours, found)):
        return inside
    left, top, right, bottom = found.sides
    quality = Quality(max((bottom - top) * full[1], (right - left) * full[0]), found.contrast)
    box = Box.around(left * full[0], top * full[1], right * full[0], bottom * full[1])
    pixels = normalise_ink(found.ink)

    def draw_steps() -> Steps:
        drawn = (("darkness", found.draw_darkness()), ("ink", found.ink))
        return ("picture", colours), *((name, Image.fromarray(levels)) for name, levels in drawn)

    return Reading(pixels, "photo", box, found.light_on_dark, found.lines, quality, found.flaw, draw_steps)


def _read_inside_sheet(picture: Image.Image, colours: Image.Image, found: FoundInk) -> Reading | None:
    """Read what is on a sheet that was taken for ink; None if that was no sheet, or shows no digit."""
    inside = find_inside(found.ink, found.sides)
    if inside is None:
        return None
    left, top, right, bottom = map(round, np.array(inside) * (colours.size * 2))
    region = colours.crop((left, top, right, bottom))
    region.info = {}  # it tells the size and the rotation of the whole picture
    if min(region.size) < PICTURE_READING.reader.min_photo_side_pixels:
        return None
    reading = _read_colours(region, region, is_whole=False)
    if reading.flaw or reading.box is None or reading.quality is None:
        return None
    full_width, full_height = upright_size(picture)
    across, down = full_width / colours.width, full_height / colours.height
    box = np.array(reading.box) + np.array((left, top) * 2)
    return replace(
        reading,
        box=Box.around(*(box * ((across, down) * 2)).tolist()),
        quality=replace(reading.quality, side_pixels=reading.quality.side_pixels * max(across, down)),
        draw_steps=lambda: (("picture", colours), ("sheet", region), *reading.steps[1:]),
    )


def _blank(picture: Image.Image, mode: ReadingMode) -> Reading:
    side = PREPROCESS.side_pixels
    return Reading(np.zeros((side, side), np.uint8), mode, flaw="blank", draw_steps=lambda: (("picture", picture),))


def _colours_of(picture: Image.Image, origin: str) -> Image.Image:
    return _made_plain(lambda: upright_colours(picture, side_pixels=PICTURE_READING.reader.detail_side_pixels), origin)


def _grey_of(picture: Image.Image, origin: str) -> Image.Image:
    return _made_plain(lambda: upright_grey(picture), origin)


def _made_plain(make: Callable[[], T], origin: str) -> T:
    """Return `make()`; turn any exception of a decoder or conversion into `PictureError`."""
    try:
        return make()
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PictureError(describe_damage(origin, error)) from error
