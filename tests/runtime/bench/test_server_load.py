"""Several streams, and the highest rate that keeps a goal for p99."""

from __future__ import annotations

import threading
import time

import pytest

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.server_load import LOWEST_FRACTION, find_highest_rate, measure_load, measure_streams
from edge_mnist_runtime.timing.sampling import Call, Sample


def test_streams_call_at_once_and_count_together() -> None:
    callers: set[int] = set()

    def call(_image: object) -> None:
        callers.add(threading.get_ident())
        time.sleep(0.001)

    result = measure_streams(call, [1, 2], 3, 0.15)
    assert len(callers) == 3
    assert result.streams == 3
    assert result.images_per_second > 0


@pytest.mark.parametrize("highest", [100.0, 3_000.0, 60_000.0])
def test_highest_rate_is_found(highest: float) -> None:
    def measure(_call: Call, rate: float) -> float | None:
        return None if rate > 2 * highest else 900.0 if rate <= highest else 1_100.0

    found = find_highest_rate(Call(id, [0]), 10.0, 1.0, measure_p99_us=measure)
    if highest < LOWEST_FRACTION * 1e5:
        assert found is None
    else:
        assert found is not None
        assert highest / 1.03 <= found <= highest


def test_goal_that_no_rate_keeps_is_explained() -> None:
    figures = measure_load(Call(lambda _x: time.sleep(0.001), [0]), Sample([1_000.0]), BenchmarkConfig(slo_ms=1e-6))
    assert figures.slo_rate is None
    assert figures.unknown["slo_rate"] == "is below 10/s: p99 misses 1e-06 ms even there"
