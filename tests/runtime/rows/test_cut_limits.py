"""Cuts that repeat others and pieces that are crumbs: one test for each rule, with ink on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import draw, label, pick

from edge_mnist_runtime.prediction import Prediction, Quality
from edge_mnist_runtime.reading.glyphs import find_glyphs
from edge_mnist_runtime.rows.cuts import find_cuts
from edge_mnist_runtime.rows.ink import RowInk
from edge_mnist_runtime.rows.reader import _read_ink


@pytest.mark.parametrize(("step", "n"), [(5, 0), (8, 2)])
def test_straight_cut_within_3_percent_of_the_height_repeats_a_path(step: int, n: int) -> None:
    ink = np.ones((100, 90), np.float32)
    ink[:50, 40] = ink[50:, 40 + step] = ink[49:51, 40 : 41 + step] = 0  # the path; a straight cut follows half of it
    near = [line for line in find_cuts(ink).columns if 35 < line.mean() < 55]
    assert sum(np.ptp(line) == 0 for line in near) == n
    assert sum(np.ptp(line) == step for line in near) == 1


@pytest.mark.parametrize(("thickness", "n"), [(8, 2), (6, 1)])
def test_piece_of_less_than_2_percent_of_the_ink_is_a_crumb(thickness: int, n: int) -> None:
    page = draw((50, 150, 20, 80), (100, 100 + thickness, 80, 110))  # the cut halves the tail on the right
    row = RowInk(pick(page), find_glyphs(*label(page), page.shape), (0.0, 0.0), (1 / 200, 1 / 200))
    whole: list[bytes] = []  # the first entry is the first image classified

    def predict(tensor: np.ndarray) -> Prediction:
        whole.append(tensor.tobytes())
        confidence = 0.1 if whole[-1] == whole[0] else 1.0
        probabilities = np.full(10, (1 - confidence) / 9, np.float32)
        probabilities[1] = confidence
        return Prediction(1, confidence, probabilities)

    def doubt_the_whole(tensors: np.ndarray, _: list[Quality]) -> list[Prediction]:
        return [predict(tensor) for tensor in tensors]

    assert len(_read_ink(row, (200, 200), doubt_the_whole).digits) == n
