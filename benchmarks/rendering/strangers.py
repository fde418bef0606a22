"""Digits as strangers publish them, rendered: hairlines, saved canvases, school hands, cut, faint and printed ones.

Every picture follows from a seed, its kind and its number. No training draws these kinds with this code, and shapes
come from hands (`school_hands.py`) and font families that train nothing, or from MNIST's validation or test digits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np
from PIL import Image
from scipy import ndimage

from benchmarks.rendering.papers import Colour, look_at_page
from benchmarks.rendering.pens import DigitShape, shape_from_curves, shape_from_font
from benchmarks.rendering.photographs import photograph_ink
from benchmarks.rendering.picture_kinds import KINDS as PAGES
from benchmarks.rendering.school_hands import HANDS, TROUBLESOME, shape_from_form, shape_from_school, write_form
from benchmarks.rendering.stranger_canvases import (
    draw_at_border,
    draw_gaps,
    draw_hairline,
    draw_resized_canvas,
    draw_saved_canvas,
    draw_shape_at_border,
    draw_shrunk,
)
from benchmarks.rendering.stranger_drawing import (
    Shown,
    Split,
    Stranger,
    cover,
    draw_place,
    draw_sides,
    paint,
)
from benchmarks.rendering.stranger_surroundings import draw_circled, draw_grainy, draw_on_sheet, draw_pale_pencil

DEVELOPMENT: Final = (31, "validation")
"""Seed and split of the pictures that choices may be made on..."""
FINAL: Final = (3031, "test")
"""...and of those for final figures alone."""

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


def _school(digit: int, by: Stranger, *, school: str) -> Shown:
    return _drawn_or_photographed(shape_from_school(digit, school, by.rng), by.rng)


def _troublesome(_digit: int, by: Stranger, *, forms: tuple[str, ...]) -> Shown:
    return _drawn_or_photographed(shape_from_form(forms[by.rng.integers(len(forms))], by.rng), by.rng)


def _drawn_or_photographed(shape: DigitShape, rng: np.random.Generator) -> Shown:
    """Half of the pictures are drawings, the others photographs of paper."""
    if rng.random() < 0.5:
        size = draw_sides(rng, 100, 600)
        centre, pixels = draw_place(size, rng)
        return paint(cover(shape, size, centre, pixels, pixels * rng.uniform(0.03, 0.11)), rng)
    page = PAGES[("photograph", "lined paper", "shadow", "squared paper")[rng.integers(4)]]
    size = draw_sides(rng, 400, 900)
    centre, pixels = draw_place(size, rng, 0.3, 0.6)
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


_BARS: Final[dict[int, tuple[str, int]]] = {
    1: ("34,14 52,0;52,0 52,100;24,100 80,100", 1),
    2: ("10,22 34,2 78,8 82,34 50,64 8,100;8,100 92,100", 1),
    5: ("24,0 22,40;22,40 60,36 88,64 66,96 10,92;24,0 86,0", 0),
    7: ("6,0 94,0;94,0 40,100", 0),
}
"""Forms with a straight bar, and the edge that it lies along, as in `draw_shape_at_border`."""


def _bar_at_border(digit: int, by: Stranger) -> Shown:
    """A digit's bar lies along an edge of the picture."""
    form, edge = _BARS[digit]
    shape = shape_from_curves(write_form(form, by.rng))
    return draw_shape_at_border(shape, draw_sides(by.rng, 60, 600), by.rng, beyond=(0.0, 0.0), edge=edge)


def _faint_stroke(digit: int, by: Stranger) -> Shown:
    """The last stroke is faint."""
    rng, size = by.rng, draw_sides(by.rng, 80, 600)
    forms = [form for hand in HANDS.values() for form in hand[digit] if ";" in form]
    curves = write_form(forms[rng.integers(len(forms))], rng)
    centre, pixels = draw_place(size, rng)
    width = pixels * rng.uniform(0.04, 0.1)
    first, last = (
        cover(shape_from_curves(curves, drawn=part), size, centre, pixels, width)
        for part in (slice(0, -1), slice(-1, None))
    )
    return paint(np.maximum(first, last * np.float32(rng.uniform(0.3, 0.65))), rng)


def _grey_mark(digit: int, by: Stranger) -> Shown:
    """A grey ring, a box or two lines lie around the digit or under it."""
    rng, size = by.rng, draw_sides(by.rng, 80, 600)
    centre, pixels = draw_place(size, rng, 0.4, 0.6)
    ink = cover(by.shape(digit), size, centre, pixels, max(1.5, pixels * rng.uniform(0.04, 0.1)))
    width = max(1.0, pixels * rng.uniform(0.01, 0.06))
    down, right = (np.abs(np.arange(side) - at) for side, at in zip(size, centre, strict=True))
    room = np.minimum(np.minimum(centre, np.subtract(size, centre)) - width / 2 - 2, pixels * rng.uniform(0.5, 0.75))
    how = rng.integers(3)
    if how == 0:
        off = np.abs(np.hypot(down[:, np.newaxis], right) - min(room))
    elif how == 1:
        off = np.abs(np.maximum(down[:, np.newaxis] - room[0], right - room[1]))
    else:
        off = np.where(right < room[1], np.abs(down[:, np.newaxis] - rng.uniform(0.1, 0.3) * pixels), np.inf)
    mark = np.clip(width / 2 - off + 0.5, 0, 1).astype(np.float32)
    return paint(np.maximum(ink, mark * np.float32(rng.uniform(0.2, 0.55))), rng)


def _blurred_pen(digit: int, by: Stranger) -> Shown:
    size = draw_sides(by.rng, 60, 600)
    centre, pixels = draw_place(size, by.rng, 0.4, 0.65)
    ink = cover(by.shape(digit), size, centre, pixels, pixels * by.rng.uniform(0.13, 0.22))
    ink = ndimage.gaussian_filter(ink, pixels * by.rng.uniform(0.02, 0.05))
    return paint(ink / ink.max(), by.rng)


def _noisy_ground(digit: int, by: Stranger) -> Shown:
    rng, size = by.rng, draw_sides(by.rng, 60, 600)
    centre, pixels = draw_place(size, rng)
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
    size = draw_sides(by.rng, 60, 600)
    centre, pixels = draw_place(size, by.rng)
    ink = cover(by.shape(digit), size, centre, pixels, max(1.5, pixels * by.rng.uniform(0.03, 0.12)))
    return paint(ink, by.rng, COLOURS[by.rng.integers(len(COLOURS))])


def _outline_font(digit: int, by: Stranger) -> Shown:
    """The edge of a printed digit alone."""
    rng, faces = by.rng, by.faces()
    shape = shape_from_font(faces[rng.integers(len(faces))], digit, rng, has_outline=True)
    outwards = rng.uniform(0.0, 0.03)
    line = DigitShape(np.abs(shape.distance - np.float32(outwards)), has_outline=False)
    size = draw_sides(rng, 60, 600)
    centre, pixels = draw_place(size, rng)
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
    "one pixel, stepped": (_ALL, partial(draw_hairline, widths=(1.0, 1.0), stepped=True)),
    "one pixel, smoothed": (_ALL, partial(draw_hairline, widths=(0.9, 1.3))),
    "below one pixel": (_ALL, partial(draw_hairline, widths=(0.35, 0.8))),
    "tensor, MNIST's margins": (_ALL, partial(draw_shrunk, long_side=(19.5, 20.4))),
    "tensor, filling the frame": (_ALL, partial(draw_shrunk, long_side=(25.5, 28.0))),
    "tensor, in a corner": (_ALL, partial(draw_shrunk, long_side=(11.0, 17.0), in_corner=True)),
    "canvas, round brush": (_ALL, draw_saved_canvas),
    "canvas, square brush": (_ALL, partial(draw_saved_canvas, square=True)),
    "canvas, soft edges": (_ALL, partial(draw_saved_canvas, soft=True)),
    "canvas, enlarged": (_ALL, partial(draw_resized_canvas, enlarged=True)),
    "canvas, shrunk": (_ALL, partial(draw_resized_canvas, enlarged=False)),
    "touching the border": (_ALL, partial(draw_at_border, beyond=(0.0, 0.0))),
    "passing the border": (_ALL, partial(draw_at_border, beyond=(0.02, 0.08))),
    "gaps": (_ALL, draw_gaps),
    **{f"{school} school": (_ALL, partial(_school, school=school)) for school in HANDS},
    **{name: ((digit,), partial(_troublesome, forms=forms)) for name, (digit, forms) in TROUBLESOME.items()},
    "stem through the picture": ((1, 4, 9), _stem_through),
    "faint second stroke": ((4, 5, 7), _faint_stroke),
    "broad blurred pen": (_ALL, _blurred_pen),
    "noisy ground": (_ALL, _noisy_ground),
    "coloured ground": (_ALL, _coloured_ground),
    "outline fonts": (_ALL, _outline_font),
    "thin fonts at 28 pixels": (_ALL, _thin_font),
    "bar along the border": ((1, 2, 5, 7), _bar_at_border),
    "grey ring, box or lines": (_ALL, _grey_mark),
    "pale pencil": (_ALL, draw_pale_pencil),
    "in a circle": (_ALL, draw_circled),
    "on a sheet, whole": (_ALL, draw_on_sheet),
    "spray, halftone, crayon": (_ALL, draw_grainy),
}
"""Every kind: the digits that it shows, and what draws one. Seeds follow from the order."""
