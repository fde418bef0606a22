"""Change the rules one by one and count the changes that a test notices.

    make mutants                            (python -m benchmarks.mutants)
    make mutants ONLY=runtime/edge_mnist_runtime/rows
    make mutants ONLY=exporter/edge_mnist_exporter/evaluate/gates.py

Results go into build/mutants as they come; a second run goes on where the first one stopped. A change that no test
noticed is tried again when a test file has changed, and every change of a module when the module has.
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
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.mutants.forked_tests import REPOSITORY, Select, Watch, import_beforehand, run_tests
from benchmarks.mutants.mutations import Mutation, find_mutations

RESULTS: Final = REPOSITORY / "build" / "mutants"
JUDGED: Final = Path(__file__).with_name("judged.txt")
"""Survivors that somebody has looked at: lines `module: change` below lines `# why no test notices it`."""

AT_LEAST: Final = 0.85
"""Part of each scope's changes that tests must notice."""

RULES: Final = {
    "runtime/edge_mnist_runtime/acceptance.py": ("tests/runtime/test_acceptance.py",),
    "runtime/edge_mnist_runtime/reading": ("tests/runtime/reading",),
    "runtime/edge_mnist_runtime/rows": ("tests/runtime/rows",),
    "exporter/edge_mnist_exporter/evaluate": ("tests/exporter/evaluate",),
}
"""What is changed, and the tests that must notice; those that start TensorFlow or read MNIST are left out."""

LEFT_OUT: Final = (
    "test_preprocessing_fuzz.py",  # takes longer than all others, and asks for no certain answer
    "::test_reading_has_a_version_apart_from_the_models",  # notices every parameter by its hash, whatever it does
)

Outcomes = dict[str, dict[str, Any]]
"""By change: its line, whether it was `killed` or `survived`, and by which test."""


class Tests(NamedTuple):
    """The tests of a scope, as they went without any change."""

    sha256: str
    """Of their files."""
    seconds: dict[str, float]
    """Computing time, by test."""
    functions: dict[str, set[str]]
    """What each calls, as `file:first line`."""


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
    watch = Watch(_sources(REPOSITORY / scope))
    code, seen = run_tests(found, watch, scratch)
    if code != 0:
        print((scratch / "output.txt").read_text("utf-8", "replace"))
        sys.exit(f"{scope}: its tests fail without any change")
    import_beforehand(seen["modules"])
    gc.freeze()  # what no child's garbage collection touches stays shared memory
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in found)).hexdigest()
    seconds = {test: took for test, took in seen["seconds"].items() if not test.endswith(LEFT_OUT)}
    return Tests(digest, seconds, {test: set(called) for test, called in seen["functions"].items()})


def _test_files(path: Path) -> list[Path]:
    found = [path] if path.is_file() else sorted(path.glob("test_*.py"))
    return [file for file in found if file.name not in LEFT_OUT]


def _try_all(path: Path, tests: Tests, scratch: Path) -> Outcomes:
    """Try every change of a module whose outcome is not known yet."""
    source = path.read_text("utf-8")
    record = RESULTS / f"{_shown(path).replace('/', '.')}.json"
    state = {"source": hashlib.sha256(source.encode()).hexdigest(), "tests": tests.sha256}
    known = json.loads(record.read_text("utf-8")) if record.exists() else {}
    done: Outcomes = known.get("outcomes", {}) if known.get("source") == state["source"] else {}
    if known.get("tests") != state["tests"]:
        done = {change: outcome for change, outcome in done.items() if outcome["outcome"] == "killed"}
    mutations, begin = find_mutations(source), time.monotonic()
    left = [mutation for mutation in mutations if mutation.name not in done]
    for mutation in left:
        done[mutation.name] = _try(path, mutation, tests, scratch)
        whole = record.with_suffix(".part")
        whole.write_text(json.dumps({**state, "outcomes": done}, indent=1), "utf-8")
        whole.replace(record)
    took = time.monotonic() - begin
    print(f"{_shown(path)}: {len(mutations)} changes, {len(left)} of them tried now in {took:.0f} s", flush=True)
    return done


def _try(path: Path, mutation: Mutation, tests: Tests, scratch: Path) -> dict[str, Any]:
    """Run the tests that call the changed function, the shortest first, until one fails."""
    called = None if mutation.function_line is None else f"{path}:{mutation.function_line}"
    chosen = [test for test in tests.seconds if called is None or called in tests.functions[test]]
    chosen.sort(key=tests.seconds.__getitem__)
    if not chosen:
        return {"line": mutation.line, "outcome": "survived", "by": "no test calls it"}
    files = list(dict.fromkeys(REPOSITORY / test.partition("::")[0] for test in chosen))
    limit = 20 + math.ceil(3 * sum(tests.seconds[test] for test in chosen))
    changed = (path, mutation.compile(str(path)))
    code, said = run_tests(files, Select(chosen), scratch, changed=changed, cpu_seconds=limit)
    if code == 0:
        return {"line": mutation.line, "outcome": "survived", "by": None}
    by = "the limit of time or memory" if code is None else said["failed"] or "the import"
    return {"line": mutation.line, "outcome": "killed", "by": by}


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
                print(f"{_shown(path)}:{outcome['line']}: {change}" + (f"  ({outcome['by']})" if outcome["by"] else ""))
    part = n_killed / max(1, n_all)
    print(f"{scope}: {n_killed} of {n_all} changes noticed, {part:.1%}; {n_judged} survivors are judged", flush=True)
    return part >= AT_LEAST


def _shown(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


if __name__ == "__main__":
    main()
