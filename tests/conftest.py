"""What tests of all three packages share: the command line as a user runs it, real digits, and one real bundle."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from edge_mnist_runtime.dataset import DATA_VARIABLE

# Random searches find more where somebody can look at what they found. In CI they would fail one run and pass the next,
# of a change that has nothing to do with it: there each test has the same examples in every run. No deadlines, because
# a busy machine makes any timed test lie.
settings.register_profile("edge-mnist", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("edge-mnist")

READS_MNIST = {"mnist_folder", "reference_export"}
"""Fixtures that read MNIST where it is named: whatever asks for one bears the marker `mnist`."""

UNMARKED = "what-reads-digits-unasked-bears-the-marker-mnist"
"""Names no folder: a command that looks for digits there fails."""

COMMAND = Path(sys.executable).with_name("edge-mnist")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what reads MNIST through a fixture."""
    for item in items:
        if READS_MNIST.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("mnist")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Hide MNIST from tests without the marker.

    They pass or fail alike whether MNIST is at hand or not, so CI runs them once.
    """
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("mnist") is None:
            patch.setenv(DATA_VARIABLE, UNMARKED)
        return (yield)


@dataclass(frozen=True)
class Finished:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


RunCli = Callable[..., Finished]
RunScript = Callable[..., str]
StartInterruptible = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def refuse_unmarked() -> Callable[[str], None]:
    """Fail where a command says that it looked for digits and met what hides MNIST: its error would be another one."""

    def check(said: str) -> None:
        assert UNMARKED not in said, f"this test reads digits, so that it needs the marker `mnist`: {said}"

    return check


@pytest.fixture(scope="session")
def run_cli(refuse_unmarked: Callable[[str], None]) -> RunCli:
    """Run `edge-mnist ARGUMENTS` in a process of its own."""

    def run(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Finished:
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, "COLUMNS": "80", **(env or {})},
            cwd=cwd,
            timeout=300,
            check=False,
        )
        refuse_unmarked(done.stderr)
        return Finished(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def run_script() -> RunScript:
    """Run Python source in a process of its own, which must succeed, and give what it printed.

    `env` is added to the environment; `prefix` stands before the command.
    """

    def run(source: str, *arguments: object, env: dict[str, str] | None = None, prefix: tuple[str, ...] = ()) -> str:
        done = subprocess.run(
            [*prefix, sys.executable, "-c", source, *map(str, arguments)],
            capture_output=True,
            text=True,
            env={**os.environ, **(env or {})},
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    return run


@pytest.fixture(scope="session")
def start_interruptible() -> StartInterruptible:
    """Start a command that SIGINT (Ctrl-C) can stop: `start_interruptible(command, cwd=...)`.

    Shells start their background jobs with SIGINT ignored, and children inherit that. Here the child gets the default
    back, so that the tests also pass in a background job. Its output is text, in pipes.
    """

    def start(command: Sequence[object], **options: Any) -> subprocess.Popen[str]:
        # exec() keeps an ignored signal ignored but resets a handled one to its default.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            return subprocess.Popen(
                [*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
            )
        finally:
            signal.signal(signal.SIGINT, before)

    return start


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder of the real MNIST; a test that needs it is skipped, and says so, where it was not named."""
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        pytest.skip(f"needs the real MNIST: set {DATA_VARIABLE}")
    return Path(named)


@dataclass(frozen=True)
class Exported(Finished):
    """An export that has ended."""

    bundle: Path


@pytest.fixture(scope="session")
def reference_export(run_cli: RunCli, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """The reference model, exported in two precisions by the real command, on MNIST or on the stand-in digits."""
    folder = tmp_path_factory.mktemp("reference")
    # From an empty folder, so that no run of the developer's is exported instead.
    finished = run_cli("export", "--precision", "fp32,int8", "-o", "out/bundle", cwd=folder)
    assert finished.code == 0, finished.err
    return Exported(finished.code, finished.out, finished.err, folder / "out" / "bundle")


@pytest.fixture(scope="session")
def reference_bundle(reference_export: Exported) -> Path:
    """The bundle that it wrote."""
    return reference_export.bundle
