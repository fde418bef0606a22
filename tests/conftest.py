"""Fixtures for the tests of all three packages: the command line, MNIST, and a real bundle."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import settings

from edge_mnist_runtime.commands.app import run
from edge_mnist_runtime.dataset import DATA_VARIABLE
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.run_record import DatasetRecord, DefinitionRecord, RunRecord, SplitRecord

# In CI, Hypothesis uses the same examples in every run, so that a test does not fail by chance for an unrelated change.
# There are no deadlines, because timings on a busy machine are wrong.
settings.register_profile("edge-mnist", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("edge-mnist")

READS_MNIST = {"mnist_folder", "reference_export"}
"""Fixtures that read MNIST. Tests that use one get the marker `mnist`."""

UNMARKED = "what-reads-digits-unasked-bears-the-marker-mnist"
"""A folder that does not exist, so that a test without the marker `mnist` that reads digits fails."""

COMMAND = Path(sys.executable).with_name("edge-mnist")

FEWER_PICTURES = {
    "edge_mnist_trainer.augment.batches.PRINTED_VARIANTS": 1,
    "edge_mnist_trainer.augment.batches.DRAWN_VARIANTS": 2,
    "edge_mnist_trainer.augment.batches.SCHOOL_DIGITS": 20,
    "edge_mnist_trainer.evaluate.robustness.FONT_VARIANTS": 1,
    "edge_mnist_trainer.evaluate.confidence.NO_DIGITS_EACH": 2,
}
"""Smaller numbers of drawn pictures for training and evaluation. The usual numbers take half a minute."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --nightly."""
    parser.addoption(
        "--nightly",
        action="store_true",
        help="Also run tests marked `nightly`, and draw all pictures of a training.",
    )


@pytest.hookimpl(tryfirst=True)  # before -m deselects by marker
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests that read MNIST through a fixture, deselect nightly tests, and put slow files first.

    Two processes share the files. A slow file at the end would keep the other process waiting.
    """
    for item in items:
        if READS_MNIST.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("mnist")
    if not config.getoption("nightly"):
        left_out = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    slow_files = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow_files)


def pytest_configure() -> None:
    """Collect garbage less often: tracing and converting networks makes millions of objects, and nearly all stay."""
    gc.set_threshold(20_000, 10, 10)


def pytest_collection_finish() -> None:
    """Never look for garbage among the modules that are loaded by now. Those of TensorFlow have a million objects."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Hide MNIST from tests without the marker `mnist`.

    Their result then does not depend on MNIST, so CI runs them only once.
    """
    with pytest.MonkeyPatch.context() as patch:
        if item.get_closest_marker("mnist") is None:
            patch.setenv(DATA_VARIABLE, UNMARKED)
        return (yield)


class Finished(NamedTuple):
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


RunCli = Callable[..., Finished]
RunScript = Callable[..., str]
MakeOnce = Callable[[str, Callable[[Path], None]], Path]
StartInterruptible = Callable[..., subprocess.Popen[str]]


@pytest.fixture(scope="session")
def smaller_numbers(request: pytest.FixtureRequest) -> dict[str, int]:
    """Constants by their dotted names, with smaller values; empty in `pytest --nightly`."""
    return {} if request.config.getoption("nightly") else FEWER_PICTURES


@pytest.fixture(scope="module")
def fewer_pictures(smaller_numbers: dict[str, int]) -> Iterator[None]:
    """Train and report with fewer drawn pictures."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in smaller_numbers.items():
            patch.setattr(name, value)
        yield


@pytest.fixture(scope="session")
def refuse_unmarked() -> Callable[[str], None]:
    """Fail if a command's error is that it looked for digits in a test without the marker `mnist`."""

    def check(said: str) -> None:
        assert UNMARKED not in said, f"this test reads digits, so it needs the marker `mnist`: {said}"

    return check


@pytest.fixture(scope="session")
def run_cli(refuse_unmarked: Callable[[str], None]) -> RunCli:
    """Run `edge-mnist ARGUMENTS` in a new process."""

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


@pytest.fixture
def run_here(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, refuse_unmarked: Callable[[str], None]
) -> RunCli:
    """Run `edge-mnist ARGUMENTS` in this process, which saves up to five seconds a call.

    It takes the arguments of `run_cli`, and also captures the output of native code.
    """

    def run_command(*arguments: object, env: dict[str, str] | None = None, cwd: Path | None = None) -> Finished:
        with monkeypatch.context() as patch:
            for name, value in {"COLUMNS": "80", **(env or {})}.items():
                patch.setenv(name, value)
            if cwd:
                patch.chdir(cwd)
            capfd.readouterr()
            # Commands silence descriptors 1 and 2, which pytest's own streams do not use.
            with open(1, "w", encoding="utf-8", closefd=False) as out, open(2, "w", 1, "utf-8", closefd=False) as err:
                patch.setattr(sys, "stdout", out)
                patch.setattr(sys, "stderr", err)
                code = run([str(argument) for argument in arguments])
        finished = Finished(code, *capfd.readouterr())
        refuse_unmarked(finished.err)
        return finished

    return run_command


@pytest.fixture(scope="session")
def run_script() -> RunScript:
    """Run Python source in a new process, check that it succeeds, and return its output.

    `env` is added to the environment. `prefix` is put before the command.
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
def make_run_record() -> Callable[..., RunRecord]:
    """Make the record of a run that has begun; takes what is to be otherwise."""

    def make(**changes: Any) -> RunRecord:
        record = RunRecord(
            status="running",
            architecture="custom",
            options={"dense": [64]},
            parameters=3_950,
            config=TrainingConfig(batch_size=10),
            transfer_set=None,
            preprocess=DefinitionRecord(PREPROCESS.version, PREPROCESS.sha256),
            input_range=(0.0, 1.0),
            dataset=DatasetRecord("drawn", {"train": SplitRecord(200, "0123")}, ()),
            versions={"keras": "3.13.0"},
        )
        return replace(record, **changes)

    return make


@pytest.fixture(scope="session")
def mnist_folder() -> Path:
    """The folder of MNIST. Tests that need it are skipped if the environment variable is not set."""
    named = os.environ.get(DATA_VARIABLE)
    if not named:
        pytest.skip(f"needs MNIST: set {DATA_VARIABLE}")
    return Path(named)


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Make a folder once for all processes of a test run: `make_once(name, fill)` calls `fill(folder)` and returns it.

    The folder is in the temporary folder of this run. The first process fills it, and the others wait. If `fill` fails,
    the next process tries again.
    """
    base = tmp_path_factory.getbasetemp()
    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    shared = (base.parent if is_worker else base) / "made-once"  # all workers of a run share this parent

    def make(name: str, fill: Callable[[Path], None]) -> Path:
        shared.mkdir(exist_ok=True)
        folder, made = shared / name, shared / f"{name}.made"
        with (shared / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until the file is closed
            if not made.exists():
                shutil.rmtree(folder, ignore_errors=True)
                folder.mkdir()
                fill(folder)
                made.touch()
        return folder

    return make


class KeyPair(NamedTuple):
    """Paths of an Ed25519 key pair in PEM form."""

    private: Path
    public: Path


@pytest.fixture(scope="session")
def make_keys(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], KeyPair]:
    """Make a new key pair, as `openssl genpkey` does."""

    def make() -> KeyPair:
        key, folder = Ed25519PrivateKey.generate(), tmp_path_factory.mktemp("keys")
        pair = KeyPair(folder / "key.pem", folder / "key.pub")
        pair.private.touch(0o600)
        pair.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        pair.public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return pair

    return make


@pytest.fixture(scope="session")
def keys(make_keys: Callable[[], KeyPair]) -> KeyPair:
    """A key pair."""
    return make_keys()


class Exported(NamedTuple):
    """Output and bundle of a successful export."""

    out: str
    bundle: Path


@pytest.fixture(scope="session")
def reference_export(run_cli: RunCli, make_once: MakeOnce) -> Exported:
    """Export of the reference model in two precisions by the command, with MNIST or the stand-in digits.

    All processes of a test run share it. Use a copy to change it (`bundle_copy`, `old_bundle`).
    """

    def export(folder: Path) -> None:
        # In an empty folder, so that it does not export a run of the developer.
        finished = run_cli("export", "--precision", "fp32,int8", "-o", "out/bundle", cwd=folder)
        assert finished.code == 0, finished.err
        (folder / "printed.txt").write_text(finished.out, "utf-8")

    folder = make_once("reference", export)
    return Exported((folder / "printed.txt").read_text("utf-8"), folder / "out" / "bundle")


@pytest.fixture(scope="session")
def reference_bundle(reference_export: Exported) -> Path:
    """The bundle of `reference_export`."""
    return reference_export.bundle
