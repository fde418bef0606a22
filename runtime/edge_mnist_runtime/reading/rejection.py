"""Reject pictures before the network runs: no ink, a digit too small or cut off, several digits.

The rules were tuned on rendered pictures of the development seed, so that hardly any readable picture is rejected.
`benchmarks/rejected_pictures.py` counts those that are.
"""

from __future__ import annotations

from math import inf
from typing import Final

import numpy as np

from edge_mnist_runtime.prediction import Reason
from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.glyphs import Glyph, find_glyphs
from edge_mnist_runtime.reading.ink import Ink
from edge_mnist_runtime.reading.parameters import PICTURE_READING

REJECTION: Final = PICTURE_READING.flaws


def find_rejection_reason(ink: Ink, side_pixels: float) -> Reason | None:
    """Find why ink cannot be read as one digit.

    Args:
        ink: Ink found in the whole picture; see `is_grain` for what is not ink.
        side_pixels: The digit's longer side, in the picture's own pixels.

    Returns:
        The rejection reason; None if there is none.
    """
    if side_pixels < REJECTION.min_side_pixels:
        return "too small"
    if _runs_out_of_frame(ink):
        return "cut off"
    if shows_several(ink):
        return "several digits"
    return None


def min_confidence_despite(reason: Reason | None) -> float:
    """Confidence, 0..1, from which the network's answer counts in spite of a reason; infinite if none does."""
    if reason is None:
        return 0.0
    return REJECTION.sure_despite_cut if reason == "cut off" else inf


def is_grain(
    ink: Ink,
    *,
    outline: float = 1.0,
    lines: int = 0,
    side_pixels: float | None = None,
    signs: int = REJECTION.grain_signs,
) -> bool:
    """Whether the found ink is really paper texture, noise or shadow.

    Counts signs of it, such as faint ink, an outline without edges, or many components. No single sign decides: pencil
    is faint too, squared paper leaves residue, and a shadow has an edge.

    Args:
        ink: The ink found.
        outline: Fraction of its outline, 0..1, that lies on an edge in the picture.
        lines: Number of printed lines removed; they leave residue.
        side_pixels: Longer side of one digit; that of the ink's box if None.
        signs: How many signs are enough.
    """
    shown = _count_cheap_signs(ink, outline, lines, side_pixels or ink.side_pixels)
    slow_checks = [_has_other_rows, _is_one_of_many, _is_hollow]
    while slow_checks and shown < signs <= shown + len(slow_checks):  # while they can still decide
        shown += slow_checks.pop()(ink)
    return shown >= signs


def _count_cheap_signs(ink: Ink, outline: float, lines: int, side_pixels: float) -> int:
    """Count the signs of `is_grain` that do not need the pixels."""
    n_parts = len(ink.parts)
    signs = (
        *(ink.level < level for level in REJECTION.faint_levels),
        *(outline < fraction for fraction in REJECTION.soft_outlines),
        n_parts > REJECTION.many_parts and not lines,
        n_parts > REJECTION.very_many_parts,
        ink.stroke_pixels < REJECTION.hair_width * side_pixels,
    )
    return sum(signs)


def _is_hollow(ink: Ink) -> bool:
    """Whether a large fraction of the ink is much fainter than full ink."""
    mask = ink.mask[ink.box.slices]
    full = ink.inside > REJECTION.full_ink * ink.level
    return bool(full.sum() < REJECTION.min_full_fraction * max(1, mask.sum()))


def _is_one_of_many(ink: Ink) -> bool:
    """Whether much of the mass that is as dark as ink is outside the digit."""
    return bool(ink.mass[ink.is_own].sum() < REJECTION.min_own_mass * max(float(ink.mass.sum()), 1e-6))


def _has_other_rows(ink: Ink) -> bool:
    return bool(find_glyphs(ink.parts, ink.mass, ink.mask.shape).other)


def _runs_out_of_frame(ink: Ink) -> bool:
    """Whether strokes cross an edge of the picture.

    Ink at an edge is not cut off if the picture is cropped to its digit: then ink is near the opposite edge, too. Nor
    is a stroke that ends or turns at the edge: it is narrower there than further inside.
    """
    height, width = ink.mask.shape
    left, top, right, bottom = ink.box
    room = REJECTION.frame_room * ink.side_pixels
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
    """Whether a stroke crosses the first row of a mask: it continues inside, and is not much wider there."""
    changes = np.flatnonzero(np.diff(np.pad(mask[0], 1).astype(np.int8)))
    last = len(mask) - 1
    near = mask[min(max(1, round(REJECTION.crossing_near * stroke_pixels)), last)]
    reach = max(REJECTION.min_crossing_depth_pixels, round(REJECTION.crossing_depth * stroke_pixels))
    far = mask[min(reach, last)]
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        width = end - start
        beside = int(near[max(0, start - reach) : end + reach].sum())
        usual = max(stroke_pixels, min(beside, REJECTION.crossing_limit * stroke_pixels))
        if width < REJECTION.crossing_width * usual:
            continue  # the stroke ends or turns here: it is narrower than further inside
        before, under, after = far[max(0, start - reach) : start], far[start:end], far[end : end + reach]
        is_arch = not under.any() and before.any() and after.any()
        if not is_arch and before.sum() + under.sum() + after.sum() >= REJECTION.crossing_goes_on * width:
            return True  # otherwise a bar or bend lies along the edge
    return False


def shows_several(ink: Ink) -> bool:
    """Whether ink of similar height and mass stands beside the digit, and is no part of it.

    Ink so near that it was picked with the digit may be a stroke with a gap. The network and `acceptance.py` decide.
    """
    heaviest = int(ink.mass.argmax())
    others = float(ink.mass.sum() - ink.mass[heaviest])
    if others < REJECTION.min_other_mass * ink.mass[heaviest] and _is_own(ink, heaviest):
        return False  # usual case: the digit is one component, and the rest has too little mass for another digit
    row = find_glyphs(ink.parts, ink.mass, ink.mask.shape).main
    if len(row) < 2:
        return False
    main = max(row, key=lambda glyph: _mass(ink, glyph))
    alike = [
        glyph
        for glyph in row
        if _mass(ink, glyph) >= REJECTION.min_other_mass * _mass(ink, main)
        and REJECTION.min_other_height * main.height <= glyph.height <= REJECTION.max_other_height * main.height
    ]
    return len(alike) > 1 and not all(_is_own(ink, part) for glyph in alike for part in glyph.members.tolist())


def _is_own(ink: Ink, part: int) -> bool:
    """Whether a component belongs to the picked ink."""
    first = ink.parts.covered[int((ink.parts.numbers == part + 1).argmax())]
    return bool(ink.mask.reshape(-1)[first])


def _mass(ink: Ink, glyph: Glyph) -> float:
    return float(ink.mass[glyph.members].sum())
