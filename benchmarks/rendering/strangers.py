"""Digits as strangers publish them, rendered: hairlines, saved canvases, school hands, cut, faint and printed ones.

Every picture follows from a seed, its kind and its number. No training draws these kinds with this code, and shapes
come from hands (`school_hands.py`) and font families that train nothing, or from MNIST's validation or test digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Literal

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.rendering.papers import Colour, Floats, encode_png, look_at_page
from benchmarks.rendering.pens import DIGIT_PIXELS, DigitShape, shape_from_curves, shape_from_font
from benchmarks.rendering.photographs import photograph_ink
from benchmarks.rendering.picture_kinds import KINDS as PAGES
from benchmarks.rendering.school_hands import HANDS, TROUBLESOME, shape_from_form, shape_from_school, write_form
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.fonts import FontFace, font_faces

Split = Literal["validation", "test"]
"""Whose fonts and MNIST digits are drawn: those of development pictures, or those of final ones."""

DEVELOPMENT: Final = (31, "validation")
"""Seed and split of the pictures that choices may be made on..."""
FINAL: Final = (3031, "test")
"""...and of those for final figures alone."""

Shown = bytes | Pixels
"""A PNG or JPEG file, or a tensor, uint8, shape (28, 28), bright ink on black."""

Size = tuple[int, int]
"""Height and width, in pixels."""

FIELD_HAIRLINE: Final = 1.5
"""Below this width, in pixels of a shape's field, a pen would miss the middle of a stroke, which lies between these."""

FILTERS: Final = ("NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS")

SIDES: Final = (28, 1000)
"""Least and greatest side of drawings, in pixels."""


@dataclass(frozen=True)
class Stranger:
    """Where the shapes of one picture come from, and what draws it."""

    rng: np.random.Generator
    split: Split
    find_shape: Callable[[int, np.random.Generator], DigitShape]
    """From a digit to strokes without a pen."""

    def shape(self, digit: int) -> DigitShape:
        """A digit in anybody's hand: in two of three pictures from `find_shape`, else of a school."""
        if self.rng.random() < 2 / 3:
            return self.find_shape(digit, self.rng)
        return shape_from_school(digit, tuple(HANDS)[self.rng.integers(len(HANDS))], self.rng)

    def faces(self, *styles: str) -> tuple[FontFace, ...]:
        """Faces of the split whose style has one of these words in its name; all if none is named."""
        return tuple(
            face for face in font_faces(self.split) if not styles or any(word in face.style for word in styles)
        )


Draw = Callable[[int, Stranger], Shown]


@dataclass(frozen=True)
class StrangerPicture:
    """One rendered picture."""

    picture: Shown
    label: int
    kind: str


def take_strangers(
    per_kind: int,
    *,
    seed: int,
    split: Split,
    find_shape: Callable[[int, np.random.Generator], DigitShape],
    kinds: tuple[str, ...] = (),
) -> Iterator[StrangerPicture]:
    """Render pictures of digits, the digits of a kind in turn.

    Args:
        per_kind: Pictures of each kind.
        seed: Of everything; a kind's pictures do not depend on which others are rendered.
        split: Whose fonts are drawn.
        find_shape: Draws the shape of a digit, where a kind has no shapes of its own.
        kinds: Keys of `KINDS`; all if empty.
    """
    for kind in kinds or tuple(KINDS):
        digits, draw = KINDS[kind]
        for number in range(per_kind):
            rng = np.random.default_rng((seed, 4000 + list(KINDS).index(kind), number))
            digit = digits[number % len(digits)]
            yield StrangerPicture(draw(digit, Stranger(rng, split, find_shape)), digit, kind)


def cover(
    shape: DigitShape, size: Size, centre: tuple[float, float], pixels: float, width: float, *, stepped: bool = False
) -> Floats:
    """How much of each pixel a pen covers, float32, shape `size`, 0..1.

    Args:
        shape: The digit.
        size: Of the picture.
        centre: Row and column of the digit's middle.
        pixels: Its height.
        width: Of the pen, in pixels.
        stepped: Whether a pixel is ink or none, as without smoothing.
    """
    fine = 1 if stepped or width > 2 else 4 if max(size) < 200 else 2  # a hairline covers parts of pixels
    rows, columns = (((np.arange(side * fine) + 0.5) / fine - 0.5).astype(np.float32) for side in size)
    u, v = np.meshgrid((columns - centre[1]) / pixels, (rows - centre[0]) / pixels)
    if width / pixels * DIGIT_PIXELS < FIELD_HAIRLINE:
        is_near = shape.distance * DIGIT_PIXELS < FIELD_HAIRLINE
        lowest = np.where(is_near, ndimage.minimum_filter(shape.distance, 3), 0)
        shape = DigitShape(shape.distance - lowest, has_outline=False)
    ink = shape.coverage(u, v, width=width / pixels, pixels=pixels * fine)
    if stepped:
        return (ink >= 0.5).astype(np.float32)
    whole: Floats = ink.reshape(size[0], fine, size[1], fine).mean((1, 3))
    return whole


def paint(ink: Floats, rng: np.random.Generator, colours: tuple[Colour, Colour] | None = None) -> bytes:
    """Save ink as a PNG file: mostly black on white, or in a colour on another."""
    dark, light = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
    pen, ground = colours or ((dark, light) if rng.random() < 0.7 else (light, dark))
    scene = np.asarray(ground) + ink[..., np.newaxis] * (np.asarray(pen) - np.asarray(ground))
    picture = Image.fromarray(np.rint(255 * np.clip(scene, 0, 1)).astype(np.uint8))
    return encode_png(picture if colours else picture.convert("L"))


def _draw_sides(rng: np.random.Generator, low: float = SIDES[0], high: float = SIDES[1]) -> Size:
    side = np.exp(rng.uniform(np.log(low), np.log(high)))
    return round(side), round(side * rng.uniform(0.8, 1.25))


def _draw_place(size: Size, rng: np.random.Generator, low: float = 0.4, high: float = 0.8) -> tuple[Any, float]:
    """The middle of a digit, row and column, and its height, inside a picture."""
    pixels = min(size) * rng.uniform(low, high)
    spread = 0.9 * (1 - pixels / min(size)) / 2
    return tuple(side * (0.5 + rng.uniform(-spread, spread)) for side in size), pixels


def _hairline(digit: int, by: Stranger, *, widths: tuple[float, float], stepped: bool = False) -> Shown:
    size = _draw_sides(by.rng)
    centre, pixels = _draw_place(size, by.rng)
    width = by.rng.uniform(*widths)
    ink = cover(by.shape(digit), size, centre, pixels, width, stepped=stepped)
    return paint(ink / max(0.3, float(ink.max())) if widths[1] < 1 else ink, by.rng)


def _shrunk(digit: int, by: Stranger, *, long_side: tuple[float, float], in_corner: bool = False) -> Shown:
    """A drawing of some hundred pixels, cut to its digit, shrunk to a tensor by any filter."""
    rng, side = by.rng, int(by.rng.integers(150, 600))
    width = 0.8 * side * np.exp(rng.uniform(np.log(0.015), np.log(0.12)))
    ink = cover(by.shape(digit), (side, side), (side / 2, side / 2), 0.8 * side, width)
    rows, columns = np.flatnonzero((ink > 0.5).any(1)), np.flatnonzero((ink > 0.5).any(0))
    box = Image.fromarray(np.rint(255 * ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]).astype(np.uint8))
    scale = rng.uniform(*long_side) / max(box.size)
    width_to, height_to = (max(1, round(length * scale)) for length in box.size)
    small = np.asarray(box.resize((width_to, height_to), Image.Resampling[FILTERS[rng.integers(len(FILTERS))]]))
    tensor = np.zeros((28, 28), np.uint8)
    free = np.array([28 - height_to, 28 - width_to])
    top, left = rng.integers(0, 2, 2) * (free - np.minimum(free, 2)) + np.minimum(free, 1) if in_corner else free // 2
    tensor[top : top + height_to, left : left + width_to] = small
    return tensor


def _canvas(digit: int, by: Stranger, size: Size, widths: tuple[float, float], *, square: bool = False) -> Floats:
    """What an app's canvas holds: a digit by a brush of some pixels, 0..1."""
    centre, pixels = _draw_place(size, by.rng, 0.45, 0.85)
    width = min(np.exp(by.rng.uniform(*np.log(widths))), 0.2 * pixels)
    pixels = min(pixels, 0.96 * min(size) - width)
    centre = tuple(
        float(np.clip(at, (pixels + width) / 2, side - (pixels + width) / 2))
        for at, side in zip(centre, size, strict=True)
    )
    shape = by.shape(digit)
    if not square:
        return cover(shape, size, (centre[0], centre[1]), pixels, width)
    line = cover(shape, size, (centre[0], centre[1]), pixels, 1.0, stepped=True)
    drawn: Floats = ndimage.maximum_filter(line, max(1, round(width)))
    return drawn


def _saved_canvas(digit: int, by: Stranger, *, square: bool = False, soft: bool = False) -> Shown:
    size = _draw_sides(by.rng, 200, 600)
    ink = _canvas(digit, by, size, (1, 40), square=square)
    if soft:
        ink = ndimage.gaussian_filter(ink, by.rng.uniform(0.003, 0.015) * min(size))
        ink = ink / ink.max()
    return paint(ink, by.rng)


def _resized_canvas(digit: int, by: Stranger, *, enlarged: bool) -> Shown:
    rng = by.rng
    size = _draw_sides(rng, 32, 110) if enlarged else _draw_sides(rng, 280, 800)
    ink = _canvas(digit, by, size, (1, 8) if enlarged else (2, 40), square=rng.random() < 0.3)
    to = np.exp(rng.uniform(np.log(150), np.log(900))) if enlarged else np.exp(rng.uniform(np.log(28), np.log(110)))
    shape = tuple(max(28, round(side * to / max(size))) for side in size)
    kernel = Image.Resampling[FILTERS[rng.integers(len(FILTERS))]]
    return paint(np.asarray(Image.fromarray(ink).resize((shape[1], shape[0]), kernel)).clip(0, 1), rng)


def _at_border(digit: int, by: Stranger, *, beyond: tuple[float, float]) -> Shown:
    """A digit whose ink reaches one edge of the picture, or passes it by a fraction of the digit's height or width."""
    rng, size = by.rng, _draw_sides(by.rng, 60, 600)
    shape = by.shape(digit)
    pixels = min(size) * rng.uniform(0.5, 0.85)
    width = pixels * rng.uniform(0.04, 0.12)
    large = cover(shape, (2 * size[0], 2 * size[1]), (size[0], size[1]), pixels, width)
    rows, columns = np.flatnonzero((large > 0.5).any(1)), np.flatnonzero((large > 0.5).any(0))
    box = np.array([[rows[0], rows[-1] + 1], [columns[0], columns[-1] + 1]])
    start = [int(np.mean(box[axis]) - size[axis] * rng.uniform(0.42, 0.58)) for axis in (0, 1)]
    edge, lost = int(rng.integers(4)), rng.uniform(*beyond)
    axis = edge // 2
    moved = round(lost * float(box[axis][1] - box[axis][0]))
    start[axis] = int(box[axis][0] + moved) if edge % 2 == 0 else int(box[axis][1] - moved - size[axis])
    start = [int(np.clip(at, 0, side)) for at, side in zip(start, size, strict=True)]
    return paint(large[start[0] : start[0] + size[0], start[1] : start[1] + size[1]], rng)


def _gaps(digit: int, by: Stranger) -> Shown:
    """One or two short pieces of the strokes are missing."""
    rng, size = by.rng, _draw_sides(by.rng, 100, 700)
    centre, pixels = _draw_place(size, rng)
    width = pixels * rng.uniform(0.04, 0.1)
    ink = cover(by.shape(digit), size, centre, pixels, width)
    rows, columns = np.nonzero(ink > 0.9)
    for _ in range(int(rng.integers(1, 3))):
        chosen = rng.integers(len(rows))
        distance = np.hypot(
            *np.ogrid[-rows[chosen] : size[0] - rows[chosen], -columns[chosen] : size[1] - columns[chosen]]
        )
        ink = ink * np.clip(distance - (width / 2 + pixels * rng.uniform(0.01, 0.04)), 0, 1)
    return paint(ink, rng)


def _school(digit: int, by: Stranger, *, school: str) -> Shown:
    return _drawn_or_photographed(shape_from_school(digit, school, by.rng), by.rng)


def _troublesome(_digit: int, by: Stranger, *, forms: tuple[str, ...]) -> Shown:
    return _drawn_or_photographed(shape_from_form(forms[by.rng.integers(len(forms))], by.rng), by.rng)


def _drawn_or_photographed(shape: DigitShape, rng: np.random.Generator) -> Shown:
    """Half of the pictures are drawings, the others photographs of paper."""
    if rng.random() < 0.5:
        size = _draw_sides(rng, 100, 600)
        centre, pixels = _draw_place(size, rng)
        return paint(cover(shape, size, centre, pixels, pixels * rng.uniform(0.03, 0.11)), rng)
    page = PAGES[("photograph", "lined paper", "shadow", "squared paper")[rng.integers(4)]]
    size = _draw_sides(rng, 400, 900)
    centre, pixels = _draw_place(size, rng, 0.3, 0.6)
    view = look_at_page(size, centre, pixels, rng, tilt_degrees=4)
    ink = shape.coverage(view.u, view.v, width=rng.uniform(0.04, 0.09), pixels=pixels)
    return photograph_ink(ink, view, page, rng)


_STEMS: Final[dict[int, tuple[tuple[str, float, float], ...]]] = {
    1: (("50,-30 50,130", 0.0, 1.0), ("48,-30 50,50 53,130", 0.0, 1.0)),
    4: (
        ("14,18 10,58;10,58 92,56;74,-30 72,130", 0.0, 1.0),
        ("60,12 8,66;8,66 94,66;62,-30 62,130", 0.0, 1.0),
    ),
    9: (("76,24 48,8 14,24 24,50 62,48 78,24;80,8 78,130", 0.0, 1.0),),
}
"""Forms whose stem is longer than the picture, and the rows that the picture shows, in parts of the form."""


def _stem_through(digit: int, by: Stranger) -> Shown:
    """The stem runs from edge to edge of the picture, as straight as a ruled line."""
    rng = by.rng
    form, low, high = _STEMS[digit][rng.integers(len(_STEMS[digit]))]
    curves = write_form(form, rng)
    tall = np.concatenate(curves)[:, 1]
    height = round(np.exp(rng.uniform(np.log(80), np.log(600))))
    size = (height, round(height * rng.uniform(0.7, 1.1)))
    unit = height / (high - low)
    centre = ((tall.min() + tall.max()) / 2 * unit - low * unit, size[1] * rng.uniform(0.4, 0.6))
    return paint(
        cover(shape_from_curves(curves), size, centre, np.ptp(tall) * unit, height * rng.uniform(0.02, 0.08)), rng
    )


def _faint_stroke(digit: int, by: Stranger) -> Shown:
    """The last stroke is faint."""
    rng, size = by.rng, _draw_sides(by.rng, 80, 600)
    forms = [form for hand in HANDS.values() for form in hand[digit] if ";" in form]
    curves = write_form(forms[rng.integers(len(forms))], rng)
    centre, pixels = _draw_place(size, rng)
    width = pixels * rng.uniform(0.04, 0.1)
    first, last = (
        cover(shape_from_curves(curves, drawn=part), size, centre, pixels, width)
        for part in (slice(0, -1), slice(-1, None))
    )
    return paint(np.maximum(first, last * np.float32(rng.uniform(0.3, 0.65))), rng)


def _blurred_pen(digit: int, by: Stranger) -> Shown:
    size = _draw_sides(by.rng, 60, 600)
    centre, pixels = _draw_place(size, by.rng, 0.4, 0.65)
    ink = cover(by.shape(digit), size, centre, pixels, pixels * by.rng.uniform(0.13, 0.22))
    ink = ndimage.gaussian_filter(ink, pixels * by.rng.uniform(0.02, 0.05))
    return paint(ink / ink.max(), by.rng)


def _noisy_ground(digit: int, by: Stranger) -> Shown:
    rng, size = by.rng, _draw_sides(by.rng, 60, 600)
    centre, pixels = _draw_place(size, rng)
    ink = cover(by.shape(digit), size, centre, pixels, max(2.0, pixels * rng.uniform(0.05, 0.12)))
    if rng.random() < 0.3:  # single pixels, black and white
        draws = rng.random(size)
        ink = np.where(draws < 0.01, 0.0, np.where(draws > 0.99, 1.0, ink)).astype(np.float32)
    return paint(ink * np.float32(0.85) + rng.normal(0.07, rng.uniform(0.04, 0.14), size).astype(np.float32), rng)


COLOURS: Final[tuple[tuple[Colour, Colour], ...]] = (
    ((0.0, 0.0, 0.5), (1.0, 0.9, 0.1)),
    ((0.9, 0.1, 0.1), (0.15, 0.6, 0.25)),
    ((1.0, 0.95, 0.3), (0.1, 0.2, 0.7)),
    ((0.95, 0.95, 0.95), (0.85, 0.3, 0.5)),
    ((0.2, 0.5, 0.2), (0.9, 0.8, 0.65)),
    ((0.55, 0.1, 0.6), (1.0, 0.7, 0.3)),
    ((0.1, 0.7, 0.8), (0.25, 0.1, 0.3)),
    ((1.0, 0.45, 0.1), (0.3, 0.35, 0.4)),
)
"""Pen and ground: navy on yellow and so on, some of nearly the same brightness."""


def _coloured_ground(digit: int, by: Stranger) -> Shown:
    size = _draw_sides(by.rng, 60, 600)
    centre, pixels = _draw_place(size, by.rng)
    ink = cover(by.shape(digit), size, centre, pixels, max(1.5, pixels * by.rng.uniform(0.03, 0.12)))
    return paint(ink, by.rng, COLOURS[by.rng.integers(len(COLOURS))])


def _outline_font(digit: int, by: Stranger) -> Shown:
    """The edge of a printed digit alone."""
    rng, faces = by.rng, by.faces()
    shape = shape_from_font(faces[rng.integers(len(faces))], digit, rng, has_outline=True)
    outwards = rng.uniform(0.0, 0.03)
    line = DigitShape(np.abs(shape.distance - np.float32(outwards)), has_outline=False)
    size = _draw_sides(rng, 60, 600)
    centre, pixels = _draw_place(size, rng)
    return paint(cover(line, size, centre, pixels, max(1.0, pixels * rng.uniform(0.012, 0.03))), rng)


def _thin_font(digit: int, by: Stranger) -> Shown:
    """A digit in a light face, printed at 28 pixels and about: a picture, or a tensor of 28 x 28."""
    from PIL import ImageDraw

    rng, faces = by.rng, by.faces("Thin", "Light")
    side = int(rng.integers(28, 41)) if rng.random() < 0.5 else 28
    canvas = Image.new("L", (side, side), 0)
    face = faces[rng.integers(len(faces))].at_size(side * rng.uniform(0.75, 1.0))
    ImageDraw.Draw(canvas).text((side / 2, side / 2), str(digit), 255, face, anchor="mm")
    ink = np.asarray(canvas)
    return ink if side == 28 and rng.random() < 0.5 else paint((ink / 255).astype(np.float32), rng)


_ALL: Final = tuple(range(10))

KINDS: Final[dict[str, tuple[tuple[int, ...], Draw]]] = {
    "one pixel, stepped": (_ALL, partial(_hairline, widths=(1.0, 1.0), stepped=True)),
    "one pixel, smoothed": (_ALL, partial(_hairline, widths=(0.9, 1.3))),
    "below one pixel": (_ALL, partial(_hairline, widths=(0.35, 0.8))),
    "tensor, MNIST's margins": (_ALL, partial(_shrunk, long_side=(19.5, 20.4))),
    "tensor, filling the frame": (_ALL, partial(_shrunk, long_side=(25.5, 28.0))),
    "tensor, in a corner": (_ALL, partial(_shrunk, long_side=(11.0, 17.0), in_corner=True)),
    "canvas, round brush": (_ALL, _saved_canvas),
    "canvas, square brush": (_ALL, partial(_saved_canvas, square=True)),
    "canvas, soft edges": (_ALL, partial(_saved_canvas, soft=True)),
    "canvas, enlarged": (_ALL, partial(_resized_canvas, enlarged=True)),
    "canvas, shrunk": (_ALL, partial(_resized_canvas, enlarged=False)),
    "touching the border": (_ALL, partial(_at_border, beyond=(0.0, 0.0))),
    "passing the border": (_ALL, partial(_at_border, beyond=(0.02, 0.08))),
    "gaps": (_ALL, _gaps),
    **{f"{school} school": (_ALL, partial(_school, school=school)) for school in HANDS},
    **{name: ((digit,), partial(_troublesome, forms=forms)) for name, (digit, forms) in TROUBLESOME.items()},
    "stem through the picture": ((1, 4, 9), _stem_through),
    "faint second stroke": ((4, 5, 7), _faint_stroke),
    "broad blurred pen": (_ALL, _blurred_pen),
    "noisy ground": (_ALL, _noisy_ground),
    "coloured ground": (_ALL, _coloured_ground),
    "outline fonts": (_ALL, _outline_font),
    "thin fonts at 28 pixels": (_ALL, _thin_font),
}
"""Every kind: the digits that it shows, and what draws one. Seeds follow from the order."""
