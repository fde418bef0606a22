"""What speaks against a picture before any network has seen it: no ink, too few pixels, a digit cut off, several.

Each rule was chosen on rendered pictures of the development seed, so that of readable ones hardly any is rejected:
`benchmarks/rejected_pictures.py` counts them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_mnist_runtime.prediction import Reason
from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.glyphs import Glyph, find_glyphs
from edge_mnist_runtime.reading.ink import Ink
from edge_mnist_runtime.reading.parameters import PICTURE_READING

FLAWS: Final = PICTURE_READING.flaws


def find_flaw(ink: Ink, side_pixels: float) -> Reason | None:
    """Why ink that is no doubt ink shows no digit that can be read; None where nothing speaks against it.

    Args:
        ink: As found in the whole picture.
        side_pixels: The digit's longer side, in the picture's own pixels.
    """
    if side_pixels < FLAWS.min_side_pixels:
        return "too small"
    if _runs_out_of_frame(ink):
        return "cut off"
    if _shows_several(ink):
        return "several digits"
    return None


def is_grain(
    ink: Ink,
    *,
    outline: float = 1.0,
    lines: int = 0,
    side_pixels: float | None = None,
    signs: int = FLAWS.grain_signs,
) -> bool:
    """Whether what was taken for ink is paper, shade or texture: ink is dark, on edges, and there is one of it.

    No single sign decides: pencil is faint, squared paper leaves rests, a shadow has an edge. Several together do.

    Args:
        ink: What was found.
        outline: Part of its outline, 0..1, where the picture has an edge.
        lines: Printed lines that were taken away; they leave rests.
        side_pixels: Longer side of one digit; that of the ink's box if None.
        signs: How many signs it takes.
    """
    shown = _count_cheap_signs(ink, outline, lines, side_pixels or ink.side_pixels)
    dear_signs = [_has_other_rows, _is_one_of_many, _is_hollow]
    while dear_signs and shown < signs <= shown + len(dear_signs):  # while they can still decide
        shown += dear_signs.pop()(ink)
    return shown >= signs


def _count_cheap_signs(ink: Ink, outline: float, lines: int, side_pixels: float) -> int:
    """How many signs of grain need no look at the pixels; see `is_grain`."""
    n_parts = len(ink.parts)
    signs = (
        *(ink.level < level for level in FLAWS.faint_levels),
        *(outline < fraction for fraction in FLAWS.soft_outlines),
        n_parts > FLAWS.many_parts and not lines,
        n_parts > FLAWS.very_many_parts,
        ink.stroke_pixels < FLAWS.hair_width * side_pixels,
    )
    return sum(signs)


def _is_hollow(ink: Ink) -> bool:
    """Whether much of the ink is much fainter than the rest."""
    mask = ink.mask[ink.box.slices]
    full = ink.inside > FLAWS.full_ink * ink.level
    return bool(full.sum() < FLAWS.min_full_fraction * max(1, mask.sum()))


def _is_one_of_many(ink: Ink) -> bool:
    """Whether much of what is as dark as ink is not part of it."""
    is_own = ink.parts.sums(ink.parts.pick(ink.mask).astype(np.float32)) > 0
    return bool(ink.mass[is_own].sum() < FLAWS.min_own_mass * max(float(ink.mass.sum()), 1e-6))


def _has_other_rows(ink: Ink) -> bool:
    return bool(find_glyphs(ink.parts, ink.mass, ink.mask.shape).other)


def _runs_out_of_frame(ink: Ink) -> bool:
    """Whether strokes cross an edge of the picture.

    A picture that was cropped to its digit has ink at its edges, too, but on opposite ones; and where a stroke ends, or
    turns, it is narrower at the edge than further inside.
    """
    height, width = ink.mask.shape
    left, top, right, bottom = ink.box
    room = FLAWS.frame_room * ink.side_pixels
    sides = (
        (ink.mask, top, height - bottom),
        (ink.mask[::-1], height - bottom, top),
        (ink.mask.T, left, width - right),
        (ink.mask.T[::-1], width - right, left),
    )
    return any(
        margin == 0 and opposite > room and _crosses(mask, ink.stroke_pixels) for mask, margin, opposite in sides
    )


def _crosses(mask: Mask, stroke_pixels: float) -> bool:
    """Whether a stroke crosses the first row of a mask: it goes on further inside, and is no wider there."""
    changes = np.flatnonzero(np.diff(np.pad(mask[0], 1).astype(np.int8)))
    last = len(mask) - 1
    near = mask[min(max(1, round(stroke_pixels / 2)), last)]
    reach = max(FLAWS.min_crossing_depth_pixels, round(FLAWS.crossing_depth * stroke_pixels))
    far = mask[min(reach, last)]
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        width = end - start
        beside = int(near[max(0, start - reach) : end + reach].sum())
        usual = max(stroke_pixels, min(beside, FLAWS.crossing_limit * stroke_pixels))
        if width < FLAWS.crossing_width * usual:
            continue  # the end of a stroke, or where it turns: narrower than further inside
        before, under, after = far[max(0, start - reach) : start], far[start:end], far[end : end + reach]
        is_arch = not under.any() and before.any() and after.any()
        if not is_arch and before.sum() + under.sum() + after.sum() >= FLAWS.crossing_goes_on * width:
            return True  # no bar or bend that lies along the edge
    return False


def _shows_several(ink: Ink) -> bool:
    """Whether something as tall as the digit, and as much ink, stands beside it."""
    heaviest = int(ink.mass.argmax())
    others = float(ink.mass.sum() - ink.mass[heaviest])
    if others < FLAWS.min_other_mass * ink.mass[heaviest] and _is_own(ink, heaviest):
        return False  # most digits are one part, and what else is there is too little for another one
    row = find_glyphs(ink.parts, ink.mass, ink.mask.shape).main
    if len(row) < 2:
        return False
    main = max(row, key=lambda glyph: _mass(ink, glyph))
    alike = [
        glyph
        for glyph in row
        if _mass(ink, glyph) >= FLAWS.min_other_mass * _mass(ink, main)
        and FLAWS.min_other_height * main.height <= glyph.height <= FLAWS.max_other_height * main.height
    ]
    return len(alike) > 1


def _is_own(ink: Ink, part: int) -> bool:
    """Whether a part of the page belongs to the ink that was picked."""
    first = ink.parts.covered[int((ink.parts.numbers == part + 1).argmax())]
    return bool(ink.mask.reshape(-1)[first])


def _mass(ink: Ink, glyph: Glyph) -> float:
    return float(ink.mass[glyph.members].sum())
