"""The trial of `compare`: slowed calls, a run that goes on, tables."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.gate_trial import Trial, make_page, make_session_table, make_table, read_trials, run_missing, slow_down


def make_trial(slowdown: float, verdict: str) -> Trial:
    return Trial("robust", "idle", slowdown, verdict, 1 + slowdown, (1.0, 1.1), 8, 7.0, 0.1, "A, 2 cores")


def test_table_counts_the_exit_codes_of_each_group() -> None:
    trials = [make_trial(0.0, "same")] * 3 + [make_trial(0.0, "regression"), make_trial(0.05, "not decided")]
    _, _, same, slower = make_table(trials)
    assert "| 0% | 4 | 25.0% | at most 1 % | 0.0% |" in same
    assert "| 5% | 1 | 0.0% | at least 90 % | 100.0% |" in slower


def test_reports_of_one_model_are_compared_in_pairs() -> None:
    sessions = [
        {"model": "robust", "condition": "idle", "time": 600.0 * index, "ratios": [1.0, 1.001, 0.999, 1.0, 1.0]}
        for index in range(3)
    ]
    _, _, same, _, slower, *tighter = make_session_table(sessions)
    assert "| 3 | 20 | 5% | 0% | 3 | 0.0% | 0.0% |" in same
    assert "| 2% | 5% | 3 | 100.0% | 0.0% |" in tighter[1]
    assert "| 10% | 3 | 100.0% | 0.0% |" in slower
    assert "Two reports" in make_page(["a"], ["b"])


def test_trial_goes_on_where_it_stopped(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text("".join(json.dumps(asdict(make_trial(slowdown, "same"))) + "\n" for slowdown in (0, 0.05, 0.1)))
    run_missing("robust", "idle", {0.0: 1, 0.05: 1, 0.1: 1}, results)  # nothing is missing
    assert len(read_trials(results)) == 3


def test_slowed_call_waits_for_the_fraction_of_its_time() -> None:
    called = []

    def call(_argument: object) -> None:
        called.append(time.perf_counter_ns())

    slow_down(call, 0.5)(None)
    assert len(called) == 1
