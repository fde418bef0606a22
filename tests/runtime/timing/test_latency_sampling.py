"""How calls are sampled, by a clock that only moves when a call or a sleep says so. Never how fast anything is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

import numpy as np
import pytest

from edge_mnist_runtime.timing.sampling import SETTLING_CALLS, Call, Sample, SamplingConfig, sample_interleaved


class Machine:
    """A clock, and calls that take the time they are told to."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.log: list[str] = []

    def clock(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now_ns += round(seconds * 1e9)

    def call(self, durations_us: Iterator[float], name: str = "") -> Call:
        def function(_argument: object) -> None:
            self.now_ns += round(next(durations_us) * 1e3)
            self.log.append(name)

        return Call(function, [None])

    def sample(self, *calls: Call, **config: float) -> list[Sample]:
        defaults = {"samples": 100, "seconds": 1e9, "warmup": 0}
        settings = SamplingConfig(**{**defaults, **config})  # type: ignore[arg-type]
        return sample_interleaved(calls, settings, clock=self.clock, sleep=self.sleep)


@pytest.fixture
def machine() -> Machine:
    return Machine()


def forever(value: float) -> Iterator[float]:
    return (value for _ in count())


def noisy(spread: float) -> Iterator[float]:
    rng = np.random.default_rng(0)
    return (100 + spread * rng.random() for _ in count())


def test_samples_are_a_bound_and_latencies_are_what_the_clock_says(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(7.0)), samples=120)
    assert sample.latencies_us == [7.0] * 120
    assert sample.stopped == "samples"
    assert sample.service_us == []


def test_seconds_are_a_bound(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(1e4)), samples=10_000, seconds=2.0)
    assert sample.stopped == "seconds"
    assert 2.0 <= sum(sample.latencies_us) / 1e6 + SETTLING_CALLS * 4 * 0.01 < 3.0


@pytest.mark.parametrize(("spread", "stopped"), [(5.0, "stable"), (400.0, "samples")])
def test_measuring_ends_when_the_percentiles_are_stable(spread: float, stopped: str, machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(noisy(spread)), samples=3_000, min_samples=1_000)
    assert sample.stopped == stopped
    assert len(sample.latencies_us) == (1_000 if stopped == "stable" else 3_000)


def test_stability_does_not_end_it_before_min_samples(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(1.0)), samples=20_000)
    assert sample.stopped == "stable"
    assert len(sample.latencies_us) == 7_000  # the first check after p99.9 is known


def test_warmup_ends_at_a_steady_state(machine: Machine) -> None:
    slow_then_steady = (max(100.0, 300.0 - index) for index in count())
    (sample,) = machine.sample(machine.call(slow_then_steady), warmup=5_000)
    assert sample.steady
    assert 250 <= sample.warmup_calls <= 450
    assert sample.latencies_us == [100.0] * 100


@pytest.mark.parametrize("bound", [{"warmup": 500}, {"warmup": 10**9, "seconds": 0.1}])
def test_warmup_that_finds_no_steady_state_ends_at_a_bound_and_says_so(
    bound: dict[str, float], machine: Machine
) -> None:
    growing = (100.0 * 1.01**index for index in range(10_000))
    (sample,) = machine.sample(machine.call(growing), **{"samples": 1, **bound})
    assert not sample.steady
    assert 0 < sample.warmup_calls <= 500


def test_no_warmup_is_no_steady_state(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(1.0)))
    assert (sample.warmup_calls, sample.steady) == (0, False)


def test_calls_run_in_interleaved_rounds_and_the_first_of_a_round_do_not_count(machine: Machine) -> None:
    samples = machine.sample(machine.call(forever(1.0), "a"), machine.call(forever(2.0), "b"), samples=4, round_calls=2)
    round_calls = 2 + SETTLING_CALLS
    assert machine.log == (["a"] * round_calls + ["b"] * round_calls) * 2
    assert [sample.latencies_us for sample in samples] == [[1.0] * 4, [2.0] * 4]


def test_arguments_rotate(machine: Machine) -> None:
    seen: list[int] = []
    machine.sample(Call(seen.append, [1, 2, 3]), samples=4, round_calls=4)
    assert seen == [1, 2, 3, 1, 2, 3]


def test_progress_only_grows_and_ends_at_one(machine: Machine) -> None:
    parts: list[float] = []
    calls = [machine.call(forever(1.0)), machine.call(forever(2.0))]
    config = SamplingConfig(samples=120, seconds=1e9, warmup=0)
    sample_interleaved(calls, config, on_progress=parts.append, clock=machine.clock, sleep=machine.sleep)
    assert parts[0] == 0.0
    assert parts[-1] == 1.0
    assert parts == sorted(parts)


# paced


def test_paced_calls_wait_for_their_deadlines(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(100.0)), rate=1_000.0)
    assert sample.latencies_us == pytest.approx([100.0] * 100)
    assert sample.service_us == [100.0] * 100
    assert not sample.late
    assert machine.now_ns == pytest.approx(100e6, rel=0.01)


def test_paced_latency_counts_from_the_deadline_so_that_a_queue_shows(machine: Machine) -> None:
    durations = iter([100.0, 100.0, 2_500.0, 100.0, 100.0, 100.0, 100.0])
    (sample,) = machine.sample(machine.call(durations), samples=7, rate=1_000.0)
    assert sample.latencies_us == pytest.approx([100.0, 100.0, 2_500.0, 1_600.0, 700.0, 100.0, 100.0])
    assert sample.service_us[3] == 100.0
    assert not sample.late


@pytest.mark.parametrize("round_calls", [5, 50])
def test_rate_that_is_too_high_builds_a_queue_over_all_rounds(round_calls: int, machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(2_000.0)), rate=1_000.0, round_calls=round_calls)
    assert sample.late
    assert sample.latencies_us == pytest.approx([2_000.0 + 1_000.0 * index for index in range(100)])


def test_poisson_arrivals_have_the_rate_but_not_its_even_gaps(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(400.0)), rate=1_000.0, poisson=True, samples=2_000, seconds=10.0)
    assert machine.now_ns == pytest.approx(2_000 * 1e6, rel=0.15)
    waited = sum(latency > 401.0 for latency in sample.latencies_us) / len(sample.latencies_us)
    assert 0.2 < waited < 0.6  # the load of an M/D/1 queue is 0.4; with even gaps no call waits
    assert not sample.late


def test_slow_rate_keeps_the_time_limit_within_a_round(machine: Machine) -> None:
    (sample,) = machine.sample(machine.call(forever(100.0)), rate=1.0, seconds=3.0)
    assert sample.stopped == "seconds"
    assert len(sample.latencies_us) == 3


def test_sample_is_measured_for_every_call_that_is_given(machine: Machine) -> None:
    make: Callable[[], Call] = lambda: machine.call(forever(1.0))  # noqa: E731
    assert len(machine.sample(*(make() for _ in range(3)), samples=1)) == 3
    assert machine.sample() == []
