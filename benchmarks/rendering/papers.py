"""Render the background of a digit: paper, printed lines, light and camera.

All arrays are float32. Light and reflectance are in 0..1. Positions on the page are in units of the digit's height.

Much of the time goes to fetching memory for large intermediate results. Therefore rows and columns stay vectors for as
long as possible, and results are changed in place.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

Floats = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
Ruling = Literal["none", "lined", "squared", "margin", "dots", "box"]
Light = Literal["flat", "uneven", "shadow", "lamp", "glare"]

LINE_COLOURS: Final[tuple[Colour, ...]] = (
    (0.45, 0.6, 0.85),
    (0.6, 0.75, 0.9),
    (0.6, 0.6, 0.62),
    (0.75, 0.75, 0.75),
    (0.88, 0.5, 0.5),
    (0.55, 0.75, 0.6),
    (0.4, 0.4, 0.45),
)
"""Blue, pale blue, grey, pale grey, red, green and dark grey, as printed lines are."""


@dataclass(frozen=True)
class View:
    """Position of each pixel on the page."""

    u: Floats
    """Columns, shape (H, W), from the middle of the digit, in units of its height."""
    v: Floats
    """Rows, in the same units."""
    digit_pixels: float
    """Height of the digit in the picture, in pixels."""


def look_at_page(
    size: tuple[int, int],
    centre: tuple[float, float],
    digit_pixels: float,
    rng: np.random.Generator,
    *,
    tilt_degrees: float,
) -> View:
    """Map a camera picture to a page that is rotated, seen in perspective and slightly curved.

    Args:
        size: Height and width of the picture.
        centre: Row and column of the digit's middle.
        digit_pixels: Height of the digit.
        rng: Draws rotation, perspective and curvature.
        tilt_degrees: Largest rotation to either side. Perspective and curvature grow with it.
    """
    rows, columns = _rows_and_columns(size)
    y, x = rows - centre[0], columns - centre[1]
    part = tilt_degrees / 12
    slope = rng.uniform(-0.25, 0.25, 2) * part / max(size)
    depth = 1 + slope[0] * x + slope[1] * y
    np.clip(depth, 0.6, 1.6, out=depth)
    x, y = x / depth, y / depth
    angle = np.radians(rng.uniform(-tilt_degrees, tilt_degrees))
    u = (np.cos(angle) * x + np.sin(angle) * y) / digit_pixels
    v = (-np.sin(angle) * x + np.cos(angle) * y) / digit_pixels
    bend = rng.uniform(0, 0.006) * part * max(size) / digit_pixels
    v += bend * np.sin(x / max(size) * rng.uniform(2, 5) + rng.uniform(0, 6))
    return View(u.astype(np.float32), v.astype(np.float32), digit_pixels)


def _rows_and_columns(size: tuple[int, int]) -> tuple[Floats, Floats]:
    """Return the numbers of rows, shape (H, 1), and of columns, shape (1, W)."""
    return np.arange(size[0], dtype=np.float32)[:, np.newaxis], np.arange(size[1], dtype=np.float32)[np.newaxis]


def make_paper(size: tuple[int, int], colour: Colour, rng: np.random.Generator, *, roughness: float) -> Floats:
    """Render blank paper, shape (H, W, 3), with smooth noise and fibres, and folds if it is rough."""
    grain = roughness * (0.5 * clouds(size, rng, 40) + 0.3 * clouds(size, rng, 5) + 0.2 * clouds(size, rng, 1))
    if roughness > 0.05:
        for _ in range(int(rng.integers(1, 4))):  # folds: the two sides of a line differ in brightness
            grain += rng.uniform(-0.05, 0.05) * (_side_of_line(size, rng) > 0)
    paper: Floats = np.asarray(colour, np.float32) * (1 + grain[..., np.newaxis])
    return paper


def clouds(size: tuple[int, int], rng: np.random.Generator, scale_pixels: float) -> Floats:
    """Make smooth noise of about that scale, shape `size`, mean 0, standard deviation about 1."""
    coarse = (int(size[0] / scale_pixels) + 3, int(size[1] / scale_pixels) + 3)
    picture = Image.fromarray(rng.standard_normal(coarse).astype(np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.BICUBIC))


def rule_coverage(view: View, ruling: Ruling, rng: np.random.Generator) -> list[tuple[Floats, Colour]]:
    """Render printed lines: their coverage of each pixel, shape (H, W), 0..1, and their colour.

    Half of the digits stand on a line, as in writing. The lines of the others have a random offset.
    """
    colour = LINE_COLOURS[rng.integers(len(LINE_COLOURS))]
    thickness = max(rng.uniform(0.012, 0.04), 0.9 / view.digit_pixels)
    start = 0.5 if rng.random() < 0.5 else rng.uniform(0, 1)
    if ruling == "lined":
        return [(_lines(view, view.v - start, rng.uniform(0.8, 1.6), thickness), colour)]
    if ruling == "margin":
        lines = _lines(view, view.v - start, rng.uniform(0.8, 1.6), thickness)
        margin = _lines(view, view.u + rng.uniform(0.75, 1.1), 1000.0, thickness)
        return [(lines, colour), (margin, LINE_COLOURS[4])]
    if ruling == "squared":
        spacing = rng.uniform(0.28, 0.8)
        across, down = (_lines(view, at, spacing, thickness) for at in (view.v - start, view.u - rng.uniform(0, 1)))
        return [(np.maximum(across, down), colour)]
    if ruling == "dots":
        spacing = rng.uniform(0.3, 0.7)
        across, down = (_lines(view, at, spacing, 2.5 * thickness) for at in (view.v - start, view.u - start))
        return [(across * down, colour)]
    if ruling == "box":
        half = np.array([rng.uniform(0.65, 0.9), rng.uniform(0.55, 0.85)])
        distance = np.maximum(np.abs(view.v) - half[0], np.abs(view.u) - half[1])
        edge = np.clip(0.5 + (thickness / 2 - np.abs(distance)) * view.digit_pixels, 0, 1)
        return [(edge.astype(np.float32), LINE_COLOURS[rng.choice([0, 2, 6])])]
    return []


def _lines(view: View, at: Floats, spacing: float, thickness: float) -> Floats:
    distance = np.abs((at / spacing + 0.5) % 1 - 0.5) * spacing
    covered: Floats = np.clip(0.5 + (thickness / 2 - distance) * view.digit_pixels, 0, 1).astype(np.float32)
    return covered


def cast_light(size: tuple[int, int], light: Light, rng: np.random.Generator) -> Floats:
    """Render the light on each pixel, shape (H, W, 3), with a maximum of about 1."""
    field = np.ones(size, np.float32)
    if light != "flat":
        field *= 1 - rng.uniform(0.1, 0.5) * _ramp(size, rng)
        rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
        field *= 1 - rng.uniform(0, 0.3) * (rows[:, np.newaxis] ** 2 + columns**2) / 2
    if light == "shadow":
        for _ in range(int(rng.integers(1, 3))):
            field *= _shadow(size, rng)
    if light in ("lamp", "glare"):
        rows, columns = _rows_and_columns(size)
        at, reach = rng.uniform(0.1, 0.9, 2) * size, max(size) * rng.uniform(0.35, 0.7)
        distance = ((rows - at[0]) ** 2 + (columns - at[1]) ** 2) / reach**2
        field *= 0.35 + 0.65 * np.exp(-distance) if light == "lamp" else 1 + 0.25 * np.exp(-8 * distance)
    tint = 1 + rng.uniform(-0.1, 0.1) * np.array([1.0, 0.0, -1.0])
    lit: Floats = (field[..., np.newaxis] * tint).astype(np.float32)
    return lit


def _shadow(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Render the shadow of a phone, an arm or a window frame: its edge is sharp or soft, straight or round."""
    edge = _side_of_line(size, rng)
    if rng.random() < 0.5:
        edge += 0.12 * max(size) * clouds(size, rng, max(size) / 3)
    softness = np.exp(rng.uniform(np.log(1.0), np.log(max(size) / 10)))
    inside = 1 / (1 + np.exp(np.clip(-edge / softness, -30, 30)))
    shade: Floats = (1 - rng.uniform(0.2, 0.6) * inside).astype(np.float32)
    return shade


def _side_of_line(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Signed distance in pixels to a random straight line through the middle of the picture."""
    rows, columns = _rows_and_columns(size)
    angle, at = rng.uniform(0, 2 * np.pi), rng.uniform(0.15, 0.85, 2) * size
    distance: Floats = np.cos(angle) * (rows - at[0]) + np.sin(angle) * (columns - at[1])
    return distance


def _ramp(size: tuple[int, int], rng: np.random.Generator) -> Floats:
    ramp = _side_of_line(size, rng)
    rise: Floats = (ramp - ramp.min()) / (ramp.max() - ramp.min())
    return rise


def expose(scene: Floats, rng: np.random.Generator, *, blur_pixels: float, noise: float) -> Image.Image:
    """Take the picture: exposure, blur, noise that grows with the light, 8 bits.

    Args:
        scene: Light from each pixel, shape (H, W, 3).
        rng: Draws exposure and noise.
        blur_pixels: Standard deviation of the blur.
        noise: Standard deviation of the noise in bright areas, 0..1.
    """
    seen = ndimage.gaussian_filter(scene, (blur_pixels, blur_pixels, 0)) if blur_pixels else scene.copy()
    if noise:
        luminance = rng.standard_normal(seen.shape[:2], dtype=np.float32)[..., np.newaxis]
        grain = rng.standard_normal(seen.shape, dtype=np.float32)
        grain *= 0.5
        grain += 0.8 * luminance
        strength = np.clip(seen, 0, 1)
        strength *= 0.5
        strength += 0.5
        strength *= noise
        grain *= strength
        seen *= rng.uniform(0.75, 1.0)
        seen += grain
    np.clip(seen, 0, 1, out=seen)
    seen *= 255
    return Image.fromarray(np.rint(seen, out=seen).astype(np.uint8))


def encode_jpeg(picture: Image.Image, quality: int) -> bytes:
    """Encode a picture as JPEG."""
    return _encode(picture, "JPEG", [("quality", quality)])


def encode_png(picture: Image.Image) -> bytes:
    """Encode a picture as PNG."""
    return _encode(picture, "PNG", [])


def _encode(picture: Image.Image, file_format: str, options: Sequence[tuple[str, int]]) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **dict(options))
    return buffer.getvalue()
