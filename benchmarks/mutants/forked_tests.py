"""Run tests of a changed module, each change in a forked process.

Starting Python and collecting tests takes longer than most tests. So pytest collects once, and a child of that process
replaces the code of the changed function and runs its tests. A change outside of functions, of a number that other
modules may have copied while they were imported, needs fresh modules: its child starts pytest anew, in a process that
has imported everything that others wrote and nothing of ours.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import cached_property, partial
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any, Final, NamedTuple

import pytest
from hypothesis import Phase, settings

from benchmarks.mutants.mutations import Mutation

REPOSITORY: Final = Path(__file__).resolve().parents[2]
OURS: Final = ("edge_mnist_", "tests", "conftest", "benchmarks", "examples", "__main__", "tensorflow", "keras")
"""What starts the names of modules that a clean process must not have imported: ours, and those that start threads."""

MEMORY_BYTES: Final = 8 << 30
"""A change may ask for any amount."""

# A failure is all that is asked for: few examples, the same in every run, and no search for a smaller one.
settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=20,
    phases=(Phase.explicit, Phase.generate),
)


class Attempt(NamedTuple):
    """One change, and the tests that should notice it."""

    path: Path
    """The source file."""
    mutation: Mutation
    tests: list[str]
    """Their pytest names, in the order to run them."""
    cpu_seconds: int
    """After so much computing it counts as noticed, and after ten times as long of waiting."""


def find_failure(attempt: Attempt, scratch: Path) -> str | None:
    """Run the tests of a change in a fresh pytest: the name of the first that fails, None where none does."""
    name, code = module_name(attempt.path), attempt.mutation.compile(str(attempt.path))

    def run() -> str | None:
        sys.meta_path.insert(0, _ChangedModule(name, attempt.path, code))
        select = _Select(attempt.tests)
        files = [REPOSITORY / file for file in dict.fromkeys(test.partition("::")[0] for test in attempt.tests)]
        return _start_pytest(files, select, scratch) and (select.failed or "an import")

    return in_child(run, scratch, attempt.cpu_seconds)


class _FirstFailure:
    """A pytest plugin that remembers the first test that fails."""

    failed: str | None = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed is None:
            self.failed = report.nodeid


class EachInPlace(_FirstFailure):
    """A pytest plugin that runs no test itself, but those of each change in a child of its process."""

    def __init__(self, attempts: Sequence[Attempt], scratch: Path, say: Callable[[Attempt, str | None], None]) -> None:
        self._attempts = attempts
        self._scratch = scratch
        self._say = say

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the changes one by one."""
        gc.freeze()  # memory that no child's garbage collection touches stays shared
        items = {item.nodeid: item for item in session.items}
        failures: Counter[str | None] = Counter()
        for attempt in self._attempts:
            tests = sorted(attempt.tests, key=lambda test: -failures[test])  # those first that failed most often
            chosen = [items[test] for test in tests]
            failed = in_child(partial(self._run, attempt, chosen), self._scratch, attempt.cpu_seconds)
            failures[failed] += 1
            self._say(attempt, failed)
        return True

    def _run(self, attempt: Attempt, items: Sequence[pytest.Item]) -> str | None:
        module = importlib.import_module(module_name(attempt.path))
        _replace_code(module, attempt.mutation.function_line, attempt.mutation.compile(str(attempt.path)))
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.ihook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed is not None:
                return self.failed
        return None


class Watch:
    """A pytest plugin that says how long each test takes, and which functions of ours it calls."""

    def __init__(self, sources: Sequence[Path], left_out: Sequence[str]) -> None:
        self._files = {str(path) for path in sources}
        self._left_out = tuple(left_out)
        self._seconds: dict[str, float] = {}
        self._functions: dict[str, set[str]] = defaultdict(set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out the tests whose names end so."""
        items[:] = [item for item in items if not item.nodeid.endswith(self._left_out)]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, Any, Any]:
        """Run a test, its fixtures included."""
        called = self._functions[item.nodeid]

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
            self._seconds[item.nodeid] = time.process_time() - begin

    def to_dict(self) -> dict[str, Any]:
        """What was seen, and what was imported meanwhile."""
        return {
            "seconds": self._seconds,
            "functions": {test: sorted(called) for test, called in self._functions.items()},
            "modules": [name for name in sys.modules if not name.startswith(OURS)],
        }


def watch_tests(
    files: Sequence[Path], sources: Sequence[Path], left_out: Sequence[str], scratch: Path
) -> dict[str, Any] | str:
    """Run tests without any change: what `Watch` saw of them, or what pytest said where they fail."""

    def run() -> dict[str, Any] | None:
        watch = Watch(sources, left_out)
        return None if _start_pytest(files, watch, scratch) else watch.to_dict()

    return in_child(run, scratch, 3600) or (scratch / "output.txt").read_text("utf-8", "replace")


def try_in_place(attempts: Sequence[Attempt], scratch: Path, say: Callable[[Attempt, str | None], None]) -> int | str:
    """Try changes of functions, and `say` in a child which test each fails; 0 unless pytest could not start."""
    files = sorted({REPOSITORY / test.partition("::")[0] for attempt in attempts for test in attempt.tests})
    return in_child(lambda: _start_pytest(files, EachInPlace(attempts, scratch, say), scratch), scratch, 10**6)


def import_beforehand(modules: Sequence[str]) -> None:
    """Import what tests will need, so that every child has it."""
    for name in modules:
        with contextlib.suppress(ImportError):  # a name that a package puts into sys.modules, without a file
            importlib.import_module(name)


def in_child(run: Callable[[], Any], scratch: Path, cpu_seconds: int) -> Any:
    """What `run` gives in a child of this process; a text where the child did not live to give anything."""
    said = scratch / f"{os.getpid()}.json"
    said.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
            resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
            signal.alarm(10 * cpu_seconds)
            with (scratch / "output.txt").open("wb") as stream:
                os.dup2(stream.fileno(), 1)
                os.dup2(stream.fileno(), 2)
            said.write_text(json.dumps(run()), "utf-8")
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as its parent does
            traceback.print_exc()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started and left
    if os.WIFSIGNALED(status):
        return "the limit of time or memory"
    if not said.exists():
        raise RuntimeError((scratch / "output.txt").read_text("utf-8", "replace"))
    return json.loads(said.read_text("utf-8"))


def module_name(path: Path) -> str:
    """The name under which a source file of ours is imported."""
    parts = path.relative_to(REPOSITORY).with_suffix("").parts[1:]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


class _Select(_FirstFailure):
    """A pytest plugin that runs some tests in a given order, and says which one fails."""

    def __init__(self, tests: Sequence[str]) -> None:
        self._order = {test: place for place, test in enumerate(tests)}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        chosen = (item for item in items if item.nodeid in self._order)
        items[:] = sorted(chosen, key=lambda item: self._order[item.nodeid])


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


def _start_pytest(files: Sequence[Path], plugin: object, scratch: Path) -> int:
    options = ["-q", "-x", "-m", "not slow and not mnist", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["--hypothesis-profile=mutants", f"--basetemp={scratch / 'tmp'}"]
    # The parent has imported the plugins before pytest could look into their asserts.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, *map(str, files)], plugins=[plugin]))


def _replace_code(module: ModuleType, line: int | None, changed: CodeType) -> None:
    """Give the function that begins in a line its code from a changed module."""
    (code,) = (code for code in _codes(changed) if code.co_firstlineno == line and code.co_name != "<lambda>")
    for function in _functions(vars(module), module.__name__):
        if (function.__code__.co_filename, function.__code__.co_firstlineno) == (changed.co_filename, line):
            function.__code__ = code
            return
    raise LookupError(f"{changed.co_filename}:{line}: no function begins there")


def _codes(code: CodeType) -> Iterator[CodeType]:
    """The code of a module's functions and methods."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            if not constant.co_flags & 1:  # a class: no fast locals (inspect.CO_OPTIMIZED)
                yield from _codes(constant)


def _functions(namespace: Any, module: str) -> Iterator[FunctionType]:
    """The functions and methods that a module defines, without what wraps them."""
    for value in namespace.values():
        if isinstance(value, type) and value.__module__ == module:
            yield from _functions(vars(value), module)
            continue
        one = value
        if isinstance(one, property):
            one = one.fget
        elif isinstance(one, cached_property):
            one = one.func
        one = getattr(one, "__func__", one)
        one = getattr(one, "__wrapped__", one)
        if isinstance(one, FunctionType) and one.__module__ == module:
            yield one
