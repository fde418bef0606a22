"""Touching digits: where ink that is too wide for one digit may be cut, and the cuts that the network likes best.

A cut runs from top to bottom where there is least ink to cross, or straight along the seam of two strokes, leaning
where the digits lean. Of all ways to cut, the best is the one whose pieces are the surest digits (as in Fujisawa,
Nakano and Kurino, 1992): found by dynamic programming, because each piece is judged alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

CUTS: Final = PICTURE_READING.cuts


@dataclass(frozen=True)
class Cuts:
    """Ways through ink from top to bottom, in the order of their mean columns."""

    columns: Places
    """Of each cut in each row, shape (N, H): ink left of it belongs to the piece before."""
    strokes: Floats
    """How many strokes each crosses, shape (N,), however long it goes through them."""


def find_cuts(ink: Floats) -> Cuts:
    """Find where ink may be cut.

    Digits that touch at a point are cut on the way through least ink. Where two strokes run along each other, as those
    of 00 do, that way goes around the seam; there a straight cut joins the notch above with the one below.

    Args:
        ink: One connected group, 0..1, shape (H, W).
    """
    height, width = ink.shape
    ways, seams = _find_ways(ink), _find_seams(ink)
    if len(ways):
        apart = np.abs(seams[:, np.newaxis] - ways).mean(2).min(1)
        seams = seams[apart > CUTS.same_cut * CUTS.reach * height]
    columns = np.concatenate([ways, seams])
    columns = columns[np.argsort(columns.mean(1), kind="stable")]
    places = columns.mean(1)
    columns = columns[(places >= CUTS.min_width * height) & (places <= width - CUTS.min_width * height)]
    along = np.pad(ink, ((0, 0), (0, 1)))[np.arange(height), columns]
    rising = np.maximum(np.diff(along, axis=1, prepend=0), 0)
    return Cuts(columns, rising.sum(1).astype(np.float32))


def _find_ways(ink: Floats) -> Places:
    """Ways through least ink: one for each place of the middle row where there is less than around it; shape (N, H)."""
    height = len(ink)
    cost = ink + CUTS.empty_cost
    above, below = _cheapest(cost), _cheapest(cost[::-1])[::-1]
    middle = height // 2
    places = _lowest(above[middle] + below[middle] - cost[middle], height)
    return np.array([_trace(above, below, middle, int(place)) for place in places], np.intp).reshape(-1, height)


def _find_seams(ink: Floats) -> Places:
    """Straight cuts that are soonest out of the ink, both above and below; shape (N, H)."""
    height, width = ink.shape
    upwards = height / 2 - 0.5 - np.arange(height)
    shifts = np.rint(np.outer(CUTS.leanings, upwards)).astype(np.intp)
    lines = np.clip(np.arange(width)[:, np.newaxis] + shifts[:, np.newaxis], -1, width)  # leaning, place, row
    is_ink = np.pad(ink > CUTS.inked, ((0, 0), (1, 1)))[np.arange(height), lines + 1]
    spans = height - is_ink.argmax(2) - is_ink[:, :, ::-1].argmax(2)
    spans = np.where(is_ink.any(2), spans, 0)
    best = spans.argmin(0)
    shortest = spans.min(0)
    places = _lowest(shortest.astype(np.float32), height)
    places = places[shortest[places] <= CUTS.max_seam * height]
    seams: Places = np.maximum(lines[best[places], places], 0).reshape(-1, height)
    return seams


def _lowest(values: Floats, height: int) -> Places:
    """Places where a value is the least of those around it; the middle of a flat stretch."""
    reach = max(1, round(CUTS.reach * height))
    padded = np.pad(values, reach, mode="edge")
    is_low = values <= np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).min(1)
    edges = np.flatnonzero(np.diff(is_low, prepend=False, append=False))
    middles: Places = (edges[::2] + edges[1::2] - 1) // 2
    return middles


def _cheapest(cost: Floats) -> Floats:
    """Least cost of a way from the first row to each point, shape (H, W); a step aside costs as it is long."""
    total: Floats = cost.copy()
    for row in range(1, len(cost)):
        before = np.pad(total[row - 1], 1, constant_values=np.inf)
        aside = np.minimum(before[:-2], before[2:]) + CUTS.diagonal_cost * cost[row]
        total[row] += np.minimum(before[1:-1], aside)
    return total


def _trace(above: Floats, below: Floats, middle: int, column: int) -> Places:
    """The cheapest way through one point of the middle row: its column in every row, shape (H,)."""
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
    """Which pairs of cuts may bound a digit: numbers of the left and the right one, 0 being the left edge."""
    n = len(cuts.strokes) + 2
    places = np.concatenate([[0], cuts.columns.mean(1) if n > 2 else [], [shape[1]]])
    return [
        (left, right)
        for left in range(n)
        for right in range(left + 1, n)
        if (left, right) == (0, n - 1)
        or (
            CUTS.min_width * height <= places[right] - places[left] <= CUTS.max_width * height
            and not _cross(cuts, left, right)
        )
    ]


def _cross(cuts: Cuts, left: int, right: int) -> bool:
    """Whether two cuts, by their numbers, change sides: pieces between such would share ink, or lose it."""
    inner = left > 0 and right <= len(cuts.strokes)
    return inner and bool((cuts.columns[left - 1] > cuts.columns[right - 1]).any())


def mask_between(cuts: Cuts, shape: tuple[int, int], left: int, right: int) -> Mask:
    """The part of a group, shape (H, W), between two cuts; numbers as in `pieces_between`."""
    columns = np.arange(shape[1])
    mask = np.ones(shape, np.bool_)
    if left > 0:
        mask &= columns >= cuts.columns[left - 1][:, np.newaxis]
    if right <= len(cuts.strokes):
        mask &= columns < cuts.columns[right - 1][:, np.newaxis]
    return mask


def choose_pieces(
    pieces: list[tuple[int, int]], n_cuts: int, price: Callable[[int], float], cut_price: Floats
) -> list[int]:
    """The cheapest way from the left edge to the right one.

    Args:
        pieces: As `pieces_between` gives them.
        n_cuts: Cuts between the edges.
        price: Of one piece, by its index: how unlikely it is to be a digit.
        cut_price: Of each cut, shape (n_cuts,).

    Returns:
        Indices of the chosen pieces, from left to right.
    """
    best: dict[int, tuple[float, list[int]]] = {0: (0.0, [])}
    for index, (left, right) in sorted(enumerate(pieces), key=lambda item: item[1]):
        if left not in best:
            continue
        cost = best[left][0] + price(index) + (float(cut_price[right - 1]) if right <= n_cuts else 0.0)
        if right not in best or cost < best[right][0]:
            best[right] = (cost, [*best[left][1], index])
    return best[n_cuts + 1][1]
