"""`edge-mnist compare` with models: calls in turns, intervals over processes, verdicts, bad input."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime.bench import side_by_side
from edge_mnist_runtime.bench.change import Change, Comparison, require_no_regression
from edge_mnist_runtime.bench.model_pairs import names_model, pair_files, pair_models
from edge_mnist_runtime.bench.paired_calls import MIN_ROUNDS, PairedCalls, measure_pairs, pad_environment
from edge_mnist_runtime.bench.process_bootstrap import MIN_PROCESSES, bootstrap_ratio, estimate_ratio, student_quantile
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bench.side_by_side import (
    LOOKS,
    SideBySideConfig,
    compare_models,
    measure_until_decided,
)
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.errors import (
    CorruptModelError,
    HashMismatchError,
    RegressionError,
    UndecidedError,
    UsageError,
)


class Machine:
    """A machine with a clock of its own. A call is slower if another subject was called before."""

    def __init__(self) -> None:
        self.now_ns = 0
        self.last = ""

    def clock(self) -> int:
        return self.now_ns

    def subject(self, name: str, takes_ns: int, cold_ns: int = 0) -> Callable[[Any], None]:
        def call(_argument: Any) -> None:
            self.now_ns += takes_ns + (cold_ns if self.last != name else 0)
            self.last = name

        return call


@pytest.mark.parametrize("cold_ns", [0, 3_000])
def test_ratio_is_that_of_the_subjects_although_a_change_of_subject_costs_time(cold_ns: int) -> None:
    machine = Machine()
    base, other = machine.subject("base", 10_000, cold_ns), machine.subject("other", 10_000, cold_ns)
    paired = measure_pairs(base, other, [0, 1], 0.01, clock=machine.clock)
    assert paired.ratio == 1.0
    assert paired.base_us == paired.other_us == pytest.approx(10 + cold_ns / 2e3)


def test_work_between_rounds_slows_both_subjects_alike() -> None:
    machine = Machine()
    base, other = machine.subject("base", 10_000), machine.subject("other", 10_000)
    calls = iter(range(10**6))

    def slower_after_bookkeeping(call: Callable[[Any], None]) -> Callable[[Any], None]:
        def run(argument: Any) -> None:
            machine.now_ns += 500 if next(calls) % 10 == 0 else 0
            call(argument)

        return run

    subjects = slower_after_bookkeeping(base), slower_after_bookkeeping(other)
    assert measure_pairs(*subjects, [0], 0.01, clock=machine.clock).ratio == 1.0


def test_slow_phase_of_the_machine_does_not_change_the_ratio() -> None:
    machine = Machine()

    def call(takes_ns: int) -> Callable[[Any], None]:
        def run(_argument: Any) -> None:
            slow = 3 if machine.now_ns % 4_000_000 > 2_000_000 else 1
            machine.now_ns += slow * takes_ns

        return run

    paired = measure_pairs(call(1_000), call(1_100), range(7), 0.05, clock=machine.clock)
    assert paired.ratio == pytest.approx(1.1)
    assert paired.rounds > MIN_ROUNDS


def test_slow_or_unmeasurable_calls_get_a_minimum_of_rounds() -> None:
    machine = Machine()
    slow = machine.subject("slow", 10**9)
    assert measure_pairs(slow, slow, [0], 0.001, clock=machine.clock).rounds == MIN_ROUNDS
    stopped = iter(range(0, 10**9, 0x7FFF))
    assert measure_pairs(id, id, [0], 1e-9, clock=lambda: next(stopped)).ratio == 1.0


@pytest.mark.parametrize(
    ("probability", "degrees", "value"), [(0.975, 7, 2.365), (0.995, 7, 3.499), (0.975, 31, 2.040)]
)
def test_student_quantiles_are_those_of_tables(probability: float, degrees: int, value: float) -> None:
    assert student_quantile(probability, degrees) == pytest.approx(value, rel=1e-3)
    assert student_quantile(1 - probability, degrees) == pytest.approx(-value, rel=1e-3)


@pytest.mark.parametrize("n", [MIN_PROCESSES, 32])
def test_interval_over_processes_covers_the_true_ratio_as_often_as_it_says(n: int) -> None:
    rng = np.random.default_rng(3)
    draws = np.exp(rng.normal(np.log(1.05), 0.01, (100, n)))
    intervals = [bootstrap_ratio([*ratios], 0.95) for ratios in draws]
    assert sum(low <= 1.05 <= high for low, high in filter(None, intervals)) >= 90


def test_interval_needs_a_minimum_of_processes_and_is_reproducible() -> None:
    ratios = [1.0, 1.01, 0.99, 1.02, 1.0, 1.0, 1.01, 0.98]
    assert bootstrap_ratio(ratios[1:], 0.95) is None
    assert bootstrap_ratio(ratios, 0.95) == bootstrap_ratio(ratios, 0.95)
    assert estimate_ratio([0.5, 2.0]) == pytest.approx(1.0)


def drawn_processes(median: float, spread: float) -> list[PairedCalls]:
    ratios = median * np.exp(np.random.default_rng(1).normal(0, spread, LOOKS[-1]))
    return [PairedCalls(float(ratio), 10.0, 10.0 * float(ratio), 100) for ratio in ratios]


@pytest.mark.parametrize(
    ("median", "spread", "verdict", "processes"),
    [
        (1.0, 0.004, "same", LOOKS[0]),
        (1.05, 0.004, "regression", LOOKS[0]),
        (0.9, 0.004, "faster", LOOKS[0]),
        (1.01, 0.002, "slower", LOOKS[0]),
        (1.0, 0.03, "same", LOOKS[1]),
        (1.02, 0.004, "not decided", LOOKS[-1]),
    ],
)
def test_processes_are_added_until_there_is_a_verdict(
    median: float, spread: float, verdict: str, processes: int
) -> None:
    drawn = drawn_processes(median, spread)
    change = measure_until_decided(("a", "b"), SideBySideConfig(), drawn.__getitem__)
    assert (change.verdict, len(change.processes)) == (verdict, processes)


def test_each_look_has_its_share_of_the_error() -> None:
    assert SideBySideConfig().confidence == pytest.approx(1 - 0.05 / 3)
    assert SideBySideConfig(processes=8).confidence == pytest.approx(0.95)
    assert SideBySideConfig(processes=20).looks == (8, 16, 20)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"processes": 0}, "`processes`"),
        ({"seconds": 0.0}, "`seconds`"),
        ({"seconds": float("nan")}, "`seconds`"),
        ({"seconds": 1e9}, "`seconds`"),
        ({"threads": 0}, "`threads`"),
    ],
)
def test_bad_setting_of_a_comparison_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        SideBySideConfig(**values)


def make_change(interval: tuple[float, float] | None, limit: float = 1.02) -> Change:
    class Plain(Change):
        old_and_new = "from 1 to 2 us"  # type: ignore[assignment]

    return Plain(model="m", threads=1, limit=limit, interval=interval, remedy="measure more")


@pytest.mark.parametrize(
    ("interval", "verdict"),
    [
        ((1.001, 1.004), "same"),
        ((0.996, 0.999), "same"),
        ((1.006, 1.008), "slower"),
        ((0.990, 0.994), "faster"),
        ((0.994, 0.996), "same"),
    ],
)
def test_change_that_a_model_compared_with_itself_shows_is_none(interval: tuple[float, float], verdict: str) -> None:
    assert make_change(interval).verdict == verdict


def test_regression_counts_more_than_a_missing_verdict() -> None:
    undecided, slower = make_change((1.0, 1.1)), make_change((1.03, 1.1))
    comparison = Comparison("a", "b", "side by side", 0.02, (undecided, slower))
    with pytest.raises(RegressionError, match=r"interval \+3\.0% to \+10\.0%"):
        require_no_regression(comparison, lenient=True)


@pytest.mark.parametrize("interval", [None, (0.99, 1.03)])
def test_missing_verdict_is_an_error_of_its_own_unless_lenient(interval: tuple[float, float] | None) -> None:
    comparison = Comparison("a", "b", "side by side", 0.02, (make_change(interval),))
    with pytest.raises(UndecidedError, match=r"^m: not decided \(.*measure more") as caught:
        require_no_regression(comparison)
    assert caught.value.exit_code == 9
    require_no_regression(comparison, lenient=True)


def test_environment_of_processes_varies_in_size() -> None:
    sizes = {sum(map(len, pad_environment().values())) for _ in range(20)}
    assert len(sizes) > 10


def test_single_files_are_a_pair_whatever_their_names(tmp_path: Path) -> None:
    other = tmp_path / "other.onnx"
    shutil.copy(BUNDLED_MODELS["nano"], other)
    assert pair_models(Path("robust"), other) == ([("robust", str(other))], [])


def test_files_of_bundles_pair_by_name_or_kind() -> None:
    old, new = ["a/edge_int8.tflite", "a/edge_int8.onnx"], ["b/edge_int8.onnx", "b/edge_int8.tflite"]
    assert pair_files(old, new) == ([(old[0], new[1]), (old[1], new[0])], [])
    assert pair_files(old, ["robust"]) == ([(old[1], "robust")], [old[0]])
    assert pair_files(old, ["b/x_int8.onnx", "b/y_int8.onnx"])[0] == []


@pytest.mark.parametrize(
    ("name", "expected"), [("robust", True), ("x.onnx", True), ("x.tflite", True), (".", True), ("now.json", False)]
)
def test_models_are_told_from_reports_by_name(name: str, expected: bool) -> None:
    assert names_model(Path(name)) is expected


def test_file_that_changes_during_the_comparison_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / "model.onnx"
    shutil.copy(BUNDLED_MODELS["nano"], model)
    measure = side_by_side._measure_process

    def change_first(*arguments: Any) -> PairedCalls:
        shutil.copy(BUNDLED_MODELS["micro"], model)
        return measure(*arguments)

    monkeypatch.setattr(side_by_side, "_measure_process", change_first)
    with pytest.raises(HashMismatchError, match="changed while it was compared"):
        compare_models(Path("nano"), model, load_samples(), SideBySideConfig(processes=1, seconds=0.01))


def test_failed_process_gives_no_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "PAIRS_PROGRAM", "raise SystemExit('out of memory')")
    with pytest.raises(UndecidedError, match=r"^nano: not decided, because a process failed \(out of memory\)"):
        compare_models(Path("nano"), Path("nano"), load_samples(), SideBySideConfig())


def test_damaged_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    with pytest.raises(CorruptModelError):
        compare_models(Path("nano"), tmp_path / "bad.onnx", load_samples(), SideBySideConfig())


NO_MNIST = {"EDGE_MNIST_DATA": ""}


def test_compare_of_models_runs_new_processes_and_prints_table_and_json(run_here: Callable[..., Any]) -> None:
    few = ("--processes", "2", "--seconds", "0.01")
    table = run_here("compare", "robust", "nano", *few, env=NO_MNIST)
    assert table.code == 9
    assert "robust -> nano" in table.out
    assert "2 processes are too few, allow at least 8 (--processes); --lenient accepts this" in table.err
    assert max(map(len, table.out.splitlines())) <= 80
    as_json = run_here("compare", "robust", "nano", *few, "--lenient", "--json", env=NO_MNIST)
    assert as_json.code == 0
    assert "warning: nano: not decided" in as_json.err
    (change,) = as_json.json["models"]
    assert len(change["processes"]) == 2
    assert change["verdict"] == "not decided"
    assert as_json.json["conditions"]["digits"]["name"] == "edge-mnist-samples"


BAD_COMPARISONS = {
    "a model and a report": (["nano", "now.json"], "name two models, or two reports"),
    "force with models": (["nano", "nano", "--force"], "--force is for reports"),
    "processes with reports": (["a.json", "b.json", "--processes", "9"], "--processes is for models"),
    "backend with reports": (["a.json", "b.json", "--backend", "litert"], "--backend is for models"),
    "a limit that is no percentage": (["nano", "nano", "--max-regression", "5"], "must be a percentage"),
    "no process": (["nano", "nano", "--processes", "0"], "--processes must be at least 1"),
}


@pytest.mark.parametrize("case", BAD_COMPARISONS)
def test_bad_comparison_is_refused_in_one_line(case: str, tmp_path: Path, run_here: Callable[..., Any]) -> None:
    arguments, said = BAD_COMPARISONS[case]
    for name in ("a.json", "b.json", "now.json"):
        (tmp_path / name).touch()
    finished = run_here("compare", *arguments, env=NO_MNIST, cwd=tmp_path)
    assert (finished.code, finished.out) == (2, "")
    assert said in finished.err
    assert len(finished.err.splitlines()) == 1


def test_worker_restores_garbage_collection() -> None:
    import gc

    machine = Machine()
    measure_pairs(machine.subject("a", 10), machine.subject("b", 10), [0], 1e-6, clock=machine.clock)
    assert gc.isenabled()


@pytest.mark.parametrize("given", [("nano", "nanno"), ("nanno", "nano"), ("absent.json", "nanno")])
def test_misspelt_model_is_named_with_what_was_expected(given: tuple[str, str], run_here: Callable[..., Any]) -> None:
    finished = run_here("compare", *given)
    assert finished.code == 2
    assert ": no such model, bundle or report of `bench --json`; built-in models: robust, edge" in finished.err
    assert finished.err.count("\n") == 1
