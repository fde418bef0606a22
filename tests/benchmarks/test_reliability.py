"""Run a hundredth of the reliability benchmark: threads, memory, damaged and hostile files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.reliability.__main__ import QUICK, make_checks

REPOSITORY = Path(__file__).resolve().parents[2]


def run_quick(*arguments: object) -> list[dict[str, Any]]:
    """Run the benchmark and return its reports."""
    command = [sys.executable, "-m", "benchmarks.reliability", "--quick", "--json", *map(str, arguments)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=300, check=False)
    assert done.stdout, done.stderr
    reports = json.loads(done.stdout)
    assert done.returncode == (not all(report["passed"] for report in reports)), done.stderr
    return reports


@pytest.fixture(scope="module")
def reports() -> dict[str, dict[str, Any]]:
    """The report of every check that needs no TFLite file, by name."""
    return dict(zip(make_checks(QUICK, None), run_quick(), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "min_count"),
    [
        ("shared onnx", 3200),  # 64 threads, 50 predictions each
        ("tensors onnx", 20_000),
        ("files", 500),
        ("pictures", 300),
        ("models onnx", 100),
        ("bombs", 15),
    ],
)
def test_check_passes(name: str, min_count: int, reports: dict[str, dict[str, Any]]) -> None:
    assert reports[name]["passed"], reports[name]
    assert reports[name]["count"] >= min_count


@pytest.mark.slow
def test_checks_pass_with_litert(reference_bundle: Path, tmp_path: Path) -> None:
    tflite = next(reference_bundle.glob("*_int8.tflite"))
    page = tmp_path / "reliability.md"
    names = ("shared tflite", "tensors tflite", "models tflite")
    reports = run_quick("--only", *names, "--tflite", tflite, "--page", page)
    assert len(reports) == 3
    assert all(report["passed"] for report in reports), reports
    assert all("litert" in report["what"] or "TFLite" in report["what"] for report in reports)
    assert page.read_text().count("| yes |") == 3


@pytest.mark.slow
def test_crash_and_hang_of_a_worker_are_counted() -> None:
    """Prove that the check can fail: a worker that crashes, hangs or raises is counted."""
    source = """
import os, signal, sys
from benchmarks.reliability import attempts, worker
def bad_attempts(model):
    def attempt(number):
        if number == 2: os.kill(os.getpid(), signal.SIGSEGV)
        while number == 4: pass
        return "unexpected: KeyError" if number == 5 else "classified"
    return attempt
attempts.ATTEMPTS["pictures"] = bad_attempts
worker.HANGS_AFTER_S = 1
worker.main()
"""
    check = f"""
import sys
from benchmarks.reliability import trials
popen = trials.subprocess.Popen
trials.subprocess.Popen = lambda command, **options: popen([sys.executable, "-c", {source!r}, *command[3:]], **options)
print(trials.check_damaged_files("x", "pictures", "", count=7))
"""
    done = subprocess.run(
        [sys.executable, "-c", check], cwd=REPOSITORY, capture_output=True, text=True, timeout=100, check=False
    )
    assert "1 SIGSEGV, 1 hangs; 4 classified, 1 unexpected" in done.stdout, done.stdout + done.stderr
    assert "passed=False" in done.stdout
    assert [line.split(":")[0].strip() for line in done.stderr.splitlines()] == ["item 2", "item 4", "item 5"]
