"""How the ink of a row is found: one test for each rule, with pictures on either side of its limit."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from tests.runtime.reading.drawn_ink import draw, pick

from edge_mnist_runtime.reading.glyphs import find_glyphs
from edge_mnist_runtime.reading.page import Segmentation
from edge_mnist_runtime.rows.ink import RowInk, _is_grain_row, find_other_ink, find_row_ink, usual_height


def on_paper(darkness: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(200 * (1 - darkness)).astype(np.uint8))


def closer(height: int) -> RowInk:
    """Four digits of this height, in a picture that is reduced to a quarter at first."""
    digits = [(300, 300 + height, 200 * place, 200 * place + height // 4) for place in range(1, 5)]
    found = find_row_ink(on_paper(draw(*digits, shape=(700, 1400))))
    assert found is not None
    assert len(found.glyphs.main) == 4
    return found


@pytest.mark.parametrize(("height", "segmented"), [(84, 84), (88, 44), (132, 44)])
def test_row_is_segmented_again_at_44_pixels_or_more(height: int, segmented: int) -> None:
    assert usual_height(closer(height).glyphs) == pytest.approx(segmented, abs=1)


def test_closer_segmentation_has_a_margin_of_0_6_of_the_usual_height() -> None:
    assert closer(84).ink.page.shape == pytest.approx((2.2 * 84, 621 + 1.2 * 84), abs=4)


@pytest.mark.parametrize(("stroke", "shadow"), [(20, 38), (10, 20), (6, 10)])
def test_narrow_windows_tell_digits_from_shadows_around_them(stroke: int, shadow: int) -> None:
    def bars(width: int, rows: slice) -> list[tuple[int, int, int, int]]:
        return [(rows.start, rows.stop, at - width // 2, at + width // 2) for at in (50, 100, 150)]

    page = np.maximum(draw(*bars(shadow, slice(10, 190)), darkness=0.4), draw(*bars(stroke, slice(50, 150))))
    rows = [[glyph.box for glyph in found.glyphs.main] for found in find_other_ink(on_paper(page))]
    assert [(left, 50, right, 150) for _, _, left, right in bars(stroke, slice(0))] in rows


@pytest.mark.parametrize(("n_digits", "n_signs"), [(1, 3), (2, 4), (3, 5), (4, 5)])
def test_row_may_show_one_more_sign_of_grain_for_each_digit_up_to_two(n_digits: int, n_signs: int) -> None:
    def is_grain(*, level: float, width: int) -> bool:
        bars = [(70, 130, 30 + 40 * place, 30 + 40 * place + width) for place in range(n_digits)]
        page = draw(*bars, darkness=level)
        ink = pick(page)
        found = RowInk(ink, find_glyphs(ink.parts, ink.mass, page.shape), (0.0, 0.0), (1.0, 1.0))
        return _is_grain_row(found, Segmentation(ink, page, 0, False, outline=0.8))  # two signs

    signs = {3: is_grain(level=0.4, width=10), 4: is_grain(level=0.3, width=10), 5: is_grain(level=0.2, width=10),
             6: is_grain(level=0.2, width=1)}  # fmt: skip
    assert [n for n, grain in signs.items() if not grain] == list(range(3, n_signs + 1))
