"""Render photographs, scans and drawings of one digit.

They test how well the runtime finds a digit in a picture. Digits come from the handwriting styles of `strokes.py`, from
font families that were not used for training, or from images of the caller. The same seed gives the same pictures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.rendering.papers import (
    Colour,
    Floats,
    View,
    cast_light,
    clouds,
    encode_jpeg,
    encode_png,
    expose,
    look_at_page,
    make_paper,
    rule_coverage,
)
from benchmarks.rendering.pens import DigitShape, shape_from_font, shape_from_strokes
from benchmarks.rendering.picture_kinds import COLOURED_INKS, INKS, KINDS, PEN_WIDTHS, Camera, Pen, PictureKind
from edge_mnist_trainer.augment.fonts import font_faces
from edge_mnist_trainer.augment.strokes import OTHER_HANDS

ShapeMaker = Callable[[int, np.random.Generator, bool], DigitShape]
"""Makes the shape of a digit from: the digit, a generator, and whether the shape has its own stroke width."""

DEVELOPMENT_SEED: Final = 20
"""Seed of the pictures on which picture reading is developed."""

FINAL_SEED: Final = 2024
"""Seed of the pictures for final figures only."""


@dataclass(frozen=True)
class Photograph:
    """One rendered picture."""

    data: bytes
    """The picture file: PNG or JPEG."""
    label: int
    """The digit in the picture."""
    kind: str
    """A key of `KINDS`."""
    ink: Floats
    """The true ink: how much of each pixel the pen covers, shape (H, W), 0..1."""


def take_photographs(
    per_digit: int, *, seed: int, kinds: tuple[str, ...] = tuple(KINDS), make_shape: ShapeMaker | None = None
) -> Iterator[Photograph]:
    """Render `per_digit` pictures of each digit in each kind.

    Args:
        per_digit: Pictures of each digit in each kind.
        seed: Seed of all random choices. The pictures of a kind do not depend on the other kinds.
        kinds: Keys of `KINDS`.
        make_shape: Makes the digits; if None, drawn digits and unseen fonts.
    """
    for kind in kinds:
        for number in range(10 * per_digit):
            rng = np.random.default_rng((seed, list(KINDS).index(kind), number))
            yield take_photograph(number % 10, kind, rng, make_shape=make_shape)


def take_photograph(
    digit: int,
    kind: str,
    rng: np.random.Generator,
    *,
    make_shape: ShapeMaker | None = None,
    size: tuple[int, int] | None = None,
) -> Photograph:
    """Render one picture. If `size` (height, width) is None, it is random. See `take_photographs`."""
    settings = KINDS[kind]
    size = size or _draw_size(settings, rng)
    shape = (make_shape or draw_own_shape)(digit, rng, settings.pen == "pen")
    pixels = min(size) * float(np.exp(rng.uniform(*np.log(settings.height))))
    margin = 0.5 * pixels + 0.03 * min(size)
    spread = 0.02 if pixels > 0.8 * min(size) else 0.15
    centre = tuple(
        side * rng.uniform(0.5 - spread, 0.5 + spread) if settings.is_centred else rng.uniform(margin, side - margin)
        for side in size
    )
    if settings.is_centred and pixels <= 0.8 * min(size):
        centre = tuple(float(np.clip(at, margin, side - margin)) for at, side in zip(centre, size, strict=True))
    view = look_at_page(size, (centre[0], centre[1]), pixels, rng, tilt_degrees=settings.tilt_degrees)
    width = draw_width(settings.pen, shape, rng)
    ink = shape.coverage(view.u, view.v, width=width, pixels=pixels)
    return Photograph(photograph_ink(ink, view, settings, rng), digit, kind, ink)


def photograph_ink(ink: Floats, view: View, settings: PictureKind, rng: np.random.Generator) -> bytes:
    """Render ink on a page of one kind, and encode the picture as PNG or JPEG.

    Args:
        ink: How much of each pixel the pen covers, shape (H, W), 0..1.
        view: Position of each pixel on the page, for the printed lines.
        settings: Paper, pen, light and camera.
        rng: Draws everything that the settings leave open.
    """
    size = (ink.shape[0], ink.shape[1])
    scene = _paint(settings, size, rng)
    for lines, colour in rule_coverage(view, settings.ruling, rng):
        scene *= 1 - lines[..., np.newaxis] * (1 - np.asarray(colour, np.float32))
    _write(scene, ink, settings, rng)
    scene *= cast_light(size, settings.light, rng)
    return _take(scene, settings.camera, rng)


def draw_own_shape(digit: int, rng: np.random.Generator, has_outline: bool) -> DigitShape:
    """Make a digit: 75 % in the handwriting styles of `strokes.py`, 25 % from a font not used for training."""
    if rng.random() < 0.75:
        hand = int(rng.integers(-1, len(OTHER_HANDS)))
        return shape_from_strokes(digit, rng, hand=None if hand < 0 else hand)
    faces = font_faces("test")
    return shape_from_font(faces[rng.integers(len(faces))], digit, rng, has_outline=has_outline)


def _draw_size(settings: PictureKind, rng: np.random.Generator) -> tuple[int, int]:
    if settings.camera == "poor":
        long_side = int(rng.integers(90, 200))
    elif settings.camera == "drawing":
        long_side = int(rng.integers(120, 500))
    else:
        long_side = int(rng.integers(480, 1100))
    sides = (long_side, int(long_side * rng.uniform(0.6, 1.0)))
    return sides if rng.random() < 0.5 else (sides[1], sides[0])


def draw_width(pen: Pen, shape: DigitShape, rng: np.random.Generator) -> float:
    """Choose a random pen width, in units of the digit's height; see `DigitShape.coverage`."""
    if shape.has_outline:
        return float(rng.uniform(0.0, 0.02))
    low, high = PEN_WIDTHS[pen]
    return float(rng.uniform(low, high))


def _paint(settings: PictureKind, size: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Render the background, shape (H, W, 3)."""
    if settings.camera == "drawing":
        grey = float(rng.uniform(0, 0.15) if settings.ground == "board" else rng.uniform(0.9, 1.0))
        return np.full((*size, 3), grey, np.float32)
    if settings.ground == "board":
        board = (0.1, 0.25, 0.17) if rng.random() < 0.5 else (0.12, 0.13, 0.14)
        dust = np.float32(0.03) * np.abs(clouds(size, rng, 60))[..., np.newaxis]
        dusty: Floats = make_paper(size, board, rng, roughness=0.04) + dust.astype(np.float32)
        return dusty
    if settings.ground == "whiteboard":
        return make_paper(size, (0.85, 0.86, 0.87), rng, roughness=0.005)
    if settings.ground == "coloured":
        colours: tuple[Colour, ...] = ((0.95, 0.88, 0.4), (0.95, 0.65, 0.72), (0.6, 0.85, 0.65), (0.72, 0.58, 0.4))
        return make_paper(size, colours[rng.integers(len(colours))], rng, roughness=0.02)
    white = rng.uniform(0.8, 0.95)
    paper = make_paper(size, (white, white * rng.uniform(0.94, 1), white * rng.uniform(0.85, 1)), rng, roughness=0.02)
    return _lay_on_desk(paper, rng) if settings.ground == "desk" else paper


def _lay_on_desk(paper: Floats, rng: np.random.Generator) -> Floats:
    """Replace one or two sides of the paper by a desk."""
    height, width = paper.shape[:2]
    colour = (0.35, 0.24, 0.15) if rng.random() < 0.6 else (0.2, 0.2, 0.22)
    desk = make_paper((height, width), colour, rng, roughness=0.08)
    rows, columns = np.arange(height, dtype=np.float32)[:, np.newaxis], np.arange(width, dtype=np.float32)
    lean = rng.uniform(-0.08, 0.08)
    is_desk = columns + lean * rows < width * rng.uniform(0.04, 0.14)
    if rng.random() < 0.5:
        is_desk |= rows - lean * columns < height * rng.uniform(0.04, 0.12)
    return np.where(is_desk[..., np.newaxis], desk, paper)


def _write(scene: Floats, ink: Floats, settings: PictureKind, rng: np.random.Generator) -> None:
    """Blend the ink into the background, in place."""
    size = (scene.shape[0], scene.shape[1])
    opacity: Floats
    written = ink > 0
    if settings.pen == "pencil":
        opacity = np.clip(rng.uniform(0.45, 0.75) + 0.2 * clouds(size, rng, 1.5), 0, 1).astype(np.float32)
        scene[written] *= 1 - 0.8 * (ink * opacity)[written][:, np.newaxis]
        return
    if settings.ground == "board":
        colour = np.asarray((0.92, 0.92, 0.88), np.float32) * rng.uniform(0.8, 1.0)
        is_dusty = settings.camera != "drawing"
        opacity = np.clip(0.85 + 0.2 * clouds(size, rng, 2), 0, 1).astype(np.float32) if is_dusty else np.ones_like(ink)
    else:
        inks = COLOURED_INKS if settings.is_coloured else INKS
        colour = np.asarray(inks[rng.integers(len(inks))], np.float32)
        opacity = np.full_like(ink, rng.uniform(0.85, 1.0))
        colour = colour * np.minimum(1, scene[written] + 0.2)
    scene[written] += (opacity * ink)[written][:, np.newaxis] * (colour - scene[written])


def _take(scene: Floats, camera: Camera, rng: np.random.Generator) -> bytes:
    if camera == "drawing":
        return encode_png(expose(scene, rng, blur_pixels=0, noise=0))
    if camera == "scanner":
        picture = expose(scene * 1.03, rng, blur_pixels=0.6, noise=0.015)
        return encode_png(picture.convert("L")) if rng.random() < 0.5 else encode_jpeg(picture, 80)
    if camera == "poor":
        picture = expose(scene, rng, blur_pixels=rng.uniform(0.5, 1.0), noise=rng.uniform(0.02, 0.05))
        return encode_jpeg(picture, int(rng.integers(20, 50)))
    picture = expose(scene, rng, blur_pixels=rng.uniform(0.5, 2.0), noise=rng.uniform(0.01, 0.045))
    return encode_jpeg(picture, int(rng.integers(50, 93)))
