"""Digits in the forms that schools around the world teach, and that people make of them: flags, feet, hooks, crossbars.

Each form is drawn from ranges, not from fixed points: how long a flag is, how far a top is open. A form is a list of
strokes, each a list of points (x, y) in a unit square, y down. Corners are where one stroke ends and the next begins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np

from edge_mnist_trainer.augment.strokes import Point

Form = list[list[Point]]
"""Strokes of one digit, each as the points that its curve passes through."""


NARROWEST: Final[dict[int, float]] = {1: 0.7, 7: 0.52}
"""Least width of a form's unit square, as a fraction of its height, where it is not `USUAL_NARROWEST`: narrower, a 1's
flag would be steeper than people write it, and a 7's bar as short as a flag."""

USUAL_NARROWEST: Final = 0.36


def draw_form(digit: int, rng: np.random.Generator) -> Form:
    """Draw one form of a digit at random: the points of each stroke, (x, y) in about the unit square, y down."""
    return _FORMS[digit](rng)


def _zero(rng: np.random.Generator) -> Form:
    start, turn = rng.uniform(-0.8, 0.8), 2 * np.pi * rng.uniform(0.93, 1.08)
    egg = rng.uniform(-0.1, 0.1)
    angles = -np.pi / 2 + start - turn * np.linspace(0, 1, 10)
    ring = [(0.5 + (0.45 + egg * np.sin(a)) * np.cos(a), 0.5 + 0.5 * np.sin(a)) for a in angles]
    slash: Form = [[(0.85, 0.12), (0.15, 0.88)]] if rng.random() < 0.04 else []
    return [ring, *slash]


def _one(rng: np.random.Generator) -> Form:
    has_flag, has_foot = rng.random() < 0.7, rng.random() < 0.35
    lean = rng.uniform(-0.06, 0.06)
    top, bottom = (0.5 + lean, 0.0), (0.5 - lean, 1.0)
    strokes: Form = [[top, (0.5 + rng.uniform(-0.03, 0.03), 0.5), bottom]]
    if has_flag:
        # From the stem: a flag that is long and flat at once would be a 7's bar.
        angle = np.radians(rng.uniform(20, 64))
        length = rng.uniform(0.12, 0.62 if angle < np.radians(48) else 0.4)
        tip = (top[0] - length * np.sin(angle), length * np.cos(angle))
        bend = rng.uniform(-0.04, 0.05)
        strokes.insert(0, [tip, ((tip[0] + top[0]) / 2, tip[1] / 2 + bend), top])
    if has_foot:
        left, right = rng.uniform(0.1, 0.45), rng.uniform(0.1, 0.45)
        tilt = rng.uniform(-0.04, 0.04)
        strokes.append([(bottom[0] - left, 1.0 + tilt), (bottom[0], 1.0), (bottom[0] + right, 1.0 - tilt)])
    return strokes


def _two(rng: np.random.Generator) -> Form:
    high = rng.uniform(0.25, 0.42)
    bowl: list[Point] = [
        (rng.uniform(0.03, 0.15), rng.uniform(0.12, 0.3)),
        (rng.uniform(0.3, 0.5), 0.0),
        (rng.uniform(0.78, 0.95), high * 0.6),
        (rng.uniform(0.6, 0.78), high + 0.17),
    ]
    base = rng.uniform(0.92, 1.0)
    kind = rng.random()
    if kind < 0.25:  # a loop in the lower corner
        size = rng.uniform(0.06, 0.16)
        loop = [(0.2, base - size / 3), (0.05, base - size), (0.2, base - 1.3 * size), (0.42, base - size / 3)]
        return [[*bowl, *loop, (0.7, base + 0.02), (0.98, base - rng.uniform(0.0, 0.14))]]
    corner = (rng.uniform(0.0, 0.12), base)
    end = (rng.uniform(0.75, 1.0), base + rng.uniform(-0.06, 0.05))
    middle = (0.5, base + rng.uniform(-0.05, 0.03))
    if kind < 0.4:  # a flat top, like a Z with a bent shoulder
        flat: list[Point] = [(0.05, 0.04), (0.5, 0.0), (0.82, 0.05), (0.85, 0.18)]
        return [[*flat, (0.5, 0.55), corner], [corner, middle, end]]
    return [[*bowl, corner], [corner, middle, end]]


def _three(rng: np.random.Generator) -> Form:
    waist = rng.uniform(0.38, 0.52)
    inner = rng.uniform(0.25, 0.5)
    lower: list[Point] = [
        (inner, waist),
        (rng.uniform(0.7, 0.88), waist + 0.14),
        (rng.uniform(0.8, 0.95), 0.76),
        (0.5, 1.0),
        (rng.uniform(0.0, 0.15), rng.uniform(0.78, 0.95)),
    ]
    if rng.random() < 0.3:  # a flat top
        right = (rng.uniform(0.75, 0.92), rng.uniform(-0.02, 0.05))
        return [[(rng.uniform(0.05, 0.2), 0.02), (0.5, 0.0), right], [right, (inner, waist)], lower]
    upper: list[Point] = [
        (rng.uniform(0.02, 0.18), rng.uniform(0.08, 0.22)),
        (0.48, 0.0),
        (rng.uniform(0.75, 0.9), 0.2),
        (rng.uniform(0.6, 0.75), waist - 0.08),
        (inner, waist),
    ]
    return [upper, lower]


def _four(rng: np.random.Generator) -> Form:
    bar = rng.uniform(0.52, 0.74)
    stem = rng.uniform(0.58, 0.8)
    end = min(1.0, stem + rng.uniform(0.04, 0.36))
    foot = (stem + rng.uniform(-0.1, 0.05), 1.0)
    left = (rng.uniform(0.0, 0.1), bar + rng.uniform(-0.04, 0.04))
    tip = (end, bar + rng.uniform(-0.06, 0.04))
    kind = rng.random()
    if kind < 0.4:  # closed: a straight stroke down to the left, the bar, the stem from the same top
        top = (stem + rng.uniform(-0.04, 0.04), 0.0)
        steep = ((top[0] + left[0]) / 2 + rng.uniform(-0.03, 0.05), bar / 2)
        return [[top, steep, left], [left, tip], [top, foot]]
    if kind < 0.55:  # nearly closed: the stem begins beside the slope's top, or crosses the slope
        top = (stem - rng.uniform(0.05, 0.2), 0.0)
        return [[top, left], [left, tip], [(stem, rng.uniform(0.0, 0.35)), foot]]
    if kind < 0.8:  # open: two uprights
        lean = rng.uniform(0.0, 0.25)
        return [
            [(left[0] + lean, rng.uniform(0.0, 0.12)), (left[0] + lean / 3, bar * 0.6), left],
            [left, tip],
            [(stem + rng.uniform(-0.03, 0.08), rng.uniform(0.0, 0.3)), foot],
        ]
    # open, with a round corner on the left, as a y without its tail
    start = (rng.uniform(0.05, 0.25), rng.uniform(0.0, 0.1))
    cup: list[Point] = [start, (left[0] + 0.02, bar * 0.65), (left[0] + 0.12, bar), (stem, bar - 0.02)]
    return [[*cup, tip], [(stem + rng.uniform(0.0, 0.1), rng.uniform(0.0, 0.25)), (stem, bar), foot]]


def _five(rng: np.random.Generator) -> Form:
    left = rng.uniform(0.1, 0.28)
    neck = rng.uniform(0.34, 0.46)
    belly: list[Point] = [
        (left - rng.uniform(0.0, 0.06), neck),
        (0.5, neck - rng.uniform(0.02, 0.1)),
        (rng.uniform(0.82, 0.97), rng.uniform(0.58, 0.7)),
        (rng.uniform(0.65, 0.8), 0.92),
        (0.4, 1.0),
        (rng.uniform(0.0, 0.1), rng.uniform(0.82, 0.96)),
    ]
    right = (rng.uniform(0.65, 0.98), rng.uniform(-0.05, 0.05))
    top = (left + rng.uniform(0.0, 0.08), rng.uniform(-0.02, 0.05))
    if rng.random() < 0.15:  # one stroke, like an S
        return [[right, (0.45, 0.0), (left, 0.15), (left + 0.05, neck), *belly[2:]]]
    if rng.random() < 0.35:  # the bar is put on afterwards, and may miss
        gap = rng.uniform(-0.06, 0.12)
        return [[top, belly[0]], belly, [(top[0] + gap, top[1] + rng.uniform(-0.05, 0.04)), right]]
    return [[right, top], [top, belly[0]], belly]


def _six(rng: np.random.Generator) -> Form:
    loop = rng.uniform(0.38, 0.62)  # where the loop begins
    width = rng.uniform(0.75, 0.98)
    closed = rng.uniform(-0.03, 0.1) if rng.random() < 0.8 else rng.uniform(0.1, 0.2)
    ring: list[Point] = [
        (0.06, rng.uniform(0.6, 0.72)),
        (0.18, 0.93),
        (0.5, 1.0),
        (0.88 * width, 0.88),
        (width, (loop + 1) / 2 + 0.02),
        (0.8 * width, loop + 0.04),
        (0.5, loop),
        (0.1 + closed, loop + rng.uniform(0.06, 0.2)),
    ]
    kind = rng.random()
    if kind < 0.3:  # a flat or hooked top
        right = rng.uniform(0.55, 0.95)
        top: list[Point] = [(right, rng.uniform(0.0, 0.14)), (0.5 * right, 0.0), (0.14, rng.uniform(0.1, 0.22))]
        if rng.random() < 0.3:  # with a corner
            corner = (rng.uniform(0.1, 0.25), 0.02)
            return [[(right, rng.uniform(-0.03, 0.05)), corner], [corner, (0.08, 0.4), *ring]]
        return [[*top, (0.06, 0.4), *ring]]
    if kind < 0.65:  # a straight slope
        return [[(rng.uniform(0.5, 0.85), 0.0), (rng.uniform(0.25, 0.42), 0.28), *ring]]
    return [[(rng.uniform(0.3, 0.65), 0.0), (0.14, 0.3), *ring]]


def _seven(rng: np.random.Generator) -> Form:
    corner = (rng.uniform(0.82, 1.0), rng.uniform(-0.03, 0.06))
    left = (rng.uniform(0.0, 0.1), rng.uniform(0.0, 0.06))  # lower, the bar would be a 1's flag
    foot = (rng.uniform(0.2, 0.6), 1.0)
    bend = rng.uniform(-0.12, 0.04)
    middle = ((corner[0] + foot[0]) / 2 + bend, 0.5)
    wave = rng.uniform(-0.05, 0.05)
    bar: list[Point] = [left, ((left[0] + corner[0]) / 2, (left[1] + corner[1]) / 2 + wave), corner]
    strokes: Form = [bar, [corner, middle, foot]]
    if rng.random() < 0.35:  # a stroke down from the bar's left end
        strokes.insert(0, [(left[0] + rng.uniform(-0.05, 0.05), left[1] + rng.uniform(0.08, 0.34)), left])
    if rng.random() < 0.45:  # crossed
        height, half, tilt = rng.uniform(0.42, 0.6), rng.uniform(0.12, 0.34), rng.uniform(-0.1, 0.06)
        x = corner[0] + (foot[0] - corner[0]) * height + bend * 0.9
        strokes.append([(x - half, height - tilt / 2), (x + half * rng.uniform(0.7, 1.2), height + tilt / 2)])
    return strokes


def _eight(rng: np.random.Generator) -> Form:
    waist = rng.uniform(0.4, 0.54)
    if rng.random() < 0.25:  # two rings
        small = rng.uniform(0.3, 0.42)
        turn = np.linspace(0, 2 * np.pi, 9)
        upper = [(0.5 + small * np.sin(a), waist / 2 - waist / 2 * np.cos(a)) for a in turn]
        lower = [(0.5 + 0.46 * np.sin(a), (1 + waist) / 2 - (1 - waist) / 2 * np.cos(a)) for a in turn]
        return [upper, lower]
    gap = rng.uniform(0.0, 0.05) if rng.random() < 0.6 else rng.uniform(0.05, 0.25)  # an open top
    reach = rng.uniform(0.72, 0.9)
    return [
        [
            (reach - gap / 2, 0.1 + gap / 3),
            (0.45 - gap, 0.0),
            (0.12, 0.2),
            (0.45, waist),
            (rng.uniform(0.82, 0.98), 0.74),
            (0.55, 1.0),
            (rng.uniform(0.04, 0.18), 0.76),
            (0.52, waist),
            (reach, 0.24),
            (reach - gap / 3, 0.1 + gap / 4),
        ]
    ]


def _nine(rng: np.random.Generator) -> Form:
    loop = rng.uniform(0.42, 0.6)
    right = rng.uniform(0.78, 0.92)
    opening = rng.uniform(-0.02, 0.05) if rng.random() < 0.75 else rng.uniform(0.05, 0.2)
    ring: list[Point] = [
        (right - opening, 0.14),
        (0.5 - opening / 2, 0.0),
        (0.1, 0.18),
        (0.14, loop - 0.1),
        (0.46, loop),
        (right - 0.06, loop - rng.uniform(0.1, 0.2)),
    ]
    top = (right + rng.uniform(-0.02, 0.05), rng.uniform(0.0, 0.16))
    kind = rng.random()
    if kind < 0.35:  # hooked: the stem turns left, and may rise again
        rise = rng.uniform(0.0, 0.22)
        hook: list[Point] = [(right, 0.7), (0.66, 0.97), (0.36, 1.0), (rng.uniform(0.05, 0.2), 0.95 - rise)]
        return [[*ring, top], [top, (right + 0.02, 0.42), *hook]]
    foot = (rng.uniform(0.4, 0.9), 1.0)
    if kind < 0.7:
        return [[*ring, top], [top, ((top[0] + foot[0]) / 2 + rng.uniform(0.0, 0.06), 0.55), foot]]
    if kind < 0.85:  # one stroke, and no corner at the top
        return [[*ring, (right + 0.02, 0.2), (right, 0.5), foot]]
    # a straight stem on a foot
    base = rng.uniform(0.15, 0.45)
    return [[*ring, top], [top, foot], [(foot[0] - base, 1.0), (foot[0] + rng.uniform(0.0, base), 1.0)]]


_FORMS: Final[tuple[Callable[[np.random.Generator], Form], ...]] = (
    _zero, _one, _two, _three, _four, _five, _six, _seven, _eight, _nine,
)  # fmt: skip
