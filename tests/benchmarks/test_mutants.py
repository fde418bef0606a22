"""The changes that `make mutants` makes, and that it tells those that tests notice from those that none does."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.mutants.__main__ import JUDGED, RULES
from benchmarks.mutants.mutations import find_mutations, find_readers

REPOSITORY = Path(__file__).resolve().parents[2]

RULE = '''
"""Text."""
from __future__ import annotations
import numpy as np

LIMIT: Final = 0.5
"""More text."""


def judge(values: list[float], least: int = 3) -> bool:
    """Even more text."""
    if not values or len(values) < least:
        raise ValueError("3 < 4")
    return min(values) - 1 > LIMIT
'''


def test_each_kind_of_change_is_made_once() -> None:
    changes = [mutation.name for mutation in find_mutations(RULE)]
    assert changes == [
        "module: LIMIT: Final = 0.5 -> LIMIT: Final = 0.75",
        "judge: 3 -> 4",
        "judge: if not values or len(values) < least -> not (not values or len(values) < least)",
        "judge: not values or len(values) < least -> not values and len(values) < least",
        "judge: not values or len(values) < least -> values or len(values) < least",
        "judge: len(values) < least -> len(values) >= least",
        "judge: return min(values) - 1 > LIMIT -> return None",
        "judge: min(values) - 1 > LIMIT -> min(values) - 1 <= LIMIT",
        "judge: min(values) - 1 -> min(values) + 1",
        "judge: min(values) -> max(values)",
        "judge: min(values) - 1 -> min(values) - 2",
    ]


def test_limit_is_moved_by_one_beside_a_whole_number() -> None:
    changes = [mutation.name for mutation in find_mutations("is_row = len(digits) > 1\n")]
    assert changes == [
        "module: len(digits) > 1 -> len(digits) <= 1",
        "module: len(digits) > 1 -> len(digits) >= 1",
        "module: len(digits) > 1 -> len(digits) > 2",
    ]


def test_change_is_made_in_the_code_and_in_no_other() -> None:
    mutations = {mutation.name: mutation for mutation in find_mutations("def add(a, b):\n    return a + b * 2\n")}
    results = {}
    for name, mutation in mutations.items():
        namespace: dict[str, object] = {}
        exec(mutation.compile("rule.py"), namespace)
        results[name] = namespace["add"](3, 4)  # type: ignore[operator]
    assert results == {
        "add: return a + b * 2 -> return None": None,
        "add: a + b * 2 -> a - b * 2": -5,
        "add: b * 2 -> b / 2": 5,
        "add: b * 2 -> b * 3": 15,
    }


def test_line_of_a_function_is_that_of_its_decorator() -> None:
    source = "LEVEL = 1\n\n\nclass Rule:\n    @property\n    def level(self):\n        return LEVEL + 1\n"
    assert {(one.line, one.function_line) for one in find_mutations(source)} == {(1, None), (7, 5)}


def test_readers_of_a_value_are_found_through_constants_and_defaults() -> None:
    source = (
        "ROOM: Final = 2 * RULES.room\n\n\ndef widen(side):\n    return side + ROOM\n\n\n"
        "class Page:\n    def find(self, room=RULES.least):\n        return room\n"
    )
    readers = find_readers(source)
    assert (readers["room"], readers["least"]) == ({4, 9}, {9})


def test_digest_changes_with_the_code_of_the_function_and_not_with_its_text() -> None:
    def digests(source: str) -> dict[str, str]:
        return {mutation.name.partition(":")[0]: mutation.digest for mutation in find_mutations(source)}

    before = digests(RULE)
    assert digests(RULE.replace("Even more text.", "Other text.").replace("LIMIT:", "LIMIT :")) == before
    after = digests(RULE.replace("0.5", "0.6"))
    assert (after["judge"], after["module"] == before["module"]) == (before["judge"], False)


def test_every_judged_survivor_is_a_change_that_is_made() -> None:
    made = set()
    for scope in RULES:
        path = REPOSITORY / scope
        for file in [path] if path.is_file() else path.rglob("*.py"):
            made |= {f"{file.name}: {mutation.name}" for mutation in find_mutations(file.read_text("utf-8"))}
    judged = {line for line in JUDGED.read_text("utf-8").splitlines() if line and not line.startswith("#")}
    assert judged - made == set()


@pytest.mark.nightly
def test_run_tells_noticed_changes_from_others_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for name in ("runtime", "trainer", "exporter", "benchmarks", "tests", "pyproject.toml"):
        source = REPOSITORY / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, tmp_path / name)
    tests = tmp_path / "tests" / "exporter" / "evaluate" / "test_gate_judgement.py"
    gates = "exporter/edge_mnist_exporter/evaluate/gates.py"
    folders = [str(tmp_path / name) for name in ("runtime", "trainer", "exporter")]

    def run() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "benchmarks.mutants", gates]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    tests.write_text(tests.read_text("utf-8").replace("def test_", "def not_a_test_"), "utf-8")
    without = run()
    assert without.returncode == 1, without.stderr
    tests.write_text(tests.read_text("utf-8").replace("def not_a_test_", "def test_"), "utf-8")
    first, second = run(), run()
    assert (first.returncode, second.returncode) == (0, 0), first.stdout + first.stderr
    assert ", 0 of them tried now" in second.stdout
    (record,) = (tmp_path / "build" / "mutants").glob("*gates.py.json")
    outcomes = json.loads(record.read_text("utf-8")).values()
    assert {one["outcome"] for one in outcomes} == {"killed", "survived"}
    assert any(one.get("by", "").startswith("tests/exporter/evaluate/test_gate_judgement.py::") for one in outcomes)
