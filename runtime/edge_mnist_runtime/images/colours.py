"""Convert pictures of every mode and orientation to upright, opaque 8-bit grey or colour."""

from __future__ import annotations

from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.images.parameters import DECODING
from edge_mnist_runtime.preprocess import PREPROCESS

PREMULTIPLIED: Final = {"La": "LA", "RGBa": "RGBA"}
"""Pillow's modes with premultiplied alpha, and the modes without it that they are first converted to."""

AS_COLOURS: Final = ("1", "P", "PA")
"""Pillow's modes whose values are not intensities, so they cannot be averaged."""

EXIF_ORIENTATION: Final = 0x0112
"""EXIF tag of the orientation (Exif 2.3, section 4.6.4)."""

UPRIGHT_BY: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that turns a picture of each EXIF orientation upright."""


SIDEWAYS: Final = (5, 6, 7, 8)
"""EXIF orientations that turn a picture on its side."""

FULL_SIZE: Final = "edge_mnist_full_size"
"""Key in Pillow's `info` for width and height of a picture that was decoded at a reduced scale."""


def upright_size(picture: Image.Image) -> tuple[int, int]:
    """Width and height of the upright picture, before any reduction."""
    width, height = picture.info.get(FULL_SIZE, picture.size)
    return (height, width) if _read_orientation(picture) in SIDEWAYS else (width, height)


def upright_grey(picture: Image.Image) -> Image.Image:
    """Convert to opaque, upright 8-bit grey. Large pictures are averaged down to a long side below 512 pixels."""
    reduction = max(picture.size) // PREPROCESS.working_side_pixels
    return _to_grey(_turn_upright(_shrink(picture, reduction), _read_orientation(picture)))


def upright_colours(picture: Image.Image, *, side_pixels: int) -> Image.Image:
    """Convert to opaque, upright 8-bit colour, or to grey if the picture has no colours.

    Args:
        picture: Any picture.
        side_pixels: Larger pictures are averaged down by a whole factor until their long side is below twice this.
    """
    plain = _to_colours(_shrink(picture, max(picture.size) // side_pixels))
    return _turn_upright(plain, _read_orientation(picture))


def _shrink(picture: Image.Image, reduction: int) -> Image.Image:
    """Average a large picture down in its own mode, so that later steps take little time and memory."""
    if reduction < 2:
        return picture
    if picture.mode in AS_COLOURS:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    elif picture.mode.startswith("I;16"):
        picture = _from_deep_grey(picture)
    return picture.reduce(reduction)


def _read_orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 (upright) if it is missing or damaged."""
    try:
        return int(picture.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # Pillow raises anything for a broken tag; the pixels are still usable
        return 1


def _turn_upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = UPRIGHT_BY.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _to_grey(picture: Image.Image) -> Image.Image:
    if picture.mode == "L":
        return picture
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _from_deep_grey(picture)
    if picture.mode in PREMULTIPLIED:
        picture = picture.convert(PREMULTIPLIED[picture.mode])
    if picture.has_transparency_data:
        return _on_contrasting_ground(picture.convert("RGBA").convert("LA"))
    return picture.convert("RGB").convert("L")


def _to_colours(picture: Image.Image) -> Image.Image:
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode.startswith("I;16") or picture.mode in ("1", "I", "F"):
        return _to_grey(picture)
    if picture.mode in PREMULTIPLIED:
        picture = picture.convert(PREMULTIPLIED[picture.mode])
    if picture.has_transparency_data:
        return _on_contrasting_ground(picture.convert("RGBA"))
    return picture.convert("RGB")


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """Convert grey of 10, 12, 16 or 32 bits to 8 bits. White is the smallest 2**n - 1, n >= 8, not below any pixel.

    In floating-point pictures within 0..1 white is 1.
    """
    values = np.asarray(picture)
    if values.dtype.kind == "f":
        values = np.clip(np.nan_to_num(values), 0, 2**31 - 128)  # the greatest float32 that fits into int32
        if 0 < values.max() <= 1:
            values = values * 255
        values = values.astype(np.int32)
    elif values.dtype.kind == "i":
        values = np.maximum(values, 0)
    bits = max(8, int(values.max()).bit_length())
    return Image.fromarray((values >> (bits - 8)).astype(np.uint8))


def _on_contrasting_ground(picture: Image.Image) -> Image.Image:
    """Remove transparency from LA or RGBA: paste on black if the visible pixels are light, else on white."""
    alpha = picture.getchannel("A")
    plain = picture.convert("L" if picture.mode == "LA" else "RGB")
    weight = np.asarray(alpha, np.float64)
    visible_mean = float((np.asarray(plain.convert("L")) * weight).sum() / max(1.0, weight.sum()))
    background = Image.new(plain.mode, picture.size, "black" if visible_mean >= DECODING.light_from else "white")
    background.paste(plain, mask=alpha)
    return background
