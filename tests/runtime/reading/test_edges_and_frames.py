"""Ink at the edges of pictures that are not square, outlines there, and frames."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.reading.drawn_ink import draw, label, pick

from edge_mnist_runtime.reading.ink import find_frames, outline_on_edges, weigh_parts

SHAPE = (120, 300)


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize(
    ("at", "weight"),
    [
        ((0, 20, 50, 60), 0.25),
        ((100, 120, 50, 60), 0.25),
        ((40, 60, 0, 10), 0.25),
        ((40, 60, 290, 300), 0.25),
        ((1, 21, 50, 60), 1.0),
        ((99, 119, 50, 60), 1.0),
        ((40, 60, 1, 11), 1.0),
        ((40, 60, 289, 299), 1.0),
        ((40, 60, 110, 120), 1.0),
    ],
)
def test_ink_at_an_edge_weighs_a_quarter(at: tuple[int, int, int, int], weight: float, turned: bool) -> None:
    page = draw(at, shape=SHAPE)
    parts, mass = label(np.ascontiguousarray(page.T) if turned else page)
    [found] = weigh_parts(parts, mass, parts.mask.shape)
    assert found == pytest.approx(weight * mass[0])


def frame(*, left_out: str = "", width: int = 200, height: int = 90) -> np.ndarray:
    """A frame around a digit, without one of its sides."""
    sides = {
        "top": (10, 13, 20, 20 + width),
        "bottom": (10 + height - 3, 10 + height, 20, 20 + width),
        "left": (10, 10 + height, 20, 23),
        "right": (10, 10 + height, 20 + width - 3, 20 + width),
    }
    digit = (30, 80, 110, 116)
    return draw(digit, *(side for name, side in sides.items() if name != left_out), shape=SHAPE)


def test_frame_around_a_digit_is_found() -> None:
    page = frame()
    for one in (page, page.T):
        parts, mass = label(np.ascontiguousarray(one))
        frames = find_frames(parts, mass)
        assert frames.sum() == 1
        assert frames[mass.argmax()]


@pytest.mark.parametrize("left_out", ["top", "bottom", "left", "right"])
def test_two_sides_around_a_digit_are_no_frame(left_out: str) -> None:
    page = frame(left_out=left_out)
    if left_out in {"top", "bottom"}:
        page[:, 217:220] = 0
    else:
        page[97:100] = 0
    parts, mass = label(page)
    assert not find_frames(parts, mass).any()


@pytest.mark.parametrize("turns", range(4))
def test_outline_is_on_edges_where_the_light_falls_around_it(turns: int) -> None:
    page = draw((30, 90, 40, 50), (80, 90, 40, 120), shape=(140, 200))
    light = np.rint(220 * (1 - page)).astype(np.uint8)
    half = light.copy()
    half[:, 70:] = np.minimum(half[:, 70:], 60)  # as in a shadow as dark as the ink
    found = [
        outline_on_edges(np.rot90(plane, turns), pick(np.ascontiguousarray(np.rot90(page, turns))))
        for plane in (light, half)
    ]
    assert found[0] == 1
    assert 0.4 < found[1] < 0.75


@pytest.mark.parametrize("turns", range(4))
def test_outline_beside_the_pictures_edge_does_not_count(turns: int) -> None:
    page = draw((0, 60, 40, 50), shape=(100, 140))
    light = np.full(page.shape, 200, np.uint8)
    light[:2] = 20  # nothing is told there
    light[10:60, 40:50] = 40
    light[2:10, 38:52] = 200
    found = outline_on_edges(np.rot90(light, turns), pick(np.ascontiguousarray(np.rot90(page, turns))))
    assert 0.8 < found < 1
