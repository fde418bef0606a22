"""Where ink is cut, and which cuts are chosen: ink and cuts that a hand can follow."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from edge_mnist_runtime.rows.cuts import Cuts, choose_pieces, find_cuts, mask_between, pieces_between


def straight(*columns: int, height: int = 4, strokes: float = 1) -> Cuts:
    """Upright cuts."""
    lines = np.repeat(np.array(columns, np.intp)[:, np.newaxis], height, 1).reshape(-1, height)
    return Cuts(lines, np.full(len(columns), strokes, np.float32))


@given(st.integers(0, 2**32 - 1), st.integers(16, 41))
def test_way_through_paper_is_followed_wherever_it_goes(seed: int, height: int) -> None:
    steps = np.random.default_rng(seed).choice([-1, 0, 1], height, p=[0.3, 0.4, 0.3])
    way = np.clip(30 + steps.cumsum() - steps.cumsum()[height // 2], 5, 55)
    ink = np.ones((height, 60), np.float32)
    ink[np.arange(height), way] = 0
    cuts = find_cuts(ink)
    assert way.tolist() in cuts.columns.tolist()
    assert cuts.strokes[cuts.columns.tolist().index(way.tolist())] == 0


@pytest.mark.parametrize("column", [0, 29, 59])
@pytest.mark.parametrize("top", [True, False])
def test_way_leads_around_a_stroke_that_one_edge_is_free_of(column: int, top: bool) -> None:
    ink = np.ones((30, 60), np.float32)
    ink[:, 25:35] = 0
    ink[3:12, :29] = ink[3:12, 31:] = 1  # a gap of two columns above...
    ink[18:27, 26:] = 1  # ...and one of one column at the left below
    if not top:
        ink = ink[::-1]
    narrow = [25] * 30
    cuts = find_cuts(ink)
    free = cuts.columns[cuts.strokes == 0]
    assert len(free) == 1
    rows = slice(3, 12) if top else slice(18, 27)
    assert {29, 30} >= {*free[0][rows].tolist()}
    assert {*free[0][slice(18, 27) if top else slice(3, 12)].tolist()} == {*narrow}


def test_strokes_are_counted_on_the_way() -> None:
    ink = np.zeros((40, 60), np.float32)
    ink[:, :20] = ink[:, 40:] = 1
    for top in (0, 12, 30):
        ink[top : top + 4, 20:40] = 1
    ink[34:38, 20:40] = 0.5  # fainter ink next to a stroke is the same stroke
    assert find_cuts(ink).strokes[0] == 3


def test_bridge_is_one_stroke_however_long_the_way_goes_through_it() -> None:
    for thickness in (2, 8):
        ink = np.zeros((40, 60), np.float32)
        ink[:, :20] = ink[:, 40:] = 1
        ink[10 : 10 + thickness, 20:40] = 1
        assert find_cuts(ink).strokes.tolist()[:1] == [1]


def sheared_rings(leaning: float) -> np.ndarray:
    """Two rings that touch along a stroke, leaning to the right by so many columns for each row upwards."""
    finer, height, width = 4, 60, 110
    rings = Image.new("L", (width * finer, height * finer), 0)
    for left in (18, 55):
        box = (left * finer, 0, (left + 40) * finer, height * finer - 1)
        ImageDraw.Draw(rings).ellipse(box, outline=255, width=9 * finer)
    shift = leaning * finer * (height / 2)
    sheared = rings.transform(rings.size, Image.Transform.AFFINE, (1, leaning, -shift, 0, 1, 0))
    return np.asarray(sheared.reduce(finer), np.float32) / np.float32(255)


@pytest.mark.parametrize("leaning", [-0.35, -0.15, 0.0, 0.15, 0.35, 0.55])
def test_strokes_along_each_other_are_cut_along_their_seam(leaning: float) -> None:
    cuts = find_cuts(sheared_rings(leaning))
    seam = 56 + np.rint(leaning * (29.5 - np.arange(60)))
    off = np.abs(cuts.columns - seam).max(1)
    assert off.min() <= 2
    assert cuts.strokes[off.argmin()] == pytest.approx(1, abs=0.1)


def notched(depth: int, level: float = 0.0) -> np.ndarray:
    """A block with a notch above and one below, and two ways through paper beside them."""
    ink = np.ones((40, 60), np.float32)
    ink[:, [18, 42]] = 0
    ink[:depth, 30] = ink[40 - depth :, 30] = level
    return ink


@pytest.mark.parametrize(("depth", "is_seam"), [(4, False), (5, True)])
def test_seam_takes_three_quarters_of_the_height_at_most(depth: int, is_seam: bool) -> None:
    assert ([30] * 40 in find_cuts(notched(depth)).columns.tolist()) == is_seam


@pytest.mark.parametrize(("level", "is_seam"), [(0.29, True), (0.31, False), (0.4, False)])
def test_faint_ink_in_a_notch_does_not_stop_a_seam(level: float, is_seam: bool) -> None:
    assert ([30] * 40 in find_cuts(notched(8, level)).columns.tolist()) == is_seam


def test_seam_along_a_way_is_the_same_cut() -> None:
    ink = np.ones((40, 60), np.float32)
    ink[:, 30] = 0
    near = np.abs(find_cuts(ink).columns - 30).max(1) <= 1
    assert np.count_nonzero(near) == 1


def test_cuts_come_from_left_to_right() -> None:
    places = find_cuts(sheared_rings(0.15)).columns.mean(1)
    assert len(places) > 2
    assert places.tolist() == sorted(places)


@pytest.mark.parametrize(("column", "is_cut"), [(3, False), (4, True), (56, True), (57, False)])
def test_no_cut_is_nearer_to_an_edge_than_a_digit_is_wide(column: int, is_cut: bool) -> None:
    ink = np.ones((40, 60), np.float32)
    ink[:, column] = 0
    assert ([column] * 40 in find_cuts(ink).columns.tolist()) == is_cut


def test_digits_lie_between_any_two_cuts_that_are_neither_too_near_nor_too_far() -> None:
    cuts = straight(4, 20, 50)
    assert pieces_between(cuts, (4, 100), 40) == [(0, 1), (0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (2, 3), (3, 4)]
    narrow, wide = straight(10, 14), straight(10, 60)
    assert (1, 2) in pieces_between(narrow, (4, 70), 40)  # exactly a tenth of the height...
    assert (1, 2) in pieces_between(wide, (4, 70), 40)  # ...and exactly five quarters
    assert (1, 2) not in pieces_between(straight(10, 13), (4, 70), 40)
    assert (1, 2) not in pieces_between(straight(10, 61), (4, 71), 40)


def test_ink_without_a_cut_is_one_piece_however_wide() -> None:
    assert pieces_between(straight(), (4, 500), 40) == [(0, 1)]
    assert pieces_between(straight(), (4, 1), 40) == [(0, 1)]


def test_nothing_lies_between_cuts_that_cross() -> None:
    columns = np.array([[10, 10, 20, 20], [25, 25, 15, 15]])
    crossing = Cuts(columns, np.ones(2, np.float32))
    assert pieces_between(crossing, (4, 40), 20) == [(0, 1), (0, 2), (0, 3), (1, 3), (2, 3)]
    touching = Cuts(np.array([[10, 10, 20, 20], [25, 25, 20, 20]]), np.ones(2, np.float32))
    assert (1, 2) in pieces_between(touching, (4, 40), 20)


def test_ink_on_a_cut_belongs_to_the_piece_after_it() -> None:
    cuts = Cuts(np.array([[2, 3, 4], [5, 5, 5]]), np.ones(2, np.float32))
    masks = [mask_between(cuts, (3, 7), left, left + 1).astype(int) for left in range(3)]
    assert masks[0].tolist() == [[1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0]]
    assert masks[1].tolist() == [[0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0]]
    assert masks[2].tolist() == [[0, 0, 0, 0, 0, 1, 1]] * 3


@given(st.integers(1, 4), st.integers(0, 2**32 - 1))
def test_chosen_pieces_are_the_cheapest_of_all_choices(n_cuts: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    pieces = [(0, n_cuts + 1), *(pair for pair in combinations(range(n_cuts + 2), 2) if rng.random() < 0.8)]
    pieces = sorted({*pieces})
    prices, cut_price = rng.random(len(pieces)), rng.random(n_cuts).astype(np.float32)
    cut_price[0] = 0
    choices = []
    for inner in (chosen for n in range(n_cuts + 1) for chosen in combinations(range(1, n_cuts + 1), n)):
        bounds = list(zip([0, *inner], [*inner, n_cuts + 1], strict=True))
        if all(pair in pieces for pair in bounds):
            at = [pieces.index(pair) for pair in bounds]
            choices.append((sum(prices[at]) + sum(cut_price[cut - 1] for cut in inner), at))
    assert choose_pieces(pieces, n_cuts, prices.__getitem__, cut_price) == min(choices)[1]
