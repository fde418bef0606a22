"""Connected components of masks, compared with a flood fill."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edge_mnist_runtime.reading.components import label_components

MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14), elements=st.booleans())


def flood(mask: np.ndarray) -> np.ndarray:
    """Label image, numbered in the order of the components' first pixels."""
    labels, n = np.zeros(mask.shape, int), 0
    for start in zip(*np.nonzero(mask), strict=True):
        if labels[start]:
            continue
        n, waiting = n + 1, [start]
        while waiting:
            row, column = waiting.pop()
            inside = 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]
            if inside and mask[row, column] and not labels[row, column]:
                labels[row, column] = n
                waiting += [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return labels


@given(MASKS)
@settings(max_examples=300)
def test_components_equal_those_of_a_flood_fill(mask: np.ndarray) -> None:
    found, expected = label_components(mask), flood(mask)
    assert len(found) == expected.max(initial=0)
    assert np.array_equal(found.labels > 0, mask)
    pairs = set(zip(found.labels[mask].tolist(), expected[mask].tolist(), strict=True))
    assert len(pairs) == len(found)  # one to one
    for number, (left, top, right, bottom) in enumerate(found.boxes, 1):
        rows, columns = np.nonzero(found.labels == number)
        assert (left, top, right, bottom) == (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)


def test_sums_and_masks_follow_the_numbers() -> None:
    mask = np.array([[1, 1, 0, 0], [0, 0, 0, 1], [0, 0, 0, 1]], np.bool_)
    parts = label_components(mask)
    sums = parts.sums(parts.pick(np.arange(12, dtype=np.float32).reshape(3, 4)))
    assert sorted(sums) == [1, 18]
    assert np.array_equal(parts.mask_of(sums > 10), mask & (np.arange(4) == 3))


def test_empty_mask_has_no_components() -> None:
    parts = label_components(np.zeros((5, 7), np.bool_))
    assert len(parts) == 0
    assert parts.boxes.shape == (0, 4)
