"""Printed lines on paper: found by the way they run from edge to edge, and taken away without the digit's strokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import quantile
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]

LINES: Final = PICTURE_READING.lines

MAIN_SLOPES: Final = np.linspace(-LINES.max_slope, LINES.max_slope, LINES.n_slopes)
"""Slopes that a family of lines may have, rows a column."""

FANNING: Final = np.linspace(-LINES.fanning, LINES.fanning, LINES.n_fanning)
"""What is tried around the main one."""


COUNT_BITS: Final = 6
"""Low bits of a count of strips that hold how many show a line; those above hold how many it passes."""


@dataclass(frozen=True)
class Ruling:
    """All lines on a page."""

    level: Floats
    """Nearly level ones: the row of each in every column, shape (N, W)."""
    upright: Floats
    """Nearly upright ones: the column of each in every row, shape (N, H)."""
    half_width: int
    """Pixels to either side that a line may darken."""

    def __len__(self) -> int:
        return len(self.level) + len(self.upright)


def find_ruling(darkness: Floats) -> Ruling:
    """Find the lines that run through a picture; `darkness` is as `measure_darkness` gives it, shape (H, W)."""
    height, width = darkness.shape
    reach = max(LINES.min_reach_pixels, round(LINES.reach_fraction * max(height, width)))
    none = Ruling(np.zeros((0, width), np.float32), np.zeros((0, height), np.float32), reach)
    if min(height, width) < LINES.min_side_pixels:
        return none
    level, upright = _find_rules(darkness.T, reach), _find_rules(darkness, reach)
    along, across = (upright, width) if height > width else (level, height)
    if len(along) == len(level) + len(upright) == 1 and max(height, width) > LINES.max_narrowness * across:
        return none  # in a narrow picture of a 1 the 1 itself runs from edge to edge
    return Ruling(level, upright, reach)


def _find_rules(columns: Floats, reach: int) -> Floats:
    """Where lines run through a picture that is given column by column, shape (W, H): their rows, shape (N, W)."""
    width = len(columns)
    strip = max(1, width // LINES.strips)
    n_strips = width // strip
    strips = _average(columns[: n_strips * strip], strip)
    beside = np.minimum(_darker_side(strips, reach), _darker_side(strips, max(2, reach // 2)))
    ridges: Floats = np.maximum(strips - beside, 0)
    if (ridges.max(1) >= LINES.faintest).mean() < LINES.likely_fraction * LINES.shown_fraction:
        return np.zeros((0, width), np.float32)
    centres: npt.NDArray[np.float64] = (np.arange(n_strips, dtype=np.float64) + 0.5) * strip
    slopes = _main_slope(ridges, centres) + FANNING
    # A bent line leaves its straight one by a pixel; one seen in most strips is a line, whatever crosses it elsewhere.
    tolerant = ridges.copy()
    tolerant[:, 1:] = np.maximum(tolerant[:, 1:], ridges[:, :-1])
    tolerant[:, :-1] = np.maximum(tolerant[:, :-1], ridges[:, 1:])
    found = _peaks(_vote(tolerant, centres, slopes), reach)
    rows, chosen = np.array([row for _, row in found], np.intp), slopes[[which for which, _ in found]]
    return _follow(ridges, centres, width, rows, chosen)


def _average(columns: Floats, strip: int) -> Floats:
    """Means of `strip` columns each, shape (S, H)."""
    in_strips = np.ascontiguousarray(columns).reshape(-1, strip, columns.shape[1])
    averages: Floats = in_strips.sum(1)
    averages /= np.float32(strip)
    return averages


def _darker_side(strips: Floats, reach: int) -> Floats:
    """The darker of the rows `reach` above and below each row of a strip; shape (S, H)."""
    n = strips.shape[1]
    padded = np.empty((len(strips), n + 2 * reach), np.float32)
    padded[:, reach : n + reach], padded[:, :reach], padded[:, n + reach :] = strips, strips[:, :1], strips[:, -1:]
    darker: Floats = np.maximum(padded[:, : -2 * reach], padded[:, 2 * reach :])
    return darker


def _drops(centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Places:
    """Rows that lines of each slope lie below their middle one in each strip: shape (slopes, S)."""
    drops: Places = np.rint(slopes[:, np.newaxis] * (centres - (centres[0] + centres[-1]) / 2)).astype(np.intp)
    return drops


def _gather(values: Bytes, centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Bytes:
    """Values, shape (S, H), along lines of each slope through each row of the middle column: shape (slopes, S, H).

    Outside of the picture they are 0.
    """
    n_strips, n_rows = values.shape
    drops = _drops(centres, slopes)
    margin = int(np.abs(drops).max())
    # np.pad and NumPy's sliding windows would take half of the time that looking for lines takes.
    padded = np.zeros((n_strips, n_rows + 2 * margin), values.dtype)
    padded[:, margin : margin + n_rows] = values
    shape, (down, right) = (n_strips, 2 * margin + 1, n_rows), padded.strides
    windows = np.ndarray(shape, padded.dtype, padded, strides=(down, right, right))
    along: Bytes = windows[np.arange(n_strips), drops + margin]
    return along


def _main_slope(ridges: Floats, centres: npt.NDArray[np.float64]) -> float:
    """The slope whose sums over the strips stand out most. A digit's strokes are cut to what a line can be."""
    step = LINES.main_step
    usual = float(quantile(ridges[:, :: step * step], LINES.main_quantile))
    capped = np.minimum(ridges, max(LINES.faintest, LINES.main_factor * usual))
    # Small integers: they are gathered, and summed, several times as fast.
    steps = (capped[::step] * (LINES.main_levels / max(float(capped.max()), 1e-6))).astype(np.uint8)
    sums = _gather(steps, centres[::step], MAIN_SLOPES).sum(1, dtype=np.uint16).astype(np.float32)
    return float(MAIN_SLOPES[(sums**2).sum(1).argmax()])


def _vote(ridges: Floats, centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Floats:
    """What ridges reach in most of the strips that a line passes, shape (slopes, H); 0 where it passes few."""
    votes = np.zeros((len(slopes), ridges.shape[1]), np.float32)
    n_strips = len(ridges)
    # Bytes first: few slopes and rows can be lines at all, and no page without lines has any.
    state = (ridges >= LINES.faintest).view(np.uint8) + np.uint8(1 << COUNT_BITS)
    counts = _gather(state, centres, slopes).sum(1, dtype=np.uint16)
    n_inside, n_shown = counts >> COUNT_BITS, counts & ((1 << COUNT_BITS) - 1)
    skipped = (np.float32(1 - LINES.shown_fraction) * n_inside).astype(np.uint16)
    likely = np.flatnonzero((n_inside >= LINES.inside_fraction * n_strips) & (n_shown >= n_inside - skipped))
    which, rows = np.divmod(likely, ridges.shape[1])
    if not len(which):
        return votes
    at = rows[:, np.newaxis] + _drops(centres, slopes)[which]
    is_inside = (at >= 0) & (at < ridges.shape[1])
    values = np.where(is_inside, ridges[np.arange(n_strips), np.clip(at, 0, ridges.shape[1] - 1)], -1)  # (N, S)
    ends = np.minimum(_at_end(values), _at_end(values[:, ::-1]))
    values.sort(axis=1)  # strips outside come first
    inside = n_inside[which, rows]
    found = values[np.arange(len(values)), np.minimum(n_strips - inside + skipped[which, rows], n_strips - 1)]
    # A tall 1 is as straight as a line, but does not run from edge to edge.
    votes[which, rows] = np.where(ends >= np.maximum(LINES.faintest, LINES.end_fraction * found), found, 0)
    return votes


def _at_end(values: Floats) -> Floats:
    """What ridges, shape (N, S), reach where lines begin, shape (N,); infinite where that is outside the picture."""
    second = np.sort(values[:, : values.shape[1] // LINES.end_part], axis=1)[:, -2]
    return np.where(second < 0, np.inf, second).astype(np.float32)


def _peaks(votes: Floats, reach: int) -> list[tuple[int, int]]:
    """Slope index and row of every line: the strongest first, none within `reach` of a stronger one."""
    votes = votes.copy()
    found: list[tuple[int, int]] = []
    while True:
        which, row = divmod(int(votes.argmax()), votes.shape[1])
        if votes[which, row] < LINES.faintest:
            return found
        found.append((which, row))
        votes[:, max(0, row - reach) : row + reach + 1] = 0


def _follow(
    ridges: Floats, centres: npt.NDArray[np.float64], width: int, rows: Places, slopes: npt.NDArray[np.float64]
) -> Floats:
    """The true rows of lines in every column, shape (N, W): in each strip the ridge next to a straight line, smoothed.

    Args:
        ridges: Shape (S, H).
        centres: Columns of the strips' middles, shape (S,).
        width: W.
        rows: Of straight lines in the middle column, shape (N,).
        slopes: Theirs, shape (N,).
    """
    if not len(rows):
        return np.zeros((0, width), np.float32)
    off_middle = centres - (centres[0] + centres[-1]) / 2
    straight = rows[:, np.newaxis] + slopes[:, np.newaxis] * off_middle
    offsets = np.arange(-LINES.follow_pixels, LINES.follow_pixels + 1)
    at = np.clip(np.rint(straight).astype(np.intp)[..., np.newaxis] + offsets, 0, ridges.shape[1] - 1)  # (N, S, 5)
    most = LINES.follow_faintest * LINES.faintest + float(quantile(ridges[:, ::2], LINES.follow_quantile))
    weights = np.minimum(ridges[np.arange(len(ridges))[:, np.newaxis], at], most)
    shift = _sum_around((weights * offsets).sum(2)) / np.maximum(_sum_around(weights.sum(2)), 1e-6)
    columns = np.arange(width)
    place = np.clip((columns - centres[0]) / (centres[1] - centres[0]), 0, len(centres) - 1)
    before = np.minimum(place.astype(np.intp), len(centres) - 2)
    part = place - before
    between = shift[:, before] * (1 - part) + shift[:, before + 1] * part
    off_middle = columns - (centres[0] + centres[-1]) / 2
    followed: Floats = (rows[:, np.newaxis] + slopes[:, np.newaxis] * off_middle + between).astype(np.float32)
    return followed


def _sum_around(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sums over `follow_strips` neighbours along the last axis, fewer at its ends."""
    n, around = values.shape[1], LINES.follow_strips
    end = n + around // 2 + 1
    sums = np.zeros((len(values), n + around))
    values.cumsum(1, out=sums[:, end - n : end])
    sums[:, end:] = sums[:, end - 1 : end]
    over: npt.NDArray[np.float64] = sums[:, around:] - sums[:, :-around]
    return over
