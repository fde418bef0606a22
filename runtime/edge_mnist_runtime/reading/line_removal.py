"""Printed lines, found by `ruled_lines.py`, taken away without the strokes that stand on them or cross them."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import max_within, quantile_along
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.ruled_lines import Ruling

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
Mask = npt.NDArray[np.bool_]

REMOVAL: Final = PICTURE_READING.line_removal


def remove_ruling(darkness: Floats, ruling: Ruling, ink_level: float) -> Floats:
    """Take lines away.

    Args:
        darkness: Shape (H, W).
        ruling: What `find_ruling` found in it, or in the same picture against another ground.
        ink_level: Darkness of the ink, about.
    """
    if not ruling:
        return darkness
    left: Floats = darkness.copy()
    families = ((ruling.level, darkness, left), (ruling.upright, darkness.T, left.T))
    bands = [
        _subtract(lines, ruling.half_width, before, after, ink_level) if len(lines) else None
        for lines, before, after in families
    ]
    for found, (_, _, after) in zip(bands, families, strict=True):  # when all are gone, or lines would bridge lines
        if found is not None:
            _bridge(after, *found)
    return left


def _subtract(lines: Floats, half_width: int, before: Floats, after: Floats, ink_level: float) -> tuple[Places, Mask]:
    """Take lines out of `after`: what each usually adds, row by row, and more of what is no darker than that.

    Returns:
        The rows around each line, shape (N, K, W), K being 2 * half_width + 1, and which of them, shape (N, K), it
        darkens.
    """
    height, width = before.shape
    at = np.rint(lines).astype(np.intp)[:, np.newaxis] + np.arange(-half_width, half_width + 1)[:, np.newaxis]
    inside = (at >= 0) & (at < height)
    at = np.clip(at, 0, height - 1)
    usual = _usual(before[at, np.arange(width)], inside)
    beside = np.minimum(usual[:, 0], usual[:, -1])[:, np.newaxis]
    usual = np.maximum(usual - beside, 0)
    most = usual.max(1, keepdims=True)
    darkened = usual > np.maximum(REMOVAL.darkened_fraction * most, PICTURE_READING.lines.faintest / 2)
    lost = (REMOVAL.usual_factor * usual + REMOVAL.most_fraction * most + beside)[darkened][:, np.newaxis]  # (M, 1)
    rows, columns = at[darkened], np.arange(width)
    values = before[rows, columns]
    # Ink on the line stays as dark as it is; only what is between the line's darkness and the ink's is stretched.
    stretch = np.maximum(ink_level - lost, REMOVAL.min_stretch * ink_level)
    kept = np.clip((values - lost) / stretch, 0, 1) * ink_level
    kept, part = np.minimum(kept, values), inside[darkened]
    if part.all():
        after[rows, columns] = kept
    else:
        after[rows[part], np.broadcast_to(columns, rows.shape)[part]] = kept[part]
    return at, darkened


def _usual(values: Floats, inside: Mask) -> Floats:
    """What lines add nearly everywhere; where a tall 1 stands on one, that is much less at one of its ends.

    Args:
        values: Darkness along the rows around each line, shape (N, K, W).
        inside: Where these are in the picture, likewise.

    Returns:
        Shape (N, K).
    """
    usual = _usual_along(values)
    for line, row in zip(*np.nonzero(~inside.all(2)), strict=True):  # a line that leaves the picture
        rest = values[line, row][inside[line, row]]
        usual[line, row] = _usual_along(rest) if rest.size else 0
    return usual


def _usual_along(values: Floats) -> Floats:
    """As `_usual`, along the last axis, which is dropped."""
    end = -(-values.shape[-1] // REMOVAL.end_part)
    parts = values, values[..., :end], values[..., -end:]
    overall, *ends = (quantile_along(part, REMOVAL.usual_quantile)[..., 0] for part in parts)
    least = np.minimum(*ends)
    usual: Floats = np.where(least < REMOVAL.end_fraction * overall, least, overall)
    return usual


def _bridge(left: Floats, at: Places, darkened: Mask) -> None:
    """Close the gaps that lines left in strokes that cross them: ink right above and right below belongs together."""
    n_rows, columns = at.shape[1], np.arange(at.shape[2])
    first, last = darkened.argmax(1), n_rows - 1 - darkened[:, ::-1].argmax(1)
    size = np.where(darkened.any(1), darkened.sum(1), 0)
    for n in sorted({*size[size > 0].tolist()}):  # lines of one thickness at once
        which = np.flatnonzero(size == n)
        rows = np.stack(
            [at[which, np.maximum(first[which] - 1, 0)], at[which, np.minimum(last[which] + 1, n_rows - 1)]]
        )
        bridge = max_within(left[rows, columns], n // 2 + 1).min(0)  # (M, W)
        line, row = np.nonzero(darkened[which])
        under = at[which[line], row]
        left[under, columns] = np.maximum(left[under, columns], bridge[line])
