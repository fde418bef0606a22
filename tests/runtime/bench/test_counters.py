"""Instructions and energy of a digit: counters, reasons without one, and the gate on instructions."""

from __future__ import annotations

import errno
import json
import os
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime.bench.benchmark import run_benchmark
from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.energy import POWERCAP, EnergyCounter, NoEnergyCounterError
from edge_mnist_runtime.bench.fresh_process import FreshProcessError, run_fresh
from edge_mnist_runtime.bench.instruction_counters import (
    NoCounterError,
    PerfEventCounter,
    explain_perf_error,
    read_callgrind_counts,
)
from edge_mnist_runtime.bench.instruction_gate import compare_counted_reports, judge_counts
from edge_mnist_runtime.bench.instructions import (
    FEW_CALLS,
    MANY_CALLS,
    TOLERANCE,
    InstructionCount,
    count_instructions,
    difference_per_call,
    explain_failure,
)
from edge_mnist_runtime.bench.report import BenchReport
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.errors import IntegrityError, UsageError


def has_counter() -> bool:
    try:
        PerfEventCounter().close()
    except NoCounterError:
        return shutil.which("valgrind") is not None
    return True


needs_counter = pytest.mark.skipif(not has_counter(), reason="needs valgrind or the processor's counter")


@needs_counter
def test_count_of_a_model_repeats_within_the_tolerance(run_here: Callable[..., Any]) -> None:
    finished = run_here("compare", "nano", "nano", "--instructions", "--json", env={"EDGE_MNIST_DATA": ""})
    assert finished.code == 0, finished.err
    (change,) = finished.json["models"]
    assert change["old_instructions"] > 10_000
    assert change["ratio"] == pytest.approx(1, abs=TOLERANCE)
    assert (finished.json["method"], change["verdict"]) == ("instructions", "same")


@needs_counter
def test_model_that_cannot_be_opened_is_one_line() -> None:
    with pytest.raises(UsageError, match="`instructions`: the counted process failed") as caught:
        count_instructions(["absent.onnx"], load_samples().images)
    assert "\n" not in str(caught.value)


def test_missing_counters_are_named(monkeypatch: pytest.MonkeyPatch, run_here: Callable[..., Any]) -> None:
    def refuse(_self: PerfEventCounter) -> None:
        raise NoCounterError(explain_perf_error(errno.EACCES))

    monkeypatch.setattr(PerfEventCounter, "__init__", refuse)
    monkeypatch.setenv("PATH", "")
    finished = run_here("bench", "nano", "--instructions", env={"EDGE_MNIST_DATA": ""})
    assert (finished.code, finished.out) == (2, "")
    assert "--instructions: no permission for the processor's counter (kernel.perf_event_paranoid is" in finished.err
    assert "valgrind is not installed" in finished.err
    assert len(finished.err.splitlines()) == 1


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for valgrind is a shell script")
def test_counter_that_fails_ends_bench_before_it_measures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_self: PerfEventCounter) -> None:
        raise NoCounterError(explain_perf_error(errno.EACCES))

    monkeypatch.setattr(PerfEventCounter, "__init__", refuse)
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "valgrind").write_text("#!/bin/sh\nexit 5\n")
    (tmp_path / "valgrind").chmod(0o755)
    steps: list[str] = []
    config = BenchmarkConfig(samples=1, instructions=True, fresh_processes=False, runs=0)
    with pytest.raises(UsageError, match="`instructions`: the counted process failed"):
        run_benchmark([None], load_samples(), config, on_progress=lambda step, _done: steps.append(step))
    assert set(steps) == {"counters"}


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EPERM, "no permission"),
        (errno.ENOENT, "no counter of instructions"),
        (errno.EOPNOTSUPP, "no counter of instructions"),
        (errno.ENOSYS, "perf_event_open fails"),
    ],
)
def test_each_refusal_of_the_kernel_is_explained(number: int, said: str) -> None:
    assert said in explain_perf_error(number)


AVX512_PROGRAM = """
import sys
sys.path[0] = sys.argv[1]
from edge_mnist_runtime.machine.machine_code import load_code
load_code(bytes.fromhex("62f17c4857c0 c3"), None)()  # vxorps zmm0, zmm0, zmm0; ret
"""


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
@pytest.mark.skipif(platform.machine() != "x86_64", reason="the instruction is of x86-64")
def test_instruction_that_valgrind_does_not_know_is_explained() -> None:
    with pytest.raises(FreshProcessError) as caught:
        run_fresh(AVX512_PROGRAM, wrapper=["valgrind", "--tool=none"])
    assert "does not know an instruction" in explain_failure(caught.value)


def test_other_failures_are_explained_by_their_last_line() -> None:
    with pytest.raises(FreshProcessError) as caught:
        run_fresh("raise SystemExit('killed')")
    assert explain_failure(caught.value) == "killed"


def test_difference_leaves_out_the_cost_of_counting_and_of_other_threads() -> None:
    counting, call = 5_000, 1_000
    few, many = counting + FEW_CALLS * call, counting + MANY_CALLS * call
    assert difference_per_call([few, many + 7_000, few + 300, many]) == call


def test_callgrind_files_are_read_in_order(tmp_path: Path) -> None:
    out_file = tmp_path / "counts"
    for number, total in enumerate((7, 8), start=1):
        (tmp_path / f"counts.{number}").write_text(f"events: Ir\nfn=x\n1 {total}\ntotals: {total}\n")
    assert read_callgrind_counts(out_file) == [7, 8]
    (tmp_path / "counts.3").write_text("events: Ir\n")
    with pytest.raises(NoCounterError, match=r"counts\.3 has no total"):
        read_callgrind_counts(out_file)


def make_count(per_digit: int, counter: str = "callgrind", features: tuple[str, ...] = ("avx2",)) -> InstructionCount:
    return InstructionCount(per_digit, counter, [*features])


@pytest.mark.parametrize(("new", "verdict"), [(1_000, "same"), (1_050, "regression"), (900, "faster")])
def test_verdict_follows_the_counts(new: int, verdict: str) -> None:
    assert judge_counts(("a", "b"), (make_count(1_000), make_count(new)), 0.02).verdict == verdict


def save_counted(path: Path, report: BenchReport, count: InstructionCount | None) -> Path:
    record = json.loads(report.to_json())
    for model in record["models"]:
        model["instructions"] = count and {
            "per_digit": count.per_digit, "counter": count.counter, "features": count.features
        }  # fmt: skip
    path.write_text(json.dumps(record))
    return path


def test_counts_of_two_reports_are_compared(tmp_path: Path, bench_report: BenchReport) -> None:
    old = save_counted(tmp_path / "old.json", bench_report, make_count(1_000))
    new = save_counted(tmp_path / "new.json", bench_report, make_count(1_100))
    (change,) = compare_counted_reports(old, new).changes
    assert (change.verdict, change.old_and_new) == ("regression", "from 1,000 to 1,100, +10.0%")
    assert compare_counted_reports(old, old).changes[0].verdict == "same"


@pytest.mark.parametrize("other", [make_count(1_000, "perf_event"), make_count(1_000, features=())])
def test_counts_of_other_counters_or_processors_are_refused_unless_forced(
    other: InstructionCount, tmp_path: Path, bench_report: BenchReport
) -> None:
    old = save_counted(tmp_path / "old.json", bench_report, make_count(1_000))
    new = save_counted(tmp_path / "new.json", bench_report, other)
    with pytest.raises(UsageError, match="instructions were counted by callgrind on avx2 and"):
        compare_counted_reports(old, new)
    assert compare_counted_reports(old, new, force=True).changes


def test_report_without_counts_is_refused(tmp_path: Path, bench_report: BenchReport) -> None:
    counted = save_counted(tmp_path / "counted.json", bench_report, make_count(1_000))
    timed = save_counted(tmp_path / "timed.json", bench_report, None)
    with pytest.raises(UsageError, match=r"timed\.json: .* was measured without `instructions`"):
        compare_counted_reports(counted, timed)


def test_damaged_count_is_refused(tmp_path: Path, bench_report: BenchReport) -> None:
    path = save_counted(tmp_path / "old.json", bench_report, make_count(0))
    with pytest.raises(IntegrityError, match="damaged"):
        compare_counted_reports(path, path)


def test_options_of_latencies_are_refused_with_instructions(run_here: Callable[..., Any]) -> None:
    finished = run_here("compare", "nano", "nano", "--instructions", "--processes", "9")
    assert finished.code == 2
    assert "--processes is for latencies" in finished.err


def make_zone(root: Path, name: str, energy_uj: int, limit_uj: int = 1_000) -> Path:
    zone = root / POWERCAP / name
    zone.mkdir(parents=True, exist_ok=True)
    (zone / "name").write_text("package-0\n")
    (zone / "energy_uj").write_text(f"{energy_uj}\n")
    (zone / "max_energy_range_uj").write_text(f"{limit_uj}\n")
    return zone


def test_energy_is_the_sum_of_all_processors_also_when_a_counter_starts_again(tmp_path: Path) -> None:
    make_zone(tmp_path, "intel-rapl:0", 100)
    make_zone(tmp_path, "intel-rapl:1", 900)
    (make_zone(tmp_path, "intel-rapl:0:0", 1) / "name").write_text("core")
    counter = EnergyCounter(tmp_path)
    before = counter.read()
    make_zone(tmp_path, "intel-rapl:0", 150)
    make_zone(tmp_path, "intel-rapl:1", 40)
    assert counter.spent_uj(before, counter.read()) == 50 + 140


def test_reason_is_given_where_energy_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NoEnergyCounterError, match="no energy counter"):
        EnergyCounter(tmp_path)
    zone = make_zone(tmp_path, "intel-rapl:0", 1)
    (zone / "energy_uj").unlink()
    (zone / "energy_uj").mkdir()
    with pytest.raises(NoEnergyCounterError, match="cannot be read"):
        EnergyCounter(tmp_path)
