"""Runs against the yardstick: their measurement, and the interval of a change between two reports."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime.bench import yardstick
from edge_mnist_runtime.bench.benchmark import run_benchmark
from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.paired_calls import MAX_DIGITS, PairedCalls, choose_digits
from edge_mnist_runtime.bench.regression import ENOUGH_RUNS, compare_reports
from edge_mnist_runtime.bench.report import BenchReport, MeasuredModel
from edge_mnist_runtime.bench.run_interval import RAW_DEVIATION, interval_between_runs
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bench.subjects import load_subject
from edge_mnist_runtime.bench.yardstick import hash_yardstick, measure_runs


def test_each_subject_is_measured_in_each_run() -> None:
    digits = load_samples()
    subjects = [
        load_subject(Path(model), digits.images[0, ..., 0], threads=threads)
        for model, threads in (("nano", 1), ("robust", 2))
    ]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yardstick, "RUN_SECONDS", 0.01)
        runs = measure_runs(subjects, digits.images, 2)
    assert [len(of_subject) for of_subject in runs] == [2, 2]
    assert all(run.ratio > 0 and run.base_us > 0 for of_subject in runs for run in of_subject)


def test_failed_run_is_a_warning_and_leaves_the_other_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yardstick, "PAIRS_PROGRAM", "raise SystemExit('no memory')")
    config = BenchmarkConfig(samples=5, warmup=1, seconds=0.1, batch_sizes=(1,), fresh_processes=False, runs=1)
    report = run_benchmark([Path("nano")], load_samples(), config)
    assert report.models[0].runs == ()
    assert any("the yardstick was not measured (no memory); " in warning for warning in report.warnings)


def test_yardstick_never_changes() -> None:
    """If this fails, a new yardstick makes all earlier reports incomparable: bring the old one back."""
    assert hash_yardstick().startswith("3c56112fc354471d")


def test_digits_of_a_process_are_few_and_spread_over_all() -> None:
    images = np.arange(1_000)
    chosen = choose_digits(images)
    assert len(chosen) <= MAX_DIGITS
    assert chosen[-1] > 900
    assert len(choose_digits(images[:10])) == 10


def test_interval_of_single_runs_has_the_width_of_the_prior() -> None:
    change, low, high = interval_between_runs([1.0], [1.0])
    assert (change, low * high) == (1.0, pytest.approx(1.0))
    assert 0.05 < high - 1 < 0.08
    assert interval_between_runs([10.0], [10.0], run_deviation=RAW_DEVIATION)[2] > 1.25


def test_more_runs_give_a_narrower_interval_and_varying_ones_a_wider() -> None:
    one, five = (interval_between_runs([1.0] * n, [1.0] * n) for n in (1, 5))
    varying = interval_between_runs([0.9, 1.1, 1.0, 0.95, 1.05], [1.0, 0.9, 1.1, 1.05, 0.95])
    assert five[2] < one[2]
    assert five[2] < varying[2]


def test_interval_covers_the_true_change_of_runs_that_vary_as_measured() -> None:
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(300):
        old, new = (np.exp(center + rng.normal(0, 0.005) + rng.normal(0, 0.009, 5)) for center in (0.0, np.log(1.05)))
        _, low, high = interval_between_runs([*old], [*new])
        covered += low <= 1.05 <= high
    assert covered >= 280


@pytest.fixture
def save_runs(tmp_path: Path, bench_report: BenchReport, measured_model: Callable[..., MeasuredModel]) -> Any:
    """Return a function that writes a report whose model has these ratios to the yardstick."""

    def save(name: str, ratios: list[float], **changes: Any) -> Path:
        runs = tuple(PairedCalls(ratio, 10.0, 10.0 * ratio, 100) for ratio in ratios)
        report = replace(bench_report, models=(measured_model(runs=runs),), **changes)
        (tmp_path / name).write_text(report.to_json())
        return tmp_path / name

    return save


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(1.0, "same"), (1.1, "regression"), (0.9, "faster"), (1.05, "not decided")]
)
def test_verdict_of_reports_is_that_of_the_ratio_to_the_yardstick(ratio: float, verdict: str, save_runs: Any) -> None:
    old = save_runs("old.json", [1.0, 1.005, 0.995, 1.0, 1.0])
    new = save_runs("new.json", [ratio * noise for noise in (1.0, 1.004, 0.996, 1.002, 0.998)])
    (change,) = compare_reports(old, new).changes
    assert change.verdict == verdict
    assert change.runs == (ENOUGH_RUNS, ENOUGH_RUNS)
    assert change.relative == pytest.approx(ratio, rel=0.01)


def test_single_runs_give_no_verdict_near_the_limit_and_say_what_to_do(save_runs: Any) -> None:
    (change,) = compare_reports(save_runs("old.json", [1.0]), save_runs("new.json", [1.0])).changes
    assert change.verdict == "not decided"
    assert "measure both by `bench` with `runs=5`" in change.remedy
    (change,) = compare_reports(save_runs("old.json", [1.0]), save_runs("new.json", [1.3])).changes
    assert change.verdict == "regression"


@pytest.mark.parametrize("ratio", [0.0, -1.0, float("nan"), float("inf")])
def test_damaged_run_is_refused(ratio: float, measured_model: Callable[..., MeasuredModel]) -> None:
    with pytest.raises(ValueError, match="ratio of a run"):
        measured_model(runs=(PairedCalls(ratio, 1.0, 1.0, 1),))
