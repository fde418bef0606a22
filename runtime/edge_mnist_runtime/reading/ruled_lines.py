"""Find printed lines, which run straight from edge to edge, with a Hough transform over strips of the picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import Floats, max_within, quantile, quantile_along, repeat_edges
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import Pixels

Positions = npt.NDArray[np.intp]

LINES: Final = PICTURE_READING.lines

MAIN_SLOPES: Final = np.linspace(-LINES.max_slope, LINES.max_slope, LINES.n_slopes)
"""Slopes tried for a family of parallel lines, in rows per column."""

FANNING: Final = np.linspace(-LINES.fanning, LINES.fanning, LINES.n_fanning)
"""Slopes tried around the main slope, relative to it."""

ROUNDINGS: Final = np.array([0.5, 0.35, 0.65, 0.2, 0.8], np.float32)
"""Added to a line before it is rounded down: the nearest row first."""

COUNT_BITS: Final = 6
"""The low bits of a packed count: the number of strips that show a line. The high bits count those that it passes."""


@dataclass(frozen=True)
class Ruling:
    """All printed lines of a picture."""

    level: Floats
    """Horizontal lines: the row of each in every column, shape (N, W)."""
    upright: Floats
    """Vertical lines: the column of each in every row, shape (N, H)."""
    half_width: int
    """Pixels to either side of its centre that a line may darken."""

    def __len__(self) -> int:
        return len(self.level) + len(self.upright)

    @property
    def may_be_strokes(self) -> bool:
        """Whether there are so few lines, one in each direction, that they may be strokes of a 1 or a 4."""
        return max(len(self.level), len(self.upright)) == 1

    def keep(self, level: npt.NDArray[np.bool_], upright: npt.NDArray[np.bool_]) -> Ruling:
        """The ruling with the horizontal and vertical lines of two masks, each of shape (N,)."""
        return Ruling(self.level[level], self.upright[upright], self.half_width)

    def without_lines(self) -> Ruling:
        """The ruling of the same picture without any line."""
        return Ruling(self.level[:0], self.upright[:0], self.half_width)


def find_ruling(darkness: Floats) -> Ruling:
    """Find the printed lines of a picture; `darkness`, shape (H, W), is from `measure_darkness`."""
    height, width = darkness.shape
    reach = max(LINES.min_reach_pixels, round(LINES.reach_fraction * max(height, width)))
    none = Ruling(np.zeros((0, width), np.float32), np.zeros((0, height), np.float32), reach)
    if min(height, width) < LINES.min_side_pixels:
        return none
    level, upright = _find_rules(darkness.T, reach), _find_rules(darkness, reach)
    along, across = (upright, width) if height > width else (level, height)
    if len(along) == len(level) + len(upright) == 1 and max(height, width) > LINES.max_narrowness * across:
        return none  # in a narrow picture a 1 runs from edge to edge, too
    return Ruling(level, upright, reach)


def measure_thinnest_line(darkness: Floats, ruling: Ruling) -> tuple[float, int]:
    """Median darkness of the faintest line along its centre, and width of the thinnest in pixels, at half of that.

    Args:
        darkness: Shape (H, W), from `measure_darkness`.
        ruling: At least one line found in it.
    """
    found = []
    for lines, values in ((ruling.level, darkness), (ruling.upright, darkness.T)):
        offsets = np.arange(-ruling.half_width, ruling.half_width + 1)[:, np.newaxis]
        for line in lines:
            at = np.clip(whole_rows(line[np.newaxis]) + offsets, 0, len(values) - 1)  # (K, W)
            usual = quantile_along(values[at, np.arange(values.shape[1])], 0.5)[:, 0]
            found.append((float(usual.max()), int(np.count_nonzero(usual > usual.max() / 2))))
    return min(dark for dark, _ in found), min(width for _, width in found)


def whole_rows(lines: Floats) -> Positions:
    """Round the rows of lines, shape (N, W), to whole ones, each line so that it seldom changes its row.

    The centre of a line two or four pixels thick is between two rows. Rounded to the nearest, it would jump from one to
    the other, and no row around it would be dark along the whole line.
    """
    nearest = np.floor(lines + ROUNDINGS[0])
    changing = np.flatnonzero((nearest[:, 1:] != nearest[:, :-1]).any(1))
    if changing.size:
        rounded = np.floor(lines[changing] + ROUNDINGS[:, np.newaxis, np.newaxis])
        changes = np.count_nonzero(rounded[:, :, 1:] != rounded[:, :, :-1], axis=2)
        nearest[changing] = rounded[changes.argmin(0), np.arange(len(changing))]
    rows: Positions = nearest.astype(np.intp)
    return rows


def _find_rules(columns: Floats, reach: int) -> Floats:
    """Find horizontal lines in a transposed picture, shape (W, H): the row of each in every column, shape (N, W)."""
    width = len(columns)
    strip = max(1, width // LINES.strips)
    n_strips = width // strip
    strips = _average(columns[: n_strips * strip], strip)
    near = max(LINES.min_near_reach_pixels, int(LINES.near_reach * reach))
    beside = np.minimum(_darker_side(strips, reach), _darker_side(strips, near))
    ridges: Floats = np.maximum(strips - beside, 0)
    if (ridges.max(1) >= LINES.faintest).mean() < LINES.likely_fraction * LINES.shown_fraction:
        return np.zeros((0, width), np.float32)
    centres: npt.NDArray[np.float64] = (np.arange(n_strips, dtype=np.float64) + 0.5) * strip
    slopes = _main_slope(ridges, centres) + FANNING
    found = _peaks(_vote(max_within(ridges, LINES.bend_pixels, axes=(1,)), centres, slopes), reach)
    rows, chosen = np.array([row for _, row in found], np.intp), slopes[[which for which, _ in found]]
    return _follow(ridges, centres, width, rows, chosen)


def _average(columns: Floats, strip: int) -> Floats:
    """Average `strip` columns each: shape (S, H)."""
    in_strips = np.ascontiguousarray(columns).reshape(-1, strip, columns.shape[1])
    averages: Floats = in_strips.sum(1)
    averages /= np.float32(strip)
    return averages


def _darker_side(strips: Floats, reach: int) -> Floats:
    """The maximum of the values `reach` rows above and below each row, shape (S, H)."""
    padded = repeat_edges(strips, reach, 1)
    darker: Floats = np.maximum(padded[:, : -2 * reach], padded[:, 2 * reach :])
    return darker


def _drops(centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Positions:
    """Row offsets of lines of each slope in each strip, from their middle row: shape (slopes, S)."""
    drops: Positions = np.rint(slopes[:, np.newaxis] * (centres - (centres[0] + centres[-1]) / 2)).astype(np.intp)
    return drops


def _gather(values: Pixels, centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Pixels:
    """Gather values, shape (S, H), along lines of each slope through each middle row: shape (slopes, S, H).

    Values outside the picture are 0.
    """
    n_strips, n_rows = values.shape
    drops = _drops(centres, slopes)
    margin = int(np.abs(drops).max())
    # np.pad and NumPy's sliding_window_view would take half of the time that the search for lines takes.
    padded = np.zeros((n_strips, n_rows + 2 * margin), values.dtype)
    padded[:, margin : margin + n_rows] = values
    shape, (down, right) = (n_strips, 2 * margin + 1, n_rows), padded.strides
    windows = np.ndarray(shape, padded.dtype, padded, strides=(down, right, right))
    along: Pixels = windows[np.arange(n_strips), drops + margin]
    return along


def _main_slope(ridges: Floats, centres: npt.NDArray[np.float64]) -> float:
    """The slope with the most distinct sums over the strips. Ridges are capped, so strokes count no more than lines."""
    step = LINES.main_step
    usual = float(quantile(ridges[:, :: step * step], LINES.main_quantile))
    capped = np.minimum(ridges, max(LINES.faintest, LINES.main_factor * usual))
    # Pixels are gathered and summed several times as fast as floats.
    steps = (capped[::step] * (LINES.main_levels / max(float(capped.max()), 1e-6))).astype(np.uint8)
    sums = _gather(steps, centres[::step], MAIN_SLOPES).sum(1, dtype=np.uint16).astype(np.float32)
    return float(MAIN_SLOPES[(sums**2).sum(1).argmax()])


def _vote(ridges: Floats, centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Floats:
    """Score each line by the ridge darkness that it reaches in most of its strips, shape (slopes, H).

    The score is 0 for lines that pass too few strips or fade at an end.
    """
    votes = np.zeros((len(slopes), ridges.shape[1]), np.float32)
    n_strips = len(ridges)
    # A count of bytes first excludes most lines, and all of them in a picture without lines.
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
    values.sort(axis=1)  # strips outside the picture, -1, come first
    inside = n_inside[which, rows]
    found = values[np.arange(len(values)), n_strips - inside + skipped[which, rows]]
    # A tall 1 is as straight as a line, but ends before the edge.
    votes[which, rows] = np.where(ends >= np.maximum(LINES.faintest, LINES.end_fraction * found), found, 0)
    return votes


def _at_end(values: Floats) -> Floats:
    """The ridge darkness at the start of each line, shape (N,), from (N, S); infinite outside the picture."""
    shown = np.sort(values[:, : values.shape[1] // LINES.end_part], axis=1)[:, -LINES.end_strips]
    return np.where(shown < 0, np.inf, shown).astype(np.float32)


def _peaks(votes: Floats, reach: int) -> list[tuple[int, int]]:
    """Slope index and row of every line, the strongest first; none within `reach` rows of a stronger one.

    A thick line reaches its full darkness in several rows and slopes; the middle one is taken.
    """
    votes = votes.copy()
    found: list[tuple[int, int]] = []
    while True:
        which, row = divmod(int(votes.argmax()), votes.shape[1])
        darkest = votes[which, row]
        if darkest < LINES.faintest:
            return found
        first = max(0, row - reach)
        is_alike = votes[:, first : row + reach + 1] >= LINES.same_vote * darkest
        if np.count_nonzero(is_alike) > 1:
            alike = np.argwhere(is_alike)
            which, row = alike[np.abs(alike - alike.mean(0)).sum(1).argmin()].tolist()
            row += first
        found.append((which, row))
        votes[:, max(0, row - reach) : row + reach + 1] = 0


def _follow(
    ridges: Floats, centres: npt.NDArray[np.float64], width: int, rows: Positions, slopes: npt.NDArray[np.float64]
) -> Floats:
    """Follow bent lines: the row of each in every column, shape (N, W).

    In each strip a line follows the ridge next to its straight line; the offsets are averaged over several strips.

    Args:
        ridges: Shape (S, H).
        centres: Middle columns of the strips, shape (S,).
        width: W.
        rows: Rows of the straight lines in the middle column, shape (N,).
        slopes: Slopes of the straight lines, shape (N,).
    """
    if not len(rows):
        return np.zeros((0, width), np.float32)
    off_middle = centres - (centres[0] + centres[-1]) / 2
    straight = rows[:, np.newaxis] + slopes[:, np.newaxis] * off_middle
    offsets = np.arange(-LINES.follow_pixels, LINES.follow_pixels + 1)
    at = np.clip(np.rint(straight).astype(np.intp)[..., np.newaxis] + offsets, 0, ridges.shape[1] - 1)  # (N, S, 5)
    cap = LINES.follow_faintest * LINES.faintest + float(
        quantile(ridges[:, :: LINES.follow_step], LINES.follow_quantile)
    )
    weights = np.minimum(ridges[np.arange(len(ridges))[:, np.newaxis], at], cap)
    shift = _sum_around((weights * offsets).sum(2)) / np.maximum(_sum_around(weights.sum(2)), 1e-6)
    columns = np.arange(width)
    position = np.clip((columns - centres[0]) / (centres[1] - centres[0]), 0, len(centres) - 1)  # in strips
    before = np.minimum(position.astype(np.intp), len(centres) - 2)
    fraction = position - before
    between = shift[:, before] * (1 - fraction) + shift[:, before + 1] * fraction
    off_middle = columns - (centres[0] + centres[-1]) / 2
    followed: Floats = (rows[:, np.newaxis] + slopes[:, np.newaxis] * off_middle + between).astype(np.float32)
    return followed


def _sum_around(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Sum over `follow_strips` neighbours along the last axis, over fewer at its ends."""
    n, around = values.shape[1], LINES.follow_strips
    end = n + around // 2 + 1
    sums = np.zeros((len(values), n + around))
    values.cumsum(1, out=sums[:, end - n : end])
    sums[:, end:] = sums[:, end - 1 : end]
    over: npt.NDArray[np.float64] = sums[:, around:] - sums[:, :-around]
    return over
