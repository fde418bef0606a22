"""Splitting of touching digits: one test per rule, with ink on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.runtime.reading.drawn_ink import draw, label, pick

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.prediction import Prediction, Quality
from edge_mnist_runtime.reading.glyphs import find_glyphs
from edge_mnist_runtime.reading.ink import Strokes
from edge_mnist_runtime.rows.cuts import (
    Cuts,
    _find_straight_cuts,
    choose_pieces,
    find_cuts,
    mask_between,
    pieces_between,
)
from edge_mnist_runtime.rows.ink import RowInk, find_row_ink
from edge_mnist_runtime.rows.reader import _Piece, _piece_cost, _read_ink, _shows_several_rows


def cuts_at(*places: int, height: int = 100) -> Cuts:
    """Vertical cuts at these columns."""
    columns = np.repeat(np.array(places, np.intp)[:, np.newaxis], height, axis=1)
    return Cuts(columns, np.ones(len(places), np.float32))


def two_blocks(*, gap: int = 20, bridge: float = 1.0) -> np.ndarray:
    """Two blocks of full ink, 40 rows tall, joined by a bar in the middle rows."""
    ink = np.zeros((40, 30 + gap), np.float32)
    ink[:, :15] = ink[:, 15 + gap :] = 1
    ink[18:22, 15 : 15 + gap] = bridge
    return ink


@pytest.mark.parametrize(("obstacle", "goes_around"), [(0.0078, False), (0.0088, True)])
def test_cut_goes_around_ink_where_a_diagonal_step_costs_less(obstacle: float, goes_around: bool) -> None:
    ink = np.full((41, 41), 0.5, np.float32)
    ink[:, 20] = ink[9:12, 19:22] = 0
    ink[10, 20] = obstacle  # a diagonal step adds 0.414 of the cost of an empty pixel, 0.02
    [way] = (line for line in find_cuts(ink).columns if line[20] == 20)
    assert (way[10] != 20) == goes_around
    assert len({*way[12:].tolist()}) == 1


def upright_seams(ink: np.ndarray, place: int) -> int:
    """Straight cuts near a column."""
    return int(np.count_nonzero(np.abs(_find_straight_cuts(ink).mean(1) - place) < 3))


@pytest.mark.parametrize(("rows", "n"), [(29, 1), (31, 0)])
def test_strokes_touch_along_three_quarters_of_their_height_at_most(rows: int, n: int) -> None:
    ink = np.ones((40, 60), np.float32)
    ink[:, 30] = 0
    ink[5 : 5 + rows, 30] = 1
    assert upright_seams(ink, 30) == n


@pytest.mark.parametrize(("level", "n"), [(0.28, 1), (0.32, 0)])
def test_ink_fainter_than_a_third_does_not_stop_a_straight_cut(level: float, n: int) -> None:
    ink = np.ones((40, 60), np.float32)
    ink[:, 30] = level
    assert upright_seams(ink, 30) == n


@pytest.mark.parametrize("leaning", [-0.35, -0.15, 0.0, 0.15, 0.35, 0.55])
def test_straight_cut_leans_as_the_digits_do(leaning: float) -> None:
    ink = np.ones((40, 80), np.float32)
    columns = np.rint(40 + leaning * (19.5 - np.arange(40))).astype(int)
    ink[np.arange(40), columns] = 0
    assert any(np.array_equal(line, columns) for line in _find_straight_cuts(ink))


@pytest.mark.parametrize(("apart", "n"), [(6, 1), (7, 2)])
def test_one_of_several_near_cuts_is_tried(apart: int, n: int) -> None:
    ink = np.ones((100, 80), np.float32)
    ink[:, 40], ink[:, 40 + apart] = 0.4, 0.405
    cuts = find_cuts(ink)
    places = cuts.columns.mean(1)
    assert len(places[(places > 38) & (places < 52)]) == n


@pytest.mark.parametrize(("place", "is_cut"), [(11, True), (9, False)])
def test_piece_is_a_tenth_as_wide_as_digits_are_tall(place: int, is_cut: bool) -> None:
    ink = np.ones((100, 60), np.float32)
    ink[:, place] = 0
    ink[:, 60 - place] = 0
    places = find_cuts(ink).columns.mean(1)
    assert (place in places) == (60 - place in places) == is_cut


@pytest.mark.parametrize(("place", "is_piece"), [(11, True), (9, False), (124, True), (126, False)])
def test_piece_is_no_narrower_and_no_wider_than_a_digit(place: int, is_piece: bool) -> None:
    assert ((0, 1) in pieces_between(cuts_at(place), (100, 190), 100)) == is_piece


def test_whole_glyph_is_a_piece_and_crossing_cuts_bound_none() -> None:
    crossing = Cuts(np.array([[10, 50], [40, 30]], np.intp), np.ones(2, np.float32))
    pieces = pieces_between(crossing, (2, 300), 100)
    assert (0, 3) in pieces
    assert (1, 2) not in pieces


def test_cuts_count_strokes_not_their_length() -> None:
    ink = two_blocks()
    ink[5:8, 15:35] = 1
    cuts = find_cuts(ink)
    middle = [strokes for line, strokes in zip(cuts.columns, cuts.strokes, strict=True) if 16 < line.mean() < 34]
    assert min(middle) == 2


def test_mask_includes_the_left_cut_and_excludes_the_right() -> None:
    mask = mask_between(cuts_at(10, 20), (100, 30), 1, 2)
    assert np.flatnonzero(mask[0]).tolist() == list(range(10, 20))


def test_cheapest_pieces_include_the_cost_of_the_cuts() -> None:
    pieces = [(0, 1), (0, 2), (1, 2)]
    for whole, chosen in ((2.4, [1]), (2.6, [0, 2])):
        costs = [1.0, whole, 1.0]
        assert choose_pieces(pieces, 1, costs.__getitem__, np.array([0.5], np.float32)) == chosen


# Costs of pieces, for digits 100 pixels tall.


def piece_cost(width: int, height: int = 100, *, digit: int = 3, confidence: float = 1.0) -> float:
    probabilities = np.full(10, (1 - confidence) / 9, np.float32)
    probabilities[digit] = confidence
    strokes = Strokes(
        np.zeros((height, width), np.float32), np.ones((1, 1), np.bool_), Box(0, 0, width, height), 1.0, 5.0
    )
    piece = _Piece(strokes, Box(0, 0, width, height), Quality(100.0, 1.0), np.zeros((28, 28), np.uint8))
    return _piece_cost(piece, Prediction(digit, confidence, probabilities), 100.0)


def test_piece_of_usual_shape_costs_only_the_networks_doubt() -> None:
    assert piece_cost(60) == pytest.approx(0)
    assert piece_cost(60, confidence=0.5) == pytest.approx(np.log(2))
    assert piece_cost(65) == piece_cost(35) == piece_cost(60, 80) == pytest.approx(0)


def test_wide_narrow_and_short_pieces_cost_more() -> None:
    assert piece_cost(75) == pytest.approx(0.8)
    assert piece_cost(25) == pytest.approx(0.4)
    assert piece_cost(60, 70) == pytest.approx(0.2)


def test_narrow_piece_may_be_a_one() -> None:
    assert piece_cost(15, digit=1) == pytest.approx(0)
    assert piece_cost(15, digit=7) == pytest.approx(0.8)


# Whether one group of ink is cut.


def count_digits(width: int, confidence: float, *, bridges: int = 1) -> int:
    """Number of digits read in two touching blocks 100 pixels tall.

    The network takes the whole for a 3 with this confidence, and every piece for a 1 with confidence 1.
    """
    page = draw((50, 150, 20, 20 + width), shape=(200, 200))
    middle = 20 + width // 2
    page[50:150, middle - 5 : middle + 5] = 0
    for number in range(bridges):
        page[60 + 10 * number : 64 + 10 * number, middle - 5 : middle + 5] = 0.8
    row = RowInk(pick(page), find_glyphs(*label(page), page.shape), (0.0, 0.0), (1 / 200, 1 / 200))
    whole: list[bytes] = []  # the first entry is the first image classified

    def answer_one(tensor: np.ndarray) -> Prediction:
        whole.append(tensor.tobytes())
        digit, found = (3, confidence) if whole[-1] == whole[0] else (1, 1.0)
        probabilities = np.full(10, (1 - found) / 9, np.float32)
        probabilities[digit] = found
        return Prediction(digit, found, probabilities)

    def answer(tensors: np.ndarray, _: list[Quality]) -> list[Prediction]:
        return [answer_one(tensor) for tensor in tensors]

    return len(_read_ink(row, (200, 200), answer).digits)


@pytest.mark.parametrize(("width", "confidence", "n"), [(124, 0.81, 1), (124, 0.79, 2), (128, 0.9, 1), (132, 0.9, 2)])
def test_ink_is_cut_where_it_is_wide_or_the_network_doubts(width: int, confidence: float, n: int) -> None:
    assert count_digits(width, confidence) == n


@pytest.mark.parametrize(("confidence", "n"), [(0.79, 1), (0.765, 2)])
def test_cut_costs_a_half_and_a_seventh_for_its_stroke(confidence: float, n: int) -> None:
    # One digit costs 0.4 for its width plus 0.24 or 0.27 for the network's doubt. The cut costs 0.65.
    assert count_digits(70, confidence) == n


def test_cut_through_two_strokes_costs_more() -> None:
    assert count_digits(70, 0.42) == 2
    assert count_digits(70, 0.42, bridges=2) == 1


# The row.


@pytest.mark.parametrize(("height", "several"), [(38, True), (34, False)])
def test_other_rows_have_three_tenths_of_the_ink(height: int, several: bool) -> None:
    page = draw((100, 160, 100, 120), (20, 20 + height, 100, 110))
    ink = pick(page)
    row = RowInk(ink, find_glyphs(*label(page), page.shape), (0.0, 0.0), (1.0, 1.0))
    assert _shows_several_rows(row) == several


@pytest.mark.parametrize(("height", "is_larger"), [(120, True), (40, False)])
def test_row_is_segmented_again_at_higher_resolution(height: int, is_larger: bool) -> None:
    page = draw(*((300, 300 + height, 200 * place + 60, 200 * place + 60 + height // 4) for place in range(4)),
                shape=(700, 900))  # fmt: skip
    found = find_row_ink(Image.fromarray(np.rint(200 * (1 - page)).astype(np.uint8)))
    assert found is not None
    seen = np.median([glyph.height for glyph in found.glyphs.main])
    assert len(found.glyphs.main) == 4
    assert seen == pytest.approx(60 if is_larger else 40, abs=2)
