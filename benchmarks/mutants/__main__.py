"""Change the rules one by one and count the changes that a test notices.

    make mutants                            (python -m benchmarks.mutants)
    make mutants ONLY=runtime/edge_mnist_runtime/rows
    make mutants ONLY=exporter/edge_mnist_exporter/evaluate/gates.py

Results go into build/mutants as they come; a second run goes on where the first one stopped. When a test file has
changed, the changes that no test noticed are tried with that file; when a function has, all of its changes are tried.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import math
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.mutants.forked_tests import (
    REPOSITORY,
    Attempt,
    find_failure,
    import_beforehand,
    try_in_place,
    watch_tests,
)
from benchmarks.mutants.mutations import Mutation, find_mutations, find_readers

RESULTS: Final = REPOSITORY / "build" / "mutants"
JUDGED: Final = Path(__file__).with_name("judged.txt")
"""Survivors that somebody has looked at: lines `module: change` below lines `# why no test notices it`."""

AT_LEAST: Final = 0.85
"""Part of each scope's changes that tests must notice."""

RULES: Final = {
    "runtime/edge_mnist_runtime/acceptance.py": ("tests/runtime/test_acceptance.py",),
    "runtime/edge_mnist_runtime/reading": ("tests/runtime/reading", "tests/runtime/rows"),
    "runtime/edge_mnist_runtime/rows": ("tests/runtime/rows",),
    "exporter/edge_mnist_exporter/evaluate": ("tests/exporter/evaluate",),
}
"""What is changed, and the tests that must notice; those that start TensorFlow or read MNIST are left out."""

TEST_SECONDS: Final = 2.5
"""Computing time, measured without a change, of the tests that are run for one: the most special and the broadest."""

VALUE_TEST_SECONDS: Final = 10.0
"""The same for a change of a value outside of functions, because several functions read it."""

LEFT_OUT: Final = (
    "test_preprocessing_fuzz.py",  # takes longer than all others, and asks for no certain answer...
    "::test_any_array_becomes_a_tensor_or_is_refused",  # ...as this one
    "::test_reading_has_a_version_apart_from_the_models",  # notices every parameter by its hash, whatever it does
)

Outcomes = dict[str, dict[str, Any]]
"""By change: its line, `killed` or `survived`, by which test, and the digests of the test files that it survived."""


class Tests(NamedTuple):
    """The tests of a scope, as they went without any change."""

    digests: dict[str, str]
    """By test file."""
    seconds: dict[str, float]
    """Computing time, by test."""
    functions: dict[str, set[str]]
    """What each calls of all rules, as `file:first line`."""
    readers: dict[str, set[str]]
    """By name, the functions that read a value of that name."""


def main() -> None:
    """Run what was asked for, and print what survived."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("only", nargs="*", help="a file or folder of the rules; all of them if none is named")
    only = [(REPOSITORY / name).resolve() for name in parser.parse_args().only]
    enough = True
    RESULTS.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=RESULTS) as folder:
        for scope, files in RULES.items():
            sources = [path for path in _sources(REPOSITORY / scope) if not only or _is_within(path, only)]
            if sources:
                tests = _run_unchanged(scope, files, Path(folder))
                outcomes = {path: _try_all(path, tests, Path(folder)) for path in sources}
                enough &= _report(scope, outcomes)
    sys.exit(0 if enough else 1)


def _sources(scope: Path) -> list[Path]:
    return [scope] if scope.is_file() else sorted(scope.rglob("*.py"))


def _is_within(path: Path, only: Sequence[Path]) -> bool:
    return any(path == one or one in path.parents for one in only)


def _run_unchanged(scope: str, files: Sequence[str], scratch: Path) -> Tests:
    """Run a scope's tests as they are, which must pass."""
    found = [file for name in files for file in _test_files(REPOSITORY / name)]
    sources = [path for one in RULES for path in _sources(REPOSITORY / one)]
    seen = watch_tests(found, sources, LEFT_OUT, scratch)
    if isinstance(seen, str):
        sys.exit(f"{scope}: its tests fail without any change\n{seen}")
    import_beforehand(seen["modules"])
    gc.freeze()  # what no child's garbage collection touches stays shared memory
    digests = {_shown(file): _digest(file) for file in found}
    readers = defaultdict(set)
    for path in sources:
        for name, lines in find_readers(path.read_text("utf-8")).items():
            readers[name] |= {f"{path}:{line}" for line in lines}
    functions = {test: set(called) for test, called in seen["functions"].items() if called}
    return Tests(digests, seen["seconds"], functions, readers)


def _test_files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.glob("test_*.py"))
    return [file for file in found if file.name not in LEFT_OUT]


def _try_all(path: Path, tests: Tests, scratch: Path) -> Outcomes:
    """Try every change of a module whose outcome is not known yet."""
    record, source = RESULTS / f"{_shown(path).replace('/', '.')}.json", path.read_text("utf-8")
    mutations, begin = find_mutations(source), time.monotonic()
    done = _read_outcomes(record, mutations)
    attempts = [_plan(path, mutation, tests, done) for mutation in mutations]

    def say(attempt: Attempt, failed: str | None) -> None:
        outcome = {"outcome": "killed", "by": failed} if failed else {"outcome": "survived", "survived": tests.digests}
        mutation = attempt.mutation
        done[mutation.name] = {"line": mutation.line, "code": mutation.digest, **outcome}
        whole = record.with_suffix(".part")
        whole.write_text(json.dumps(done, indent=1), "utf-8")
        whole.replace(record)

    failures: Counter[str | None] = Counter()
    open_ones = [attempt for attempt in attempts if attempt is not None]
    for attempt in open_ones:
        if not attempt.tests:
            say(attempt, None)
        elif attempt.mutation.function_line is None:
            attempt.tests.sort(key=lambda test: -failures[test])  # those first that failed most often
            failed = find_failure(attempt, scratch)
            failures[failed] += 1
            say(attempt, failed)
    if within := [one for one in open_ones if one.tests and one.mutation.function_line is not None]:
        if error := try_in_place(within, scratch, say):
            sys.exit(f"{_shown(path)}: {error}\n{(scratch / 'output.txt').read_text('utf-8', 'replace')}")
        done = _read_outcomes(record, mutations)  # what a child has said there
    took = time.monotonic() - begin
    print(f"{_shown(path)}: {len(mutations)} changes, {len(open_ones)} of them tried now in {took:.0f} s", flush=True)
    return done


def _read_outcomes(record: Path, mutations: Sequence[Mutation]) -> Outcomes:
    """What is known of the changes of a module as it is."""
    known: Outcomes = json.loads(record.read_text("utf-8")) if record.exists() else {}
    return {
        mutation.name: {**outcome, "line": mutation.line}
        for mutation in mutations
        if (outcome := known.get(mutation.name)) and outcome["code"] == mutation.digest
    }


def _plan(path: Path, mutation: Mutation, tests: Tests, done: Outcomes) -> Attempt | None:
    """The tests to try on a change: those that call what it touches and did not run on it; None if it is done."""
    before = done.get(mutation.name, {"outcome": "new", "survived": {}})
    if before["outcome"] == "killed" or before["survived"] == tests.digests:
        return None
    touched = {f"{path}:{mutation.function_line}"} if mutation.function_line else tests.readers[mutation.named or ""]
    chosen = [test for test, called in tests.functions.items() if not touched or called & touched]
    chosen = [test for test in chosen if before["survived"].get(_file_of(test)) != tests.digests[_file_of(test)]]
    # A test that calls few functions is about this one. One that calls many shows what nobody thought of.
    chosen.sort(key=lambda test: (len(tests.functions[test]), tests.seconds[test]))
    limit = TEST_SECONDS if mutation.function_line else VALUE_TEST_SECONDS
    special = _shortened(chosen, tests, limit / 2)
    chosen = special + _shortened(chosen[: len(special) - 1 : -1], tests, limit / 2)
    seconds = sum(tests.seconds[test] for test in chosen)
    return Attempt(path, mutation, chosen, cpu_seconds=4 + math.ceil(2 * seconds))


def _shortened(names: list[str], tests: Tests, limit: float) -> list[str]:
    """The first tests of several, as many as take `limit` seconds, and one at least."""
    seconds = accumulate(tests.seconds[test] for test in names)
    return names[: max(1, sum(so_far <= limit for so_far in seconds))]


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]


def _report(scope: str, outcomes: dict[Path, Outcomes]) -> bool:
    """Print the survivors that nobody has judged yet, and the figure; whether that is enough."""
    judged = {line for line in JUDGED.read_text("utf-8").splitlines() if line and not line.startswith("#")}
    n_killed = n_all = n_judged = 0
    for path, module in outcomes.items():
        for change, outcome in sorted(module.items(), key=lambda item: item[1]["line"]):
            n_all += 1
            if outcome["outcome"] == "killed":
                n_killed += 1
            elif f"{path.name}: {change}" in judged:
                n_judged += 1
            else:
                print(f"{_shown(path)}:{outcome['line']}: {change}")
    part = n_killed / max(1, n_all)
    print(f"{scope}: {n_killed} of {n_all} changes noticed, {part:.1%}; {n_judged} survivors are judged", flush=True)
    return part >= AT_LEAST


def _shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
