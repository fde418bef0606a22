"""Try how often `edge-mnist compare` is right: models compared with themselves, and with slowed copies.

    python -m benchmarks.gate_trial --condition idle                 # nothing else may run
    python -m benchmarks.gate_trial --condition loaded --load 1      # with one process that computes beside it
    python -m benchmarks.gate_trial --sessions 12 --pause 600        # measure the runs of a report, 12 times
    python -m benchmarks.gate_trial --write-page                     # docs/results/gate-trial.md from all results

Results are appended to files in build/gate_trial. A second run goes on where the first one stopped. A slowed model
waits after each call for a fraction of the call's own time, so its true growth is known.
"""

from __future__ import annotations

import argparse
import itertools
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from edge_mnist_runtime.bench.fresh_process import run_fresh
from edge_mnist_runtime.bench.paired_calls import (
    PAIRS_PROGRAM,
    PairedCalls,
    PairedSubjects,
    decode_pairs,
    encode_pairs,
    encode_subjects,
    measure_pairs,
    open_subjects,
    pad_environment,
    read_images,
)
from edge_mnist_runtime.bench.run_interval import interval_between_runs
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bench.side_by_side import SideBySideConfig, measure_until_decided
from edge_mnist_runtime.bench.subjects import load_subject
from edge_mnist_runtime.bench.yardstick import measure_runs
from edge_mnist_runtime.machine.environment import describe_environment

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path("build/gate_trial/results.jsonl")
SESSIONS = "sessions.jsonl"
"""Beside the results: the ratios to the yardstick of repeated reports of one model."""

REPORT_RUNS = 5
REPORT_LIMITS = (1.05, 1.02)
"""Runs of each report, and limits of two reports: the default first."""

PAGE = REPOSITORY / "docs" / "results" / "gate-trial.md"

SLOWDOWNS = (0.0, 0.05, 0.1)
TARGETS = {0.0: "at most 1 %", 0.05: "at least 90 %", 0.1: "at least 99 %"}
"""What fraction of the comparisons may, or must, end with exit code 7."""

PAGE_TEXT = """# How often compare is right

Written by `python -m benchmarks.gate_trial --write-page`.

`idle`: nothing else ran. `loaded`: a process computed on the other core, and for most of the time other programs ran
as well, as the load shows. `shared`: other programs ran, more than there are cores.

## Two models side by side

These are comparisons by `edge-mnist compare` with default settings: limit 2 %, 8 to 32 processes. Slower by 0 % means
that a model is compared with itself. Otherwise both wait after each call: one for 20 % of the call's own time, its
slowed copy for so much longer that it takes 5 or 10 % more in all.
"""

SESSIONS_TEXT = """
## Two reports

Reports of `bench --runs 5` of one model were measured one after the other; every pair was compared, with the
default limit of 5 % and with 2 %. For a slower model the ratios of the later report were multiplied. A growth by
the limit itself stays undecided.
"""

WAIT_OF_BOTH = 0.2
"""The original waits for this fraction of its own time, too, so that what waiting itself costs is in both."""

SLOWED_PROGRAM = """
import sys
sys.path[0:1] = sys.argv[1:3]
from benchmarks.gate_trial import print_slowed_pairs
print_slowed_pairs(*sys.argv[3:])
"""


@dataclass(frozen=True)
class Trial:
    """The result of one comparison."""

    model: str
    condition: str
    slowdown: float
    """True growth of the latency: 0.05 for 5 %."""
    verdict: str
    ratio: float
    interval: tuple[float, float]
    processes: int
    seconds: float
    """Time of the whole comparison."""
    load: float
    """Load average of the last minute."""
    cpu: str


def main() -> None:
    """Run the missing comparisons, or write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--condition", default="idle", help="name of the machine's state in the table")
    parser.add_argument("--load", type=int, default=0, help="number of processes that compute beside the comparison")
    parser.add_argument("--comparisons", type=int, default=200, help="number of a model with itself")
    parser.add_argument("--slowed", type=int, default=100, help="number with each slowed copy")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--sessions", type=int, default=0, help="number of reports to measure")
    parser.add_argument("--pause", type=float, default=600.0, help="seconds between two reports")
    parser.add_argument("--write-page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    sessions = options.results.with_name(SESSIONS)
    if options.sessions:
        measure_sessions(options.model, options.condition, options.sessions, options.pause, sessions)
    elif not options.write_page:
        with loaded(options.load):
            wanted = {slowdown: options.slowed if slowdown else options.comparisons for slowdown in SLOWDOWNS}
            run_missing(options.model, options.condition, wanted, options.results)
    page = make_page(make_table(read_trials(options.results)), make_session_table(read_lines(sessions)))
    if options.write_page:
        PAGE.write_text(page, "utf-8")
    print(page)


def run_missing(model: str, condition: str, wanted: Mapping[float, int], results: Path) -> None:
    """Run comparisons until there are enough with each slowdown, in proportion to how many are wanted."""
    results.parent.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(wanted, 0)
    for trial in read_trials(results):
        if (trial.model, trial.condition) == (model, condition) and trial.slowdown in counts:
            counts[trial.slowdown] += 1
    while any(counts[slowdown] < wanted[slowdown] for slowdown in wanted):
        slowdown = min(wanted, key=lambda key: counts[key] / wanted[key])
        trial = run_trial(model, condition, slowdown)
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(trial)) + "\n")
        counts[slowdown] += 1
        print(f"{slowdown:.0%} {trial.verdict} {trial.ratio - 1:+.2%} {trial.seconds:.0f} s", file=sys.stderr)


def run_trial(model: str, condition: str, slowdown: float) -> Trial:
    """Compare a model with itself or with a slowed copy, as `edge-mnist compare` does by default."""
    config = SideBySideConfig()
    images = load_samples().images.tobytes()
    environment = describe_environment()

    def measure(index: int) -> PairedCalls:
        subjects = encode_subjects(PairedSubjects((model, model), 1, config.seconds, reverse=index % 2 == 1))
        slowed = (SLOWED_PROGRAM, str(REPOSITORY), subjects, str(slowdown))
        command = slowed if slowdown else (PAIRS_PROGRAM, subjects)
        (paired,), _ = decode_pairs(run_fresh(*command, data=images, environment=pad_environment()))
        return paired

    started = time.perf_counter()
    change = measure_until_decided((model, model), config, measure)
    return Trial(
        model=model,
        condition=condition,
        slowdown=slowdown,
        verdict=change.verdict,
        ratio=change.ratio,
        interval=change.interval or (0.0, 0.0),
        processes=len(change.processes),
        seconds=round(time.perf_counter() - started, 2),
        load=round(environment["load_average_1min"] or 0.0, 2),
        cpu=f"{environment['cpu']}, {environment['usable_cores']} cores",
    )


def print_slowed_pairs(settings: str, slowdown: str) -> None:
    """Measure a model against its slowed copy, in this process, and print JSON."""
    subjects = PairedSubjects(**json.loads(settings))
    images = read_images()
    (base, other), hashes = open_subjects(subjects)
    whole = (1 + WAIT_OF_BOTH) * (1 + float(slowdown))
    pair = measure_pairs(*(slow_down(base, WAIT_OF_BOTH), slow_down(other, whole - 1)), images, subjects.seconds)
    print(encode_pairs([pair], hashes))


def slow_down(call: Callable[[Any], object], fraction: float) -> Callable[[Any], None]:
    """A call that waits afterwards for this fraction of its own time."""
    clock = time.perf_counter_ns

    def slowed(argument: Any) -> None:
        started = clock()
        call(argument)
        taken = clock() - started
        end = clock() + taken * fraction
        while clock() < end:
            pass

    return slowed


@contextmanager
def loaded(n_processes: int) -> Iterator[None]:
    """Run processes that compute without a pause."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=compute_forever, daemon=True) for _ in range(n_processes)]
    for process in processes:
        process.start()
    try:
        yield
    finally:
        for process in processes:
            process.terminate()


def compute_forever() -> None:
    """Use one core and its caches."""
    import numpy as np

    values = np.random.default_rng(0).random((256, 256))
    while os.getppid() != 1:
        values = np.tanh(values @ values)


def read_trials(results: Path) -> list[Trial]:
    """Read all results so far."""
    names = [field.name for field in fields(Trial)]
    return [Trial(**{name: record[name] for name in names}) for record in read_lines(results)]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a file with one JSON record a line; none if it does not exist."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line] if path.exists() else []


def measure_sessions(model: str, condition: str, sessions: int, pause_s: float, path: Path) -> None:
    """Measure the runs of a report several times, with pauses."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digits = load_samples()
    subject = load_subject(Path(model), digits.images[0, ..., 0], threads=1)
    for index in range(sessions):
        if index:
            time.sleep(pause_s)
        (runs,) = measure_runs([subject], digits.images, REPORT_RUNS)
        load = describe_environment()["load_average_1min"]
        record = {"model": model, "condition": condition, "time": time.time(), "load": load}
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**record, "ratios": [run.ratio for run in runs]}) + "\n")


def make_session_table(sessions: Sequence[dict[str, Any]]) -> list[str]:
    """The rows of the table of reports: every pair of reports of one model and condition is compared."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for session in sessions:
        groups.setdefault((session["model"], session["condition"]), []).append(session)
    rows = [
        "| model | machine | reports | minutes between first and last | limit | slower by | pairs | exit 7 | exit 9 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for (model, condition), group in sorted(groups.items()):
        minutes = (max(item["time"] for item in group) - min(item["time"] for item in group)) / 60
        pairs = list(itertools.combinations(group, 2))
        for limit, slowdown in itertools.product(REPORT_LIMITS, SLOWDOWNS):
            bounds = [
                interval_between_runs(old["ratios"], [ratio * (1 + slowdown) for ratio in new["ratios"]])[1:]
                for old, new in pairs
            ]
            regressions = sum(low > limit for low, _ in bounds)
            undecided = sum(low <= limit < high for low, high in bounds)
            rows.append(
                f"| `{model}` | {condition} | {len(group)} | {minutes:.0f} | {limit - 1:.0%} | {slowdown:.0%} "
                f"| {len(pairs)} | {regressions / max(1, len(pairs)):.1%} | {undecided / max(1, len(pairs)):.1%} |"
            )
    return rows


def make_table(trials: Sequence[Trial]) -> list[str]:
    """The rows of the table, one for each model, condition and slowdown."""
    groups: dict[tuple[str, str, float], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.model, trial.condition, trial.slowdown), []).append(trial)
    rows = [
        "| model | machine | slower by | comparisons | exit 7 | target | exit 9 | change | seconds, median and maximum "
        "| load, median |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for (model, condition, slowdown), group in sorted(groups.items()):
        regressions = sum(trial.verdict == "regression" for trial in group) / len(group)
        undecided = sum(trial.verdict == "not decided" for trial in group) / len(group)
        ratios = [trial.ratio - 1 for trial in group]
        seconds = [trial.seconds for trial in group]
        rows.append(
            f"| `{model}` | {condition} | {slowdown:.0%} | {len(group)} | {regressions:.1%} | {TARGETS[slowdown]} "
            f"| {undecided:.1%} | {min(ratios):+.1%} to {max(ratios):+.1%} "
            f"| {statistics.median(seconds):.0f}, {max(seconds):.0f} "
            f"| {statistics.median(trial.load for trial in group):.1f} |"
        )
    return rows


def make_page(table: Sequence[str], session_table: Sequence[str]) -> str:
    """The page of the documentation."""
    return "\n".join([PAGE_TEXT, *table, SESSIONS_TEXT, *session_table, ""])


if __name__ == "__main__":
    main()
