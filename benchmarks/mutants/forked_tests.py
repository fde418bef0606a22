"""Run tests in a forked process, with one module changed before anything imports it.

The parent imports what others wrote (NumPy, onnxruntime, pytest) once, and nothing of ours: a child starts in a tenth
of the time that Python takes, and every module of ours is fresh in it.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, Final

import pytest
from hypothesis import Phase, settings

REPOSITORY: Final = Path(__file__).resolve().parents[2]
OURS: Final = ("edge_mnist_", "tests", "conftest", "benchmarks", "examples", "__main__", "tensorflow", "keras")
"""What starts the names of modules that the parent must not have imported: ours, and those that start threads."""

MEMORY_BYTES: Final = 8 << 30
"""A change may ask for any amount."""

# A failure is all that is asked for: no search for a smaller example, and the same examples in every run.
settings.register_profile(
    "mutants", deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate)
)


class Watch:
    """A pytest plugin that says how long each test takes, and which functions of ours it calls."""

    def __init__(self, sources: Sequence[Path]) -> None:
        self._files = {str(path) for path in sources}
        self.seconds: dict[str, float] = {}
        self.functions: dict[str, set[str]] = defaultdict(set)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Run a test, its fixtures included."""
        called = self.functions[item.nodeid]

        def note(frame: FrameType, event: str, _argument: object) -> None:
            code = frame.f_code
            if event == "call" and code.co_filename in self._files:
                called.add(f"{code.co_filename}:{code.co_firstlineno}")

        begin = time.process_time()
        sys.setprofile(note)
        try:
            return (yield)
        finally:
            sys.setprofile(None)
            self.seconds[item.nodeid] = time.process_time() - begin

    def to_dict(self) -> dict[str, Any]:
        """What was seen, and what was imported meanwhile."""
        return {
            "seconds": self.seconds,
            "functions": {test: sorted(called) for test, called in self.functions.items()},
            "modules": [name for name in sys.modules if not name.startswith(OURS)],
        }


class Select:
    """A pytest plugin that runs some tests in a given order, and says which one fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: place for place, test in enumerate(tests)}
        self.failed: str | None = None

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out other tests."""
        items[:] = sorted(
            (item for item in items if item.nodeid in self._order), key=lambda item: self._order[item.nodeid]
        )

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember the first failure."""
        if report.failed and self.failed is None:
            self.failed = report.nodeid

    def to_dict(self) -> dict[str, Any]:
        """The first failure."""
        return {"failed": self.failed}


class _ChangedModule(importlib.abc.MetaPathFinder, SourceFileLoader):
    """Finds one module, and gives other code for it."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        super().__init__(name, str(path))
        self._code = code

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        if fullname != self.name:
            return None
        return importlib.util.spec_from_file_location(fullname, self.path, loader=self)

    def get_code(self, _fullname: str) -> CodeType:
        return self._code


def import_beforehand(modules: Sequence[str]) -> None:
    """Import what tests will need, so that every child has it."""
    for name in modules:
        with contextlib.suppress(ImportError):  # a name that a package puts into sys.modules, without a file
            importlib.import_module(name)


def module_name(path: Path) -> str:
    """The name under which a source file of ours is imported."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def run_tests(
    files: Sequence[Path],
    plugin: Watch | Select,
    scratch: Path,
    *,
    changed: tuple[Path, CodeType] | None = None,
    cpu_seconds: int = 600,
) -> tuple[int | None, dict[str, Any]]:
    """Run tests in a child of this process.

    Args:
        files: Test files.
        plugin: What is to be known of the run.
        scratch: A folder of ours, for what is printed and written.
        changed: A source file, and the code to take for it.
        cpu_seconds: After so much computing the child ends, as it does after ten times as long of waiting.

    Returns:
        pytest's exit code, None where the child did not live to give it; and what the plugin says.
    """
    said = scratch / "said.json"
    said.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        _in_child(lambda: _pytest(files, plugin, scratch, changed), plugin, said, cpu_seconds, scratch / "output.txt")
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started and left
    if not os.WIFEXITED(status) or not said.exists():
        return None, {}
    return os.WEXITSTATUS(status), json.loads(said.read_text("utf-8"))


def _in_child(run: Callable[[], int], plugin: Watch | Select, said: Path, cpu_seconds: int, output: Path) -> None:
    """Run tests within limits, and end."""
    code = 3
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        signal.alarm(10 * cpu_seconds)
        with output.open("wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        code = run()
        said.write_text(json.dumps(plugin.to_dict()), "utf-8")
    finally:
        os._exit(code)


def _pytest(files: Sequence[Path], plugin: Watch | Select, scratch: Path, changed: tuple[Path, CodeType] | None) -> int:
    if changed is not None:
        path, code = changed
        sys.meta_path.insert(0, _ChangedModule(module_name(path), path, code))
    options = ["-q", "-x", "-m", "not slow and not mnist", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["--hypothesis-profile=mutants", f"--basetemp={scratch / 'tmp'}"]
    # The parent has imported the plugins before pytest could look into their asserts.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, *map(str, files)], plugins=[plugin]))
