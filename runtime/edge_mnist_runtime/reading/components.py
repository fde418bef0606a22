"""Label the connected components of a mask, run by run, with NumPy alone."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Labels = npt.NDArray[np.intp]

SHORTENED: Final = 3
"""How often chains of labels are halved before the check whether anything changed. The check takes longer."""


@dataclass(frozen=True)
class Components:
    """The connected components of a mask; pixels are neighbours over edges and corners (8-connectivity)."""

    mask: Mask
    """The whole mask, shape (H, W)."""
    boxes: npt.NDArray[np.intp]
    """Left, top, right and bottom of each component, as in `Box`, shape (N, 4)."""
    covered: Labels
    """Flat indices of the pixels in the mask, shape (M,). In a picture of a digit M is much less than H * W."""
    numbers: Labels
    """Number of the component at each of these pixels, from 1, shape (M,)."""

    def __len__(self) -> int:
        return len(self.boxes)

    def pick(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Pick the values in the mask, shape (M,), from `values`, shape (H, W)."""
        return values.reshape(-1)[self.covered]

    def sums(self, picked: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
        """Sum values from `pick`, shape (M,), over each component; float64, shape (N,)."""
        return np.bincount(self.numbers, picked, minlength=len(self) + 1)[1:].astype(np.float64)

    def meet(self, mask: Mask) -> Mask:
        """Which components have a pixel in another mask, shape (H, W); bool, shape (N,)."""
        met: Mask = self.sums(self.pick(mask).astype(np.float32)) > 0
        return met

    @cached_property
    def labels(self) -> Labels:
        """Label image, shape (H, W): the number of the component, from 1, or 0 outside the mask."""
        labels = np.zeros(self.mask.shape, np.intp)
        labels.reshape(-1)[self.covered] = self.numbers
        return labels

    @cached_property
    def areas(self) -> npt.NDArray[np.intp]:
        """Number of pixels of each component, shape (N,)."""
        return np.bincount(self.numbers, minlength=len(self) + 1)[1:]

    def mask_of(self, chosen: npt.NDArray[np.bool_]) -> Mask:
        """Mask, shape (H, W), of the chosen components; `chosen` is bool, shape (N,)."""
        mask = np.zeros(self.mask.shape, np.bool_)
        mask.reshape(-1)[self.covered] = chosen[self.numbers - 1]
        return mask


def label_components(mask: Mask) -> Components:
    """Find the connected components of `mask`, bool, shape (H, W)."""
    covered = np.flatnonzero(mask)
    # Skip the empty rows above and below, because most of a picture is empty.
    width = mask.shape[1]
    top, bottom = (int(covered[0]) // width, int(covered[-1]) // width + 1) if covered.size else (0, 0)
    framed = np.zeros((bottom - top, width + 2), np.bool_)
    framed[:, 1:-1] = mask[top:bottom]
    flat = framed.reshape(-1)
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    rows, starts = np.divmod(changes[::2], width + 2)
    ends = changes[1::2] - rows * (width + 2)  # exclusive
    parents = _join(*_touching(rows, starts, ends, bottom - top), len(rows))
    rows += top
    is_root = parents == np.arange(len(parents))
    roots, numbers = np.flatnonzero(is_root), (is_root.cumsum() - 1)[parents]
    at = np.repeat(numbers + 1, ends - starts)
    boxes = np.empty((len(roots), 4), np.intp)
    boxes[:, :2], boxes[:, 2:] = max(mask.shape), 0
    for column, values in ((0, starts), (1, rows)):
        np.minimum.at(boxes[:, column], numbers, values)
    for column, values in ((2, ends), (3, rows + 1)):
        np.maximum.at(boxes[:, column], numbers, values)
    return Components(mask, boxes, covered, at)


def _touching(rows: Labels, starts: Labels, ends: Labels, height: int) -> tuple[Labels, Labels]:
    """Indices of the pairs of runs in neighbouring rows that touch: two arrays of shape (M,)."""
    first = np.searchsorted(rows, np.arange(height + 2))  # where each row's runs begin
    # A run below touches if it ends at or after this one's start (corners count) and starts at or before its end.
    stride = max(int(ends.max(initial=0)), 1) + 2
    low = np.searchsorted(rows * stride + ends, (rows + 1) * stride + starts, side="left")
    high = np.searchsorted(rows * stride + starts, (rows + 1) * stride + ends, side="right")
    low, high = np.maximum(low, first[rows + 1]), np.minimum(high, first[rows + 2])
    counts = np.maximum(high - low, 0)
    above = np.repeat(np.arange(len(rows)), counts)
    within = np.arange(counts.sum()) - np.repeat(counts.cumsum() - counts, counts)
    return above, low[above] + within


def _join(one: Labels, other: Labels, n: int) -> Labels:
    """The smallest run index in each run's component, shape (n,): minima spread along the pairs until none changes."""
    parents = np.arange(n)
    while True:
        lowest = np.minimum(parents[one], parents[other])
        changed = parents.copy()
        np.minimum.at(changed, parents[one], lowest)
        np.minimum.at(changed, parents[other], lowest)
        for _ in range(SHORTENED):
            changed = changed[changed]
        if changed.tobytes() == parents.tobytes():
            return parents
        parents = changed
