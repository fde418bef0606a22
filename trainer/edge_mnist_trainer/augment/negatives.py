"""Draw images without a digit (negatives), so that a network learns to be unsure of them.

Trained towards no digit at all, the same probability for each (Hendrycks, Mazeika and Dietterich, "Deep Anomaly
Detection with Outlier Exposure", ICLR 2019), its highest probability tells them apart. Letters come from the font
families of their split; clothes are drawn for the test alone, so that they judge what was never seen. Written letters,
pairs of digits in one frame and patches of photographs are drawn for training alone: other pictures judge these
(`benchmarks/rendering/strangers.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from edge_mnist_runtime.preprocess import PREPROCESS, normalise_ink
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.fonts import FontFace, FontSplit, draw_character, draw_tensor, font_faces
from edge_mnist_trainer.augment.framing import put_in_frame
from edge_mnist_trainer.augment.letter_forms import GREEK, LATIN, letter_strokes
from edge_mnist_trainer.augment.pen_drawings import draw_strokes
from edge_mnist_trainer.augment.school_forms import draw_form
from edge_mnist_trainer.augment.strokes import Point, draw_curve, draw_ink
from edge_mnist_trainer.augment.textures import draw_patch

NO_DIGIT: Final = 10
"""The label of negatives, beside 0..9."""

LETTERS: Final = "ACEFHKLMNPRUVWXacdefhkmnprtuvwx"
"""Letters that do not look like a digit, printed or written.

B, D, G, I, J, O, Q, S, T, Y, Z, b, g, i, j, l, o, q, s, y and z do: 8, 0, 6, 1, 1, 0, 0, 5, 7, 4, 2, 6, 9, 1, 1, 1, 0,
9, 5, 4 and 2."""

SYMBOLS: Final = "#%&@+=*<>^~"

GREEK_FAMILIES: Final[dict[FontSplit, tuple[str, ...]]] = {
    "train": ("Cascadia Mono", "DejaVu", "Open Sans", "STIX", "Ubuntu"),
    "validation": ("Fira", "Noto Sans"),
    "test": ("Manrope",),
}
"""Font families with Greek letters. No test family has any, so a validation family is used there, and only there."""

SIDE: Final = PREPROCESS.side_pixels

CANVAS_PIXELS: Final = 112
"""Side of the canvas that shapes are drawn on, in pixels."""

LEAST_ASPECT: Final = 0.5
"""Minimum aspect ratio of a filled shape; a narrower one looks like a 1."""

Draw = Callable[[np.random.Generator, FontSplit], Pixels]
"""One picture, uint8, shape (28, 28), bright ink on black."""


def _letter(rng: np.random.Generator, split: FontSplit) -> Pixels:
    return _printed(LETTERS, rng, split)


def _symbol(rng: np.random.Generator, split: FontSplit) -> Pixels:
    return _printed(SYMBOLS, rng, split)


def _greek_letter(rng: np.random.Generator, split: FontSplit) -> Pixels:
    return _printed("".join(GREEK), rng, split, faces=_greek_faces(split))


@cache
def _greek_faces(split: FontSplit) -> tuple[FontFace, ...]:
    faces = font_faces("validation" if split == "test" else split)
    return tuple(face for face in faces if face.family in GREEK_FAMILIES[split])


def _printed(
    characters: str, rng: np.random.Generator, split: FontSplit, *, faces: tuple[FontFace, ...] = ()
) -> Pixels:
    faces = faces or _faces(split)
    face = faces[rng.integers(len(faces))]
    return draw_tensor(face, characters[rng.integers(len(characters))], rng, varied=split == "train")


@cache
def _faces(split: FontSplit) -> tuple[FontFace, ...]:
    return font_faces(split)


def _shape(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """A filled polygon, ellipse or star, or a cross, a grid or stripes, with or without a texture."""
    kind = rng.choice(["polygon", "ellipse", "star", "cross", "grid"])
    canvas = Image.new("L", (CANVAS_PIXELS, CANVAS_PIXELS), 0)
    draw = ImageDraw.Draw(canvas)
    if kind == "ellipse":
        half = rng.uniform(24, 48) * np.array([1.0, rng.uniform(LEAST_ASPECT, 1.0)])
        draw.ellipse((*(CANVAS_PIXELS / 2 - half), *(CANVAS_PIXELS / 2 + half)), 255)
    elif kind in ("polygon", "star"):
        draw.polygon(_around(rng, star=kind == "star"), 255)
    else:
        _draw_bars(draw, rng, n_bars=1 if kind == "cross" else int(rng.integers(2, 5)))
    rotated = canvas.rotate(rng.uniform(0, 360), Image.Resampling.BICUBIC)
    return _textured(_framed(np.asarray(rotated), rng), rng)


def _around(rng: np.random.Generator, *, star: bool) -> list[tuple[float, float]]:
    """Corners around the canvas's centre; those of a star are near and far in turn."""
    n_corners = 2 * int(rng.integers(4, 8)) if star else int(rng.integers(3, 8))
    angles = np.sort(rng.uniform(0, 2 * np.pi, n_corners)) if not star else np.arange(n_corners) * 2 * np.pi / n_corners
    radii = rng.uniform(30, 54, n_corners)
    if star:
        radii[::2] *= rng.uniform(0.25, 0.6)
    corners = np.column_stack([radii * np.cos(angles), radii * np.sin(angles)])
    if np.divide(*np.sort(np.linalg.svd(corners - corners.mean(0), compute_uv=False))) < LEAST_ASPECT:
        return _around(rng, star=star)
    return [(float(x), float(y)) for x, y in corners + CANVAS_PIXELS / 2]


def _draw_bars(draw: ImageDraw.ImageDraw, rng: np.random.Generator, *, n_bars: int) -> None:
    """Vertical and horizontal bars: a cross or a grid."""
    width = int(rng.integers(5, 18 if n_bars == 1 else 9))
    for at in np.linspace(20, 92, n_bars) if n_bars > 1 else [56]:
        draw.line((10, at, 102, at), 255, width)
        draw.line((at, 10, at, 102), 255, width)


def _scribble(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """A long wandering line: too many turns for a digit."""
    points = rng.uniform(0.05, 0.95, (int(rng.integers(9, 18)), 2))
    return normalise_ink(draw_curve(points, pen_pixels=rng.uniform(3, 12), side_pixels=CANVAS_PIXELS))


def _several_digits(rng: np.random.Generator, split: FontSplit) -> Pixels:
    """Two to four digits side by side."""
    faces, n_digits = _faces(split), int(rng.integers(2, 5))
    face = faces[rng.integers(len(faces))] if rng.random() < 0.5 else None
    inks = []
    for digit in rng.integers(0, 10, n_digits):
        ink = draw_ink(int(digit), rng) if face is None else draw_character(face, str(digit), rng, varied=False)
        faint = min(64, int(ink.max()) - 1)
        columns, rows = np.flatnonzero(ink.max(0) > faint), np.flatnonzero(ink.max(1) > faint)
        part = Image.fromarray(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
        inks.append(np.asarray(part.resize((max(4, round(48 * part.width / part.height)), 48))))
        inks.append(np.zeros((48, int(rng.integers(2, 16))), np.uint8))
    row = np.hstack(inks)
    framed = put_in_frame(row, rng) if split == "train" and rng.random() < 0.5 else None
    return normalise_ink(row) if framed is None else framed


def _written_letter(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """A handwritten letter: two of three are Latin, the others Greek."""
    letters = tuple(LATIN) if rng.random() < 0.67 else tuple(GREEK)
    return draw_strokes(letter_strokes(letters[rng.integers(len(letters))]), rng)


def _two_digits(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """Two digits in one handwriting that share a frame."""
    gap, strokes = rng.uniform(0.04, 0.2), []
    for number, digit in enumerate(rng.integers(0, 10, 2)):
        width, rise, height = 0.5 - gap / 2, rng.uniform(-0.08, 0.08), rng.uniform(0.8, 1.0)
        left = number * (0.5 + gap / 2)
        for stroke in draw_form(int(digit), rng):
            placed: list[Point] = [(left + width * x, rise + height * y) for x, y in stroke]
            strokes.append(placed)
    return draw_strokes(strokes, rng, narrowest=0.8)


def _patch(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    return draw_patch(rng)


def _noise(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """White or smoothed noise, of any strength on any ground."""
    values: npt.NDArray[np.floating[Any]] = rng.normal(0, 1, (SIDE, SIDE))
    if rng.random() < 0.6:
        values = ndimage.gaussian_filter(values, np.exp(rng.uniform(np.log(0.4), np.log(4))))
        values /= values.std()
    if rng.random() < 0.3:
        values = 3.0 * (values > rng.uniform(0.5, 2.5))
    return _levels(rng.uniform(0, 160) * (rng.random() < 0.6) + rng.uniform(5, 110) * values)


def _blank(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """One grey level, or a smooth change from one to another, with or without faint noise."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    level, tilt = rng.uniform(0, 255), rng.normal(0, 60, 2) * (rng.random() < 0.6)
    ground = 0.0 if rng.random() < 0.3 else level + tilt[0] * x + tilt[1] * y - abs(rng.normal(0, 50)) * (x * x + y * y)
    return _levels(ground + rng.uniform(0, 6) * rng.normal(0, 1, (SIDE, SIDE)) * (rng.random() < 0.7))


CLOTHES: Final = (
    "30,5 42,10 58,10 70,5 100,25 88,40 74,30 74,100 26,100 26,30 12,40 0,25",
    "30,5 42,12 58,12 70,5 88,25 98,90 84,92 74,40 74,100 26,100 26,40 16,92 2,90 12,25",
    "28,0 72,0 80,100 58,100 50,30 42,100 20,100",
    "36,0 44,8 56,8 64,0 64,35 86,100 14,100 36,35",
    "0,55 35,50 60,30 80,30 100,35 100,80 0,80",
    "5,40 95,40 100,95 0,95",
    "10,10 45,10 48,55 90,65 95,90 10,90",
)
"""Outlines of a shirt, a pullover, trousers, a dress, a shoe, a bag and a boot: x,y in hundredths of a square."""


def _clothing(rng: np.random.Generator, _split: FontSplit) -> Pixels:
    """A filled piece of clothing, shaded and textured."""
    corners = np.array([corner.split(",") for corner in CLOTHES[rng.integers(len(CLOTHES))].split()], np.float64)
    outline = (corners / 100 - 0.5) * rng.uniform((0.7, 0.8), (1.0, 0.95)) + 0.5
    canvas = Image.new("L", (CANVAS_PIXELS, CANVAS_PIXELS), 0)
    ImageDraw.Draw(canvas).polygon([tuple(point) for point in outline * CANVAS_PIXELS], 255)
    return _textured(np.asarray(canvas.reduce(CANVAS_PIXELS // SIDE)), rng)


def _framed(ink: Pixels, rng: np.random.Generator) -> Pixels:
    """Preprocess the ink as pictures are, or enlarge it to the frame."""
    if rng.random() < 0.6:
        return normalise_ink(ink)
    return np.asarray(Image.fromarray(ink).reduce(CANVAS_PIXELS // SIDE))


def _textured(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Add shading, stripes or noise to half of the shapes."""
    if rng.random() < 0.5:
        return pixels
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    turned = x * np.cos(angle := rng.uniform(0, np.pi)) + y * np.sin(angle)
    stripes = rng.uniform(0, 0.5) * np.sin(turned * rng.uniform(0.3, 2.5)) * (rng.random() < 0.5)
    spots = rng.uniform(0, 0.3) * ndimage.gaussian_filter(rng.normal(0, 2, (SIDE, SIDE)), rng.uniform(0.3, 1.5))
    return _levels(pixels * np.clip(rng.uniform(0.5, 1.0) + stripes + spots, 0.15, 1.0))


def _levels(values: npt.NDArray[np.floating[Any]]) -> Pixels:
    pixels: Pixels = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return pixels


KINDS: Final[dict[str, Draw]] = {
    "letters": _letter,
    "symbols": _symbol,
    "several digits": _several_digits,
    "shapes": _shape,
    "scribbles": _scribble,
    "noise": _noise,
    "blank": _blank,
    "clothing": _clothing,
    "Greek letters": _greek_letter,
}
"""Kinds of negatives that evaluations report. Seeds follow from the order."""

TEST_KINDS: Final = frozenset({"clothing"})
"""Kinds for evaluation only."""

TRAINING_KINDS: Final[dict[str, Draw]] = {
    "written letters": _written_letter,
    "two digits in a frame": _two_digits,
    "patches": _patch,
}
"""Kinds for training only."""

_TRAINING_SHARES: Final = {
    "letters": 0.26, "Greek letters": 0.08, "written letters": 0.17, "symbols": 0.04, "several digits": 0.06,
    "two digits in a frame": 0.08, "shapes": 0.07, "scribbles": 0.05, "noise": 0.08, "blank": 0.05, "patches": 0.06,
}  # fmt: skip


def draw_no_digits(kind: str, n: int, *, split: FontSplit, seed: int) -> Pixels:
    """Draw `n` pictures of one kind, uint8, shape (n, 28, 28, 1), bright ink on black."""
    kinds = {**KINDS, **TRAINING_KINDS}
    rng = np.random.default_rng((seed, list(kinds).index(kind), ("train", "validation", "test").index(split)))
    return np.stack([kinds[kind](rng, split) for _ in range(n)])[..., np.newaxis]


def draw_training_no_digits(n: int, *, seed: int) -> Pixels:
    """Draw about `n` pictures of all training kinds, mostly letters, as `draw_no_digits` does."""
    return np.concatenate(
        [draw_no_digits(kind, round(n * share), split="train", seed=seed) for kind, share in _TRAINING_SHARES.items()]
    )
