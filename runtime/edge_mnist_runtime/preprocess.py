"""The one way from any picture to the tensor that the network reads.

Training, calibration, evaluation and the device all use this definition. Its version and parameters are hashed into
every artefact, and the runtime refuses an artefact made for another definition.

The steps are MNIST's own (LeCun et al., 1998): the tight box of the ink, scaled with anti-aliasing so that its long
side is 20 pixels, pasted into 28 x 28 so that the centre of mass of the ink falls on pixel 14. What comes before them
finds the ink: transparency on a contrasting ground, dark-on-light or light-on-dark from the border, the ground
subtracted, Otsu's threshold for the box only, grey levels kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFilter

from edge_mnist_runtime.errors import PictureError, first_line

Pixels = npt.NDArray[np.uint8]
"""Pixels, uint8, bright ink on black, 0..255; the shape is said where it is used."""


@dataclass(frozen=True)
class PreprocessDefinition:
    """Everything that decides which tensor a picture becomes."""

    version: int = 1
    """Raised with every change of the steps or of a parameter."""
    side_pixels: int = 28
    """Height and width of the tensor."""
    ink_side_pixels: int = 20
    """Long side of the ink's box inside it."""
    centre_pixel: float = 14.0
    """Row and column on which the ink's centre of mass falls, to the nearest whole shift."""
    working_side_pixels: int = 256
    """Larger pictures are averaged down until their long side is below twice this, before the ink is looked for."""
    least_contrast: int = 24
    """A picture whose ink differs from its ground by less, in grey levels, is blank."""
    floor_part: float = 0.3
    """Grey levels below this part of Otsu's threshold are ground, and become black."""
    full_percentile: float = 90.0
    """The percentile of the ink's grey levels that becomes 255."""
    median_filter_from_pixels: int = 64
    """Pictures whose long side reaches this pass a 3 x 3 median filter, which removes single noisy pixels."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of all parameters: what artefacts carry."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """As manifests and model metadata store it."""
        return {"version": self.version, "sha256": self.sha256}


PREPROCESS: Final = PreprocessDefinition()
"""The definition that this version of edge-mnist uses, and the only one that it knows."""


PREMULTIPLIED: Final = {"La": "LA", "RGBa": "RGBA"}
"""Pillow's modes whose colours are multiplied by their transparency, with what they must become first."""

AS_COLOURS: Final = ("1", "P", "PA")
"""Pillow's modes whose values are no amounts of light, so that they cannot be averaged."""

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
"""What turns a picture of each EXIF orientation upright."""


def is_mnist_shaped(pixels: Pixels) -> bool:
    """Whether grey pixels, shape (H, W) or (H, W, 1), are a tensor already: 28 x 28 with four dark corners."""
    side = PREPROCESS.side_pixels
    if pixels.shape[:2] != (side, side):
        return False
    # Four item() calls cost 0.2 us; every MNIST training image has 0 in all corners.
    flat = pixels.reshape(-1)
    last = side * side - 1
    return bool(flat.item(0) < 128 > flat.item(side - 1) and flat.item(last - side + 1) < 128 > flat.item(last))


def picture_to_pixels(picture: Image.Image, *, origin: str = "picture") -> Pixels:
    """Turn a picture of one digit into the tensor that the network reads.

    Args:
        picture: Any Pillow image: grey, colour, 16-bit, palette, CMYK, with or without transparency or EXIF rotation.
        origin: Where it is from, for error messages.

    Returns:
        uint8, shape (28, 28), bright ink on black. A picture that is such a tensor already comes back unchanged.

    Raises:
        PictureError: The picture is blank, empty, damaged, or of a colour mode that has no grey.
    """
    if 0 in picture.size:
        raise PictureError(f"{origin}: {picture.width} x {picture.height} pixels; expected a picture of one digit")
    try:
        picture.load()  # Pillow decodes late
        grey = _to_grey(_turn_upright(_shrink(picture), _read_orientation(picture)))
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PictureError(describe_damage(origin, error)) from error
    pixels = np.asarray(grey)
    if is_mnist_shaped(pixels):
        return pixels
    return normalise_ink(_find_ink(grey, origin=origin), origin=origin)


def normalise_ink(ink: Pixels, *, origin: str = "picture") -> Pixels:
    """Give ink the size and place that MNIST's digits have.

    Args:
        ink: uint8, shape (H, W), bright ink on a ground of exactly 0.
        origin: Where it is from, for error messages.

    Returns:
        uint8, shape (28, 28).

    Raises:
        PictureError: There is no ink.
    """
    if ink.size == 0 or int(ink.max()) < PREPROCESS.least_contrast:
        raise PictureError(f"{origin}: blank, no ink found; expected a picture of one digit")
    top, bottom, left, right = _ink_box(ink)
    box = ink[top:bottom, left:right]
    scale = PREPROCESS.ink_side_pixels / max(box.shape)
    height, width = (max(1, round(side * scale)) for side in box.shape)
    small = _resampling_weights(box.shape[0], height) @ box @ _resampling_weights(box.shape[1], width).T
    small = np.clip(small, 0, 255)  # the kernel overshoots at edges
    small *= 255 / max(1.0, float(small.max()))
    pixels = np.zeros((PREPROCESS.side_pixels, PREPROCESS.side_pixels), np.uint8)
    y, x = (_paste_offset(small.sum(axis), size) for axis, size in ((1, height), (0, width)))
    pixels[y : y + height, x : x + width] = np.rint(small)
    return pixels


def _resampling_weights(n_from: int, n_to: int) -> npt.NDArray[np.float32]:
    """Bicubic weights with anti-aliasing along one axis, float32, shape (n_to, n_from); each row sums to 1.

    The kernel is that of Keys (1981) with a = -1/2, stretched where the axis shrinks. Pillow has the same one, but
    rounds it otherwise from version to version, by up to 8 grey levels, and a device must see what training saw.
    """
    stretch = max(1.0, n_from / n_to)
    centres = (np.arange(n_to) + 0.5) * (n_from / n_to) - 0.5
    x = np.abs(np.arange(n_from) - centres[:, np.newaxis]) / stretch
    weights = np.where(x < 1, (1.5 * x - 2.5) * x * x + 1, np.where(x < 2, ((2.5 - 0.5 * x) * x - 4) * x + 2, 0.0))
    weights /= weights.sum(1, keepdims=True)
    return weights.astype(np.float32)


def _paste_offset(mass: npt.NDArray[np.float32], size: int) -> int:
    """Where to paste along one axis so that the centre of `mass` falls on the centre pixel, inside the frame."""
    centre = float(np.arange(size) @ mass / mass.sum())
    return min(max(round(PREPROCESS.centre_pixel - centre), 0), PREPROCESS.side_pixels - size)


def describe_damage(origin: str, error: Exception) -> str:
    """What to say of a picture whose decoder failed."""
    return f"{origin}: damaged picture ({first_line(error)}); save it again"


def _shrink(picture: Image.Image) -> Image.Image:
    """Average a large picture down, in its own mode: every later step then costs little time and memory."""
    reduction = max(picture.size) // PREPROCESS.working_side_pixels
    if reduction < 2:
        return picture
    if picture.mode in AS_COLOURS:
        picture = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    elif picture.mode.startswith("I;16"):
        picture = _from_deep_grey(picture)
    return picture.reduce(reduction)


def _read_orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1, upright, where there is none or where it is damaged."""
    try:
        return int(picture.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # noqa: BLE001  # whatever a broken tag makes of Pillow, the pixels are still there
        return 1


def _turn_upright(picture: Image.Image, orientation: int) -> Image.Image:
    turn = UPRIGHT_BY.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _to_grey(picture: Image.Image) -> Image.Image:
    """Opaque, 8-bit grey."""
    if picture.mode == "L":
        return picture
    if picture.mode.startswith("I;16") or picture.mode in ("I", "F"):
        return _from_deep_grey(picture)
    if picture.mode in PREMULTIPLIED:
        picture = picture.convert(PREMULTIPLIED[picture.mode])
    if picture.has_transparency_data:
        return _on_contrasting_ground(picture.convert("RGBA").convert("LA"))
    return picture.convert("RGB").convert("L")


def _from_deep_grey(picture: Image.Image) -> Image.Image:
    """8-bit grey of 10, 12, 16 or 32 bits: white is the smallest 2**n - 1, n >= 8, that no pixel exceeds.

    Floating-point pictures that stay within 0..1 have white at 1.
    """
    values = np.asarray(picture)
    if values.dtype.kind == "f":
        values = np.nan_to_num(values)
        if 0 < values.max() <= 1:
            values = values * 255
        values = np.clip(values, 0, 2**31 - 1).astype(np.int32)
    elif values.dtype.kind == "i":
        values = np.maximum(values, 0)
    bits = max(8, int(values.max()).bit_length())
    return Image.fromarray((values >> (bits - 8)).astype(np.uint8))


def _on_contrasting_ground(picture: Image.Image) -> Image.Image:
    grey, alpha = picture.split()
    weight = np.asarray(alpha, np.float64)
    visible_mean = float((np.asarray(grey) * weight).sum() / max(1.0, weight.sum()))
    ground = Image.new("L", picture.size, 0 if visible_mean >= 128 else 255)
    ground.paste(grey, mask=alpha)
    return ground


def _find_ink(grey: Image.Image, *, origin: str) -> Pixels:
    """Subtract the ground: uint8, shape (H, W), bright ink on exactly 0."""
    if max(grey.size) >= PREPROCESS.median_filter_from_pixels:
        grey = grey.filter(ImageFilter.MedianFilter(3))
    values = np.asarray(grey, np.int16)
    border = np.concatenate([values[0], values[-1], values[1:-1, 0], values[1:-1, -1]])
    ground = float(_quantile(border, 0.5))
    darker, lighter = ground - float(values.min()), float(values.max()) - ground
    if max(darker, lighter) < PREPROCESS.least_contrast:
        raise PictureError(f"{origin}: blank, no ink found; expected a picture of one digit")
    contrast = np.clip(ground - values if darker >= lighter else values - ground, 0, 255)
    threshold = otsu_threshold(contrast.astype(np.uint8))
    floor = PREPROCESS.floor_part * threshold
    full = float(_quantile(contrast[contrast > threshold], PREPROCESS.full_percentile / 100))
    ink: Pixels = np.clip((contrast - floor) * (255 / (full - floor)), 0, 255).astype(np.uint8)
    return ink


def _quantile(values: npt.NDArray[Any], part: float) -> Any:
    """The value below which `part` (0..1) of all values lie, without interpolation.

    NumPy's median and percentile import numpy.ma, which costs a cold start 6 ms.
    """
    return np.sort(values, axis=None)[int(part * (values.size - 1))]


def _ink_box(ink: Pixels) -> tuple[int, int, int, int]:
    """Top, bottom, left and right (the far ends exclusive) of all ink above half of Otsu's threshold."""
    mask = ink > otsu_threshold(ink) / 2
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def otsu_threshold(values: Pixels) -> int:
    """The grey level that best parts `values` (uint8, any shape) in two, after Otsu (1979).

    Returns:
        The largest level of the lower class, in 0..254: `values > threshold` is the upper class, never empty where
        two levels occur.
    """
    counts = np.bincount(values.reshape(-1), minlength=256).astype(np.float64)
    weight = counts.cumsum()
    mass = (counts * np.arange(256)).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        between = (mass[-1] * weight - mass * weight[-1]) ** 2 / (weight * (weight[-1] - weight))
    return int(np.nan_to_num(between[:-1], nan=-1.0, posinf=-1.0).argmax())
