"""Printed lines on paper: found by the way they run from edge to edge, and taken away without the digit's strokes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.levels import quantile
from edge_mnist_runtime.picture_definition import PICTURE_READING

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]
Bytes = npt.NDArray[np.uint8]

N_SLOPES: Final = 17
"""Slopes that are tried around the main one."""

LEAST_SIDE: Final = 40
"""Smaller pictures have too few pixels to tell a line from a stroke."""


@dataclass(frozen=True)
class Rule:
    """One line, nearly level."""

    rows: Floats
    """Its row in every column, shape (W,)."""
    half_width: int
    """Rows to either side that it may darken."""


@dataclass(frozen=True)
class Ruling:
    """All lines on a page."""

    level: tuple[Rule, ...]
    """Nearly level ones."""
    upright: tuple[Rule, ...]
    """Nearly upright ones: rows and columns change places."""

    def __len__(self) -> int:
        return len(self.level) + len(self.upright)


def find_ruling(darkness: Floats) -> Ruling:
    """Find the lines that run through a picture; `darkness` is as `measure_darkness` gives it, shape (H, W)."""
    if min(darkness.shape) < LEAST_SIDE:
        return Ruling((), ())
    level, upright = _find_rules(darkness, 1), _find_rules(darkness, 0)
    height, width = darkness.shape
    along, across = (upright, width) if height > width else (level, height)
    if len(along) == len(level) + len(upright) == 1 and max(height, width) > PICTURE_READING.narrow_frame * across:
        return Ruling((), ())  # in a narrow picture of a 1 the 1 itself runs from edge to edge
    return Ruling(level, upright)


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
    bands = [[_subtract(rule, before, after, ink_level) for rule in rules] for rules, before, after in families]
    for found, (_, _, after) in zip(bands, families, strict=True):  # when all are gone, or lines would bridge lines
        for at, darkened in found:
            _bridge(after, at, darkened)
    return left


def _find_rules(darkness: Floats, axis: int) -> tuple[Rule, ...]:
    """Lines that run along an axis of the picture: along columns, 1, or along rows, 0."""
    height, width = darkness.shape[1 - axis], darkness.shape[axis]
    strip = max(1, width // PICTURE_READING.strips)
    n_strips = width // strip
    whole = Image.fromarray(darkness)  # Pillow averages several times as fast
    factors, box = ((strip, 1), (n_strips * strip, height)) if axis else ((1, strip), (height, n_strips * strip))
    averages = np.asarray(whole.reduce(factors, (0, 0, *box)))
    strips = np.ascontiguousarray(averages.T if axis else averages)  # (S, H)
    reach = max(3, round(0.016 * max(height, width)))
    ridges = np.maximum(_ridge(strips, reach), _ridge(strips, max(2, reach // 2)))
    if (ridges >= PICTURE_READING.faintest_line).any(1).mean() < 0.5 * PICTURE_READING.shown_part:
        return ()
    centres = (np.arange(n_strips) + 0.5) * strip
    slopes = _main_slope(ridges, centres) + np.linspace(
        -PICTURE_READING.line_fanning, PICTURE_READING.line_fanning, N_SLOPES
    )
    # A bent line leaves its straight one by a pixel; one seen in most strips is a line, whatever crosses it elsewhere.
    tolerant = ridges.copy()
    tolerant[:, 1:] = np.maximum(tolerant[:, 1:], ridges[:, :-1])
    tolerant[:, :-1] = np.maximum(tolerant[:, :-1], ridges[:, 1:])
    found = _peaks(_vote(tolerant, centres, slopes), reach)
    return tuple(Rule(_follow(ridges, centres, width, row, slopes[which]), reach) for which, row in found)


def _ridge(strips: Floats, reach: int) -> Floats:
    """How much darker each row of a strip is than both the rows `reach` above and below it; shape (S, H)."""
    padded = np.pad(strips, ((0, 0), (reach, reach)), mode="edge")
    beside = np.maximum(padded[:, : -2 * reach], padded[:, 2 * reach :])
    ridge: Floats = np.maximum(strips - beside, 0)
    return ridge


def _drops(centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Places:
    """Rows that lines of each slope lie below their middle one in each strip: shape (slopes, S)."""
    drops: Places = np.rint(slopes[:, np.newaxis] * (centres - (centres[0] + centres[-1]) / 2)).astype(np.intp)
    return drops


def _gather(values: Bytes, centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64], *, outside: int) -> Bytes:
    """Values, shape (S, H), along lines of each slope through each row of the middle column: shape (slopes, S, H)."""
    n_strips, n_rows = values.shape
    drops = _drops(centres, slopes)
    margin = int(np.abs(drops).max())
    padded = np.pad(values, ((0, 0), (margin, margin)), constant_values=outside)
    windows = np.lib.stride_tricks.sliding_window_view(padded, n_rows, axis=1)  # (S, 2 * margin + 1, H)
    along: Bytes = windows[np.arange(n_strips), drops + margin]
    return along


def _main_slope(ridges: Floats, centres: npt.NDArray[np.float64]) -> float:
    """The slope whose sums over the strips stand out most. A digit's strokes are cut to what a line can be."""
    capped = np.minimum(ridges, max(PICTURE_READING.faintest_line, 2 * float(quantile(ridges, 0.9))))
    slopes = np.linspace(-PICTURE_READING.steepest_line, PICTURE_READING.steepest_line, 37)
    # Small integers: they are gathered, and summed, several times as fast.
    steps = (capped[::2] * (250 / max(float(capped.max()), 1e-6))).astype(np.uint8)
    sums = _gather(steps, centres[::2], slopes, outside=0).sum(1, dtype=np.uint16).astype(np.float32)
    return float(slopes[(sums**2).sum(1).argmax()])


def _vote(ridges: Floats, centres: npt.NDArray[np.float64], slopes: npt.NDArray[np.float64]) -> Floats:
    """What ridges reach in most of the strips that a line passes, shape (slopes, H); 0 where it passes few."""
    votes = np.zeros((len(slopes), ridges.shape[1]), np.float32)
    n_strips = len(ridges)
    # Bytes first: few slopes and rows can be lines at all, and no page without lines has any.
    state = np.where(ridges >= PICTURE_READING.faintest_line, np.uint8(1 + 64), np.uint8(64))
    counts = _gather(state, centres, slopes, outside=0).sum(1, dtype=np.uint16)
    n_inside, n_shown = (counts.astype(np.int32) >> 6), counts & 63
    skipped = ((1 - PICTURE_READING.shown_part) * n_inside).astype(np.int32)
    which, rows = np.nonzero((n_inside >= 0.5 * n_strips) & (n_shown >= n_inside - skipped))
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
    votes[which, rows] = np.where(ends >= np.maximum(PICTURE_READING.faintest_line, 0.3 * found), found, 0)
    return votes


def _at_end(values: Floats) -> Floats:
    """What ridges, shape (N, S), reach where lines begin, shape (N,); infinite where that is outside the picture."""
    second = np.sort(values[:, : max(2, values.shape[1] // 6)], axis=1)[:, -2]
    return np.where(second < 0, np.inf, second).astype(np.float32)


def _peaks(votes: Floats, reach: int) -> list[tuple[int, int]]:
    """Slope index and row of every line: the strongest first, none within `reach` of a stronger one."""
    votes = votes.copy()
    found: list[tuple[int, int]] = []
    while len(found) < 80:
        which, row = divmod(int(votes.argmax()), votes.shape[1])
        if votes[which, row] < PICTURE_READING.faintest_line:
            break
        found.append((which, row))
        votes[:, max(0, row - reach) : row + reach + 1] = 0
    return found


def _follow(ridges: Floats, centres: npt.NDArray[np.float64], width: int, row: int, slope: float) -> Floats:
    """The line's true row in every column: in each strip the ridge next to the straight line, smoothed."""
    middle = (centres[0] + centres[-1]) / 2
    straight = row + slope * (centres - middle)
    offsets = np.arange(-2, 3)
    at = np.clip(np.rint(straight).astype(np.intp)[:, np.newaxis] + offsets, 0, ridges.shape[1] - 1)
    weights = np.minimum(
        np.take_along_axis(ridges, at, axis=1), 3 * PICTURE_READING.faintest_line + float(quantile(ridges, 0.99))
    )
    window = np.ones(7)
    shift = np.convolve((weights * offsets).sum(1), window, "same") / np.maximum(
        np.convolve(weights.sum(1), window, "same"), 1e-6
    )
    columns = np.arange(width)
    rows: Floats = (row + slope * (columns - middle) + np.interp(columns, centres, shift)).astype(np.float32)
    return rows


def _subtract(rule: Rule, before: Floats, after: Floats, ink_level: float) -> tuple[Places, npt.NDArray[np.bool_]]:
    """Take one line out of `after`: what it usually adds, row by row, and more of what is no darker than that.

    Returns:
        The rows around the line, shape (2K + 1, W), and which of them, shape (2K + 1,), it darkens.
    """
    height, width = before.shape
    around = np.arange(-rule.half_width, rule.half_width + 1)
    at = np.rint(rule.rows).astype(np.intp) + around[:, np.newaxis]
    inside = (at >= 0) & (at < height)
    at = np.clip(at, 0, height - 1)
    columns = np.arange(width)
    values = before[at, columns]
    usual = np.array([_usual(row[seen]) for row, seen in zip(values, inside, strict=True)])
    beside = min(usual[0], usual[-1])
    usual = np.maximum(usual - beside, 0)
    darkened = usual > max(0.25 * usual.max(), PICTURE_READING.faintest_line / 2)
    lost = 1.3 * usual[:, np.newaxis] + (0.3 * usual.max() + beside) * darkened[:, np.newaxis]
    # Ink on the line stays as dark as it is; only what is between the line's darkness and the ink's is stretched.
    kept = np.clip((values - lost) / np.maximum(ink_level - lost, 0.3 * ink_level), 0, 1) * ink_level
    part = darkened[:, np.newaxis] & inside
    after[at[part], np.broadcast_to(columns, at.shape)[part]] = np.minimum(kept, values)[part]
    return at, darkened


def _usual(values: Floats) -> float:
    """What a line adds nearly everywhere; where a tall 1 stands on it, that is much less at one of its ends."""
    if not values.size:
        return 0.0
    end = -(-len(values) // 3)
    overall, least = float(quantile(values, 0.6)), float(min(quantile(values[:end], 0.6), quantile(values[-end:], 0.6)))
    return least if least < 0.4 * overall else overall


def _bridge(left: Floats, at: Places, darkened: npt.NDArray[np.bool_]) -> None:
    """Close the gap that a line left in strokes that cross it: ink right above and right below belongs together."""
    band = np.flatnonzero(darkened)
    if not len(band):
        return
    columns = np.arange(at.shape[1])
    beside = (max(band[0] - 1, 0), min(band[-1] + 1, len(at) - 1))
    above, below = (_widen(left[at[row], columns], len(band) // 2 + 1) for row in beside)
    bridge = np.minimum(above, below)
    for row in band:
        left[at[row], columns] = np.maximum(left[at[row], columns], bridge)


def _widen(values: Floats, reach: int) -> Floats:
    """The largest value within `reach` neighbours, shape (W,)."""
    padded = np.pad(values, reach)
    widest: Floats = np.max([padded[shift : shift + len(values)] for shift in range(2 * reach + 1)], axis=0)
    return widest
