"""Measure what a server needs to know: several streams at once, and the highest rate that keeps a latency goal."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.timing.percentiles import estimate_percentile
from edge_mnist_runtime.timing.sampling import Call, Sample, SamplingConfig, sample_interleaved

STREAMS_SECONDS: Final = 1.0
"""Maximum time of several streams."""

RATE_STEPS: Final = 8
"""Steps of the search between 1 and 100 % of the capacity: 8 leave a factor of 1.02."""

RATE_SAMPLES: Final = 2_000
"""Requests at each rate: enough for a p99 with its bound."""

RATE_SECONDS: Final = 3.0
"""Maximum time at each rate."""

LOWEST_FRACTION: Final = 0.01
"""Lowest rate that is tried, as a fraction of 1 / median latency."""


@dataclass(frozen=True)
class StreamsResult:
    """Throughput and latency of several threads that call one model at once."""

    streams: int
    images_per_second: float
    p50_us: float | None
    p99_us: float | None
    """None if there are too few samples."""


@dataclass(frozen=True)
class ServerFigures:
    """What was asked for of one model."""

    streams: StreamsResult | None
    slo_rate: float | None
    unknown: dict[str, str]
    """Why `slo_rate` is None though it was asked for."""


def measure_load(call: Call, sample: Sample, config: BenchmarkConfig) -> ServerFigures:
    """Measure several streams, and find the highest rate that keeps the goal, as far as these are asked for.

    Args:
        call: The model's call.
        sample: Its latencies.
        config: The settings.
    """
    streams, slo_rate, unknown = None, None, {}
    if config.streams > 1:
        streams = measure_streams(call.function, call.arguments, config.streams, min(STREAMS_SECONDS, config.seconds))
    if config.slo_ms is not None:
        p50_us = statistics.median(sample.service_us or sample.latencies_us)
        slo_rate = find_highest_rate(call, p50_us, config.slo_ms)
        if slo_rate is None:
            lowest = LOWEST_FRACTION * 1e6 / p50_us
            unknown["slo_rate"] = f"is below {lowest:,.0f}/s: p99 misses {config.slo_ms:g} ms even there"
    return ServerFigures(streams, slo_rate, unknown)


def measure_streams(
    call: Callable[[Any], object], arguments: Sequence[Any], streams: int, seconds: float
) -> StreamsResult:
    """Call a model from several threads at once, each without a pause.

    Args:
        call: The model's call for one image; threads share it.
        arguments: Its arguments in rotation.
        streams: Number of threads.
        seconds: Time to measure.
    """
    latencies_us: list[list[float]] = [[] for _ in range(streams)]
    start = threading.Barrier(streams + 1)

    def work(own: list[float], offset: int) -> None:
        start.wait()
        end, index = time.perf_counter_ns() + int(seconds * 1e9), offset
        while (began := time.perf_counter_ns()) < end:
            call(arguments[index % len(arguments)])
            own.append((time.perf_counter_ns() - began) / 1e3)
            index += 1

    threads = [threading.Thread(target=work, args=(own, offset)) for offset, own in enumerate(latencies_us)]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    took = time.perf_counter() - began
    together = [latency for own in latencies_us for latency in own]
    p50, p99 = (estimate_percentile(together, percentile).value for percentile in (50.0, 99.0))
    return StreamsResult(
        streams,
        round(len(together) / took, 1),
        None if p50 is None else round(p50, 2),
        None if p99 is None else round(p99, 2),
    )


def find_highest_rate(
    call: Call,
    p50_us: float,
    slo_ms: float,
    *,
    measure_p99_us: Callable[[Call, float], float | None] | None = None,
) -> float | None:
    """Find the highest rate of a Poisson process of requests at which p99 stays under a goal.

    A request that comes while another is served waits, and its latency counts from when it came.

    Args:
        call: The model's call.
        p50_us: Its median latency, in microseconds: the search starts from the capacity that it gives.
        slo_ms: The goal, in milliseconds.
        measure_p99_us: Measures p99 at a rate, in microseconds; None if calls queue up. Default: a real measurement.

    Returns:
        Requests a second; None if p99 misses the goal at the lowest rate.
    """
    measure = measure_p99_us or _measure_p99_us
    capacity = 1e6 / p50_us
    low, high = LOWEST_FRACTION * capacity, capacity

    def keeps(rate: float) -> bool:
        p99_us = measure(call, rate)
        return p99_us is not None and p99_us <= slo_ms * 1e3

    if not keeps(low):
        return None
    for _ in range(RATE_STEPS):
        middle = (low * high) ** 0.5
        low, high = (middle, high) if keeps(middle) else (low, middle)
    return round(low, 1)


def _measure_p99_us(call: Call, rate: float) -> float | None:
    limits = SamplingConfig(RATE_SAMPLES, RATE_SECONDS, warmup=0, rate=rate, poisson=True)
    (sample,) = sample_interleaved([call], limits)
    return None if sample.late else estimate_percentile(sample.latencies_us, 99.0).value
