"""Everything that reading says of drawn pictures stays as it was recorded, to the last digit."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from tests.runtime.reading.drawn_pictures import GOLDEN, draw_pictures, look_closely, photographs, read, record

PICTURES = draw_pictures()
PHOTOGRAPHS = photographs()


@pytest.fixture(scope="module")
def golden() -> Any:
    return np.load(GOLDEN, allow_pickle=False)


def test_every_picture_has_a_recorded_reading(golden: Any) -> None:
    assert {*golden.files} == {"readings", "closely", *PICTURES}


@pytest.mark.parametrize("name", PICTURES)
def test_picture_is_read_as_recorded(name: str, golden: Any) -> None:
    reading = read(*PICTURES[name])
    found, expected = record(reading), json.loads(str(golden["readings"]))[name]
    for key in ("box", "quality", "step levels"):
        numbers, recorded = found.pop(key), expected.pop(key)
        assert (numbers is None) == (recorded is None)
        assert numbers is None or numbers == pytest.approx(recorded, rel=1e-4)
    assert found == expected
    off = np.abs(np.asarray(reading.pixels).reshape(28, 28).astype(int) - golden[name])
    assert off.max() <= 2, "grey levels; one more or less is another processor's sum"


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_each_step_is_as_recorded(name: str, golden: Any) -> None:
    found, expected = look_closely(PHOTOGRAPHS[name]), json.loads(str(golden["closely"]))[name]
    assert found.keys() == expected.keys()
    for step, values in found.items():
        assert values == pytest.approx(expected[step], rel=1e-3, abs=1e-6), step
