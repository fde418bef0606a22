"""The shipped models need no more instructions for a digit than the last landed ones, within 3 %."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.tools.instruction_counts import (
    ENGINES,
    MAX_GROWTH,
    compare,
    exceeds,
    find_obstacle,
    measure,
    read_record,
)


def test_every_shipped_file_has_a_recorded_count() -> None:
    assert {engine: set(read_record()[engine]["counts"]) for engine in ENGINES} == {
        engine: set(files) for engine, files in ENGINES.items()
    }


@pytest.mark.parametrize("engine", ["ai-edge-litert", pytest.param("onnxruntime", marks=pytest.mark.nightly)])
def test_shipped_models_need_no_more_instructions_than_recorded(engine: str) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("needs valgrind")
    if reason := find_obstacle(engine):
        pytest.skip(reason)
    assert [change.old_and_new for change in compare(engine, measure(engine)) if exceeds(change)] == []


def test_growth_above_the_limit_is_found() -> None:
    recorded = read_record()["onnxruntime"]["counts"]
    grown = {name: int(count * (1 + MAX_GROWTH + 0.001)) for name, count in recorded.items()}
    assert all(map(exceeds, compare("onnxruntime", grown)))
    assert not any(map(exceeds, compare("onnxruntime", recorded)))
