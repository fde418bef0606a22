"""Split touching digits: find where ink may be cut, and choose the cuts whose pieces the network is surest of.

A cut runs from top to bottom along the path with the least ink, or straight, at a slant, between two strokes that run
along each other. Dynamic programming finds the pieces of lowest total cost, each judged alone (as in Fujisawa, Nakano
and Kurino, 1992).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.filters import Floats, min_within
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Positions = npt.NDArray[np.intp]

CUTS: Final = PICTURE_READING.cuts


@dataclass(frozen=True)
class Cuts:
    """Possible cuts from top to bottom, in the order of their mean columns."""

    columns: Positions
    """Column of each cut in each row, shape (N, H). Ink left of it belongs to the piece before."""
    strokes: Floats
    """Number of strokes that each cut crosses, shape (N,), whatever the length of the crossing."""


def find_cuts(ink: Floats) -> Cuts:
    """Find where ink may be cut.

    The path with the least ink splits digits that touch at a point. Where strokes run along each other, as in 00, that
    path goes around them. There a straight cut joins the notch above with the notch below.

    Args:
        ink: The ink of one glyph, 0..1, shape (H, W).
    """
    height, width = ink.shape
    paths, straight = _find_paths(ink), _find_straight_cuts(ink)
    if len(paths):
        apart = np.abs(straight[:, np.newaxis] - paths).mean(2).min(1)
        straight = straight[apart > CUTS.same_cut * CUTS.reach * height]
    columns = np.concatenate([paths, straight])
    columns = columns[np.argsort(columns.mean(1), kind="stable")]
    positions = columns.mean(1)
    columns = columns[(positions >= CUTS.min_width * height) & (positions <= width - CUTS.min_width * height)]
    along = np.pad(ink, ((0, 0), (0, 1)))[np.arange(height), columns]
    rising = np.maximum(np.diff(along, axis=1, prepend=0), 0)
    return Cuts(columns, rising.sum(1).astype(np.float32))


def _find_paths(ink: Floats) -> Positions:
    """Minimum-cost paths, one through each local minimum of the cost on the middle row; shape (N, H)."""
    height = len(ink)
    cost = ink + CUTS.empty_cost
    above, below = _cheapest(cost), _cheapest(cost[::-1])[::-1]
    middle = height // 2
    positions = _lowest(above[middle] + below[middle] - cost[middle], height)
    return np.array([_trace(above, below, middle, int(position)) for position in positions], np.intp).reshape(
        -1, height
    )


def _find_straight_cuts(ink: Floats) -> Positions:
    """Straight cuts, at several slants, with locally shortest spans of ink; shape (N, H)."""
    height, width = ink.shape
    upwards = height / 2 - 0.5 - np.arange(height)
    shifts = np.rint(np.outer(CUTS.leanings, upwards)).astype(np.intp)
    lines = np.clip(np.arange(width)[:, np.newaxis] + shifts[:, np.newaxis], -1, width)  # leaning, position, row
    is_ink = np.pad(ink > CUTS.inked, ((0, 0), (1, 1)))[np.arange(height), lines + 1]
    spans = height - is_ink.argmax(2) - is_ink[:, :, ::-1].argmax(2)
    spans = np.where(is_ink.any(2), spans, 0)
    best = spans.argmin(0)
    shortest = spans.min(0)
    positions = _lowest(shortest.astype(np.float32), height)
    positions = positions[shortest[positions] <= CUTS.max_seam * height]
    straight: Positions = np.maximum(lines[best[positions], positions], 0).reshape(-1, height)
    return straight


def _lowest(values: Floats, height: int) -> Positions:
    """Positions of the local minima; the middle of a flat stretch."""
    reach = max(1, round(CUTS.reach * height))
    is_low = values <= min_within(values, reach, axes=(0,))
    edges = np.flatnonzero(np.diff(is_low, prepend=False, append=False))
    middles: Positions = (edges[::2] + edges[1::2] - 1) // 2
    return middles


def _cheapest(cost: Floats) -> Floats:
    """Minimum cost of a path from the first row to each pixel, shape (H, W); diagonal steps cost more."""
    total: Floats = cost.copy()
    for row in range(1, len(cost)):
        before = np.pad(total[row - 1], 1, constant_values=np.inf)
        aside = np.minimum(before[:-2], before[2:]) + CUTS.diagonal_cost * cost[row]
        total[row] += np.minimum(before[1:-1], aside)
    return total


def _trace(above: Floats, below: Floats, middle: int, column: int) -> Positions:
    """The cheapest path through one pixel of the middle row: its column in every row, shape (H,)."""
    height, width = above.shape
    line = np.empty(height, np.intp)
    line[middle] = column
    for costs, rows in ((above, range(middle - 1, -1, -1)), (below, range(middle + 1, height))):
        at = column
        for row in rows:
            low = max(0, at - 1)
            at = low + int(costs[row, low : min(width, at + 2)].argmin())
            line[row] = at
    return line


def pieces_between(cuts: Cuts, shape: tuple[int, int], height: float) -> list[tuple[int, int]]:
    """Pairs of cuts that may bound a digit.

    Args:
        cuts: N cuts.
        shape: Height and width of the glyph.
        height: Usual height of the row's digits, in pixels.

    Returns:
        Numbers of the left and right cut: 0 is the left edge of the glyph, N + 1 the right one.
    """
    n = len(cuts.strokes) + 2
    positions = np.concatenate([[0], cuts.columns.mean(1) if n > 2 else [], [shape[1]]])
    return [
        (left, right)
        for left in range(n)
        for right in range(left + 1, n)
        if (left, right) == (0, n - 1)
        or (
            CUTS.min_width * height <= positions[right] - positions[left] <= CUTS.max_width * height
            and not _cross(cuts, left, right)
        )
    ]


def _cross(cuts: Cuts, left: int, right: int) -> bool:
    """Whether two cuts, by number, cross. A piece between them would overlap with others or lose ink."""
    inner = left > 0 and right <= len(cuts.strokes)
    return inner and bool((cuts.columns[left - 1] > cuts.columns[right - 1]).any())


def mask_between(cuts: Cuts, shape: tuple[int, int], left: int, right: int) -> Mask:
    """Mask of the pixels between two cuts, shape (H, W); numbers as in `pieces_between`."""
    columns = np.arange(shape[1])
    mask = np.ones(shape, np.bool_)
    if left > 0:
        mask &= columns >= cuts.columns[left - 1][:, np.newaxis]
    if right <= len(cuts.strokes):
        mask &= columns < cuts.columns[right - 1][:, np.newaxis]
    return mask


def choose_pieces(
    pieces: list[tuple[int, int]], n_cuts: int, piece_cost: Callable[[int], float], cut_cost: Floats
) -> list[int]:
    """Choose the pieces of lowest total cost that cover the glyph.

    Args:
        pieces: Pieces from `pieces_between`.
        n_cuts: Number of cuts.
        piece_cost: Cost of one piece by its index: how unlikely it is to be a digit.
        cut_cost: Cost of each cut, shape (n_cuts,).

    Returns:
        Indices of the chosen pieces, from left to right.
    """
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for index, (left, right) in sorted(enumerate(pieces), key=lambda item: item[1]):
        if left not in best:
            continue
        total = best[left][0] + piece_cost(index) + (float(cut_cost[right - 1]) if right <= n_cuts else 0.0)
        if right not in best or total < best[right][0]:
            best[right] = (total, [*best[left][1], index])
    return best[n_cuts + 1][1]
