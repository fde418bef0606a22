"""What speaks against a picture before any network has seen it: no ink, too few pixels, a digit cut off, several.

Each rule was chosen on rendered pictures of the development seed, so that of readable ones hardly any is rejected:
`benchmarks/rejected_pictures.py` counts them.
"""

from __future__ import annotations

import numpy as np

from edge_mnist_runtime.components import Mask
from edge_mnist_runtime.glyphs import Glyph, find_glyphs
from edge_mnist_runtime.ink import Ink
from edge_mnist_runtime.picture_definition import PICTURE_READING
from edge_mnist_runtime.prediction import Reason


def find_flaw(ink: Ink, side_pixels: float) -> Reason | None:
    """Why ink that is no doubt ink shows no digit that can be read; None where nothing speaks against it.

    Args:
        ink: As found in the whole picture.
        side_pixels: The digit's longer side, in the picture's own pixels.
    """
    if side_pixels < PICTURE_READING.least_side_pixels:
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
    signs: int = PICTURE_READING.grain_signs,
) -> bool:
    """Whether what was taken for ink is paper, shade or texture: ink is dark, on edges, and there is one of it.

    No single sign tells: pencil is faint, squared paper leaves rests, a shadow has an edge. Four signs together do.

    Args:
        ink: What was found.
        outline: Part of its outline, 0..1, where the picture has an edge.
        lines: Printed lines that were taken away; they leave rests.
        side_pixels: Longer side of one digit; that of the ink's box if None.
        signs: How many signs it takes.
    """
    n_parts = len(ink.parts)
    is_own = ink.parts.sums(ink.parts.pick(ink.mask).astype(np.float32)) > 0
    share = float(ink.mass[is_own].sum() / max(float(ink.mass.sum()), 1e-6))
    fullness = float((ink.darkness > 0.6 * ink.level).sum() / max(1, ink.mask.sum()))
    shown = (
        ink.level < 0.25,
        ink.level < 0.33,
        ink.level < 0.45,
        n_parts > 12 and not lines,
        n_parts > 60,
        share < 0.9,
        outline < 0.97,
        outline < 0.85,
        fullness < 0.65,
        ink.stroke_pixels < 0.03 * (side_pixels or ink.side_pixels),
        bool(find_glyphs(ink.parts, ink.mass, ink.mask.shape).other),
    )
    return sum(shown) >= signs


def _runs_out_of_frame(ink: Ink) -> bool:
    """Whether strokes cross an edge of the picture.

    A picture that was cropped to its digit has ink at its edges, too, but on opposite ones; and where a stroke ends, or
    turns, it is narrower at the edge than further inside.
    """
    height, width = ink.mask.shape
    top, bottom, left, right = ink.box
    room = PICTURE_READING.filled_frame_part * ink.side_pixels
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
    reach = max(2, round(PICTURE_READING.crossing_depth * stroke_pixels))
    far = mask[min(reach, last)]
    for start, end in zip(changes[::2], changes[1::2], strict=True):
        width = end - start
        beside = int(near[max(0, start - reach) : end + reach].sum())
        if width < PICTURE_READING.crossing_width * max(stroke_pixels, min(beside, 4 * stroke_pixels)):
            continue  # the end of a stroke, or where it turns: narrower than further inside
        before, under, after = far[max(0, start - reach) : start], far[start:end], far[end : end + reach]
        is_arch = not under.any() and before.any() and after.any()
        if not is_arch and before.sum() + under.sum() + after.sum() >= PICTURE_READING.crossing_goes_on * width:
            return True  # no bar or bend that lies along the edge
    return False


def _shows_several(ink: Ink) -> bool:
    """Whether something as tall as the digit, and as much ink, stands beside it."""
    row = find_glyphs(ink.parts, ink.mass, ink.mask.shape).main
    if len(row) < 2:
        return False
    main = max(row, key=lambda glyph: _mass(ink, glyph))
    alike = [
        glyph
        for glyph in row
        if _mass(ink, glyph) >= 0.15 * _mass(ink, main) and 0.6 * main.height <= glyph.height <= 1.3 * main.height
    ]
    return len(alike) > 1


def _mass(ink: Ink, glyph: Glyph) -> float:
    return float(ink.mass[glyph.members].sum())
