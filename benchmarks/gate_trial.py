"""Try how often `edge-mnist compare` is right: models compared with themselves, and with slowed copies.

    python -m benchmarks.gate_trial --condition idle                 # nothing else may run
    python -m benchmarks.gate_trial --condition loaded --load 1      # with one process that computes beside it
    python -m benchmarks.gate_trial --write-page                     # docs/results/gate-trial.md from all results

Results are appended to build/gate_trial/results.jsonl. A second run goes on where the first one stopped. A slowed model
waits after each call for a fraction of the call's own time, so its true growth is known.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
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
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bench.side_by_side import SideBySideConfig, measure_until_decided
from edge_mnist_runtime.machine.environment import describe_environment

REPOSITORY = Path(__file__).resolve().parents[1]
RESULTS = Path("build/gate_trial/results.jsonl")
PAGE = REPOSITORY / "docs" / "results" / "gate-trial.md"

SLOWDOWNS = (0.0, 0.05, 0.1)
TARGETS = {0.0: "at most 1 %", 0.05: "at least 90 %", 0.1: "at least 99 %"}
"""What fraction of the comparisons may, or must, end with exit code 7."""

PAGE_TEXT = """# How often compare is right

Written by `python -m benchmarks.gate_trial --write-page`.

These are comparisons by `edge-mnist compare` with default settings: limit 2 %, 8 to 32 processes. Slower by 0 % means
that a model is compared with itself. Otherwise both wait after each call: one for 20 % of the call's own time, its
slowed copy for so much longer that it takes 5 or 10 % more in all. `idle`: nothing else ran. `loaded`: a process
computed on the other core. `shared`: other people's programs ran, more than there are cores, as the load shows.

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
    parser.add_argument("--comparisons", type=int, default=200, help="number with each slowdown")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--write-page", action="store_true", help="only write the page from the results")
    options = parser.parse_args()
    if not options.write_page:
        with loaded(options.load):
            run_missing(options.model, options.condition, options.comparisons, options.results)
    table = make_table(read_trials(options.results))
    if options.write_page:
        PAGE.write_text(make_page(table), "utf-8")
    print("\n".join(table))


def run_missing(model: str, condition: str, comparisons: int, results: Path) -> None:
    """Run comparisons until there are enough with each slowdown, the rarest first."""
    results.parent.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(SLOWDOWNS, 0)
    for trial in read_trials(results):
        if (trial.model, trial.condition) == (model, condition) and trial.slowdown in counts:
            counts[trial.slowdown] += 1
    while min(counts.values()) < comparisons:
        slowdown = min(counts, key=lambda key: counts[key])
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
    if not results.exists():
        return []
    names = [field.name for field in fields(Trial)]
    records = [json.loads(line) for line in results.read_text("utf-8").splitlines() if line]
    return [Trial(**{name: record[name] for name in names}) for record in records]


def make_table(trials: Sequence[Trial]) -> list[str]:
    """The rows of the table, one for each model, condition and slowdown."""
    groups: dict[tuple[str, str, float], list[Trial]] = {}
    for trial in trials:
        groups.setdefault((trial.model, trial.condition, trial.slowdown), []).append(trial)
    rows = [
        "| model | machine | slower by | comparisons | exit 7 | target | exit 9 | change | seconds, median and most "
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


def make_page(table: Sequence[str]) -> str:
    """The page of the documentation."""
    return PAGE_TEXT + "\n".join(table) + "\n"


if __name__ == "__main__":
    main()
