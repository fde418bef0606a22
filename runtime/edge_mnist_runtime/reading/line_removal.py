"""Remove the printed lines that `ruled_lines.py` found, and keep the strokes on and across them."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.filters import Floats, max_within, quantile_along
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.ruled_lines import Positions, Ruling, whole_rows

REMOVAL: Final = PICTURE_READING.line_removal


def remove_ruling(darkness: Floats, ruling: Ruling, ink_level: float) -> Floats:
    """Remove printed lines.

    Args:
        darkness: Shape (H, W), from `measure_darkness`.
        ruling: The lines that `find_ruling` found in it, or in the same picture with another closing window.
        ink_level: Approximate darkness of the ink.

    Returns:
        The darkness without the lines, shape (H, W).
    """
    if not ruling:
        return darkness
    left: Floats = darkness.copy()
    families = ((ruling.level, darkness, left), (ruling.upright, darkness.T, left.T))
    bands = [
        _subtract(lines, ruling.half_width, before, after, ink_level) if len(lines) else None
        for lines, before, after in families
    ]
    for found, (_, _, after) in zip(bands, families, strict=True):  # after all removals, or lines would bridge lines
        if found is not None:
            _bridge(after, *found)
    return left


def _subtract(
    lines: Floats, half_width: int, before: Floats, after: Floats, ink_level: float
) -> tuple[Positions, Mask]:
    """Subtract lines from `after`, in place: what each line usually adds to a row, plus a margin for uneven print.

    Returns:
        The rows around each line, shape (N, K, W), K being 2 * half_width + 1. And the mask, shape (N, K), of the rows
        that the line darkens.
    """
    height, width = before.shape
    at = whole_rows(lines)[:, np.newaxis] + np.arange(-half_width, half_width + 1)[:, np.newaxis]
    inside = (at >= 0) & (at < height)
    at = np.clip(at, 0, height - 1)
    usual = _usual(before[at, np.arange(width)], inside)
    beside = np.minimum(usual[:, 0], usual[:, -1])[:, np.newaxis]
    usual = np.maximum(usual - beside, 0)
    darkest = usual.max(1, keepdims=True)
    faintest = REMOVAL.faintest_fraction * PICTURE_READING.lines.faintest
    darkened = usual > np.maximum(REMOVAL.darkened_fraction * darkest, faintest)
    lost = (REMOVAL.usual_factor * usual + REMOVAL.most_fraction * darkest + beside)[darkened][:, np.newaxis]  # (M, 1)
    rows, columns = at[darkened], np.arange(width)
    values = before[rows, columns]
    # Stretch the range between line and ink to 0..ink_level, so that ink on the line keeps its darkness.
    stretch = np.maximum(ink_level - lost, REMOVAL.min_stretch * ink_level)
    kept = np.clip((values - lost) / stretch, 0, 1) * ink_level
    kept, valid = np.minimum(kept, values), inside[darkened]
    if valid.all():
        after[rows, columns] = kept
    else:
        after[rows[valid], np.broadcast_to(columns, rows.shape)[valid]] = kept[valid]
    return at, darkened


def _usual(values: Floats, inside: Mask) -> Floats:
    """The usual darkness of lines, without the strokes on them.

    Args:
        values: Darkness along the rows around each line, shape (N, K, W).
        inside: Mask of the values inside the picture, shape (N, K, W).

    Returns:
        One value for each row, shape (N, K).
    """
    usual = _usual_along(values)
    for line, row in zip(*np.nonzero(~inside.all(2)), strict=True):  # lines that leave the picture
        rest = values[line, row][inside[line, row]]
        usual[line, row] = _usual_along(rest) if rest.size else 0
    return usual


def _usual_along(values: Floats) -> Floats:
    """A quantile along the last axis, which is dropped.

    If one end of the line is much fainter than the whole, a tall 1 covers the rest, and the end's quantile is used.
    """
    end = -(-values.shape[-1] // REMOVAL.end_part)
    stretches = values, values[..., :end], values[..., -end:]
    overall, *ends = (quantile_along(stretch, REMOVAL.usual_quantile)[..., 0] for stretch in stretches)
    fainter = np.minimum(*ends)
    usual: Floats = np.where(fainter < REMOVAL.end_fraction * overall, fainter, overall)
    return usual


def _bridge(left: Floats, at: Positions, darkened: Mask) -> None:
    """Close the gaps that removed lines leave in crossing strokes, in place, if there is ink both above and below."""
    n_rows, columns = at.shape[1], np.arange(at.shape[2])
    first, last = darkened.argmax(1), n_rows - 1 - darkened[:, ::-1].argmax(1)
    size = darkened.sum(1)
    for n in sorted({*size.tolist()}):  # all lines of one thickness together
        which = np.flatnonzero(size == n)
        rows = np.stack(
            [at[which, np.maximum(first[which] - 1, 0)], at[which, np.minimum(last[which] + 1, n_rows - 1)]]
        )
        bridge = max_within(left[rows, columns], n // 2 + REMOVAL.bridge_pixels, axes=(-1,)).min(0)  # (M, W)
        line, row = np.nonzero(darkened[which])
        under = at[which[line], row]
        left[under, columns] = np.maximum(left[under, columns], bridge[line])
