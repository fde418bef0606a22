"""The runtime's commands as a user runs them: output, one-line errors, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime import __version__

RunCli = Callable[..., Any]

WITHOUT_MNIST = {"EDGE_MNIST_DATA": ""}

HEAVY = ("tensorflow", "keras", "onnx", "onnxruntime", "sklearn", "matplotlib", "numpy", "hashlib", "gzip")
"""What --help must not load: any of these takes milliseconds to seconds."""

COMMANDS = (
    "train",
    "export",
    "debug",
    "classify",
    "preprocess",
    "bench",
    "compare",
    "doctor",
    "verify",
    "info",
    "samples",
)

ERRORS = {
    "no such command": (["no-such-command"], 2),
    "unknown global option": (["--no-such-option"], 2),
    "unknown option of classify": (["classify", "--no-such-option"], 2),
    "unknown option of export": (["export", "--no-such-option"], 2),
    "unknown option of train": (["train", "--no-such-option"], 2),
    "unknown option of verify": (["verify", "--no-such-option"], 2),
    "classify without arguments": (["classify"], 2),
    "classify with a missing model": (["classify", "digit.png", "--model", "absent.onnx"], 2),
    "classify with a missing picture": (["classify", "absent.png"], 8),
    "classify in an unknown mode": (["classify", "digit.png", "--mode", "best"], 2),
    "preprocess without arguments": (["preprocess"], 2),
    "preprocess of a missing picture": (["preprocess", "absent.png"], 8),
    "preprocess in an unknown mode": (["preprocess", "absent.png", "--mode", "best"], 2),
    "preprocess at scale 0": (["preprocess", "absent.png", "--scale", "0"], 2),
    "preprocess at scale 101": (["preprocess", "absent.png", "--scale", "101"], 2),
    "preprocess with --steps without --save": (["preprocess", "absent.png", "--steps"], 2),
    "preprocess with --scale without --save": (["preprocess", "absent.png", "--scale", "10"], 2),
    "bench of zero samples": (["bench", "--samples", "0"], 2),
    "bench of minus five samples": (["bench", "--samples", "-5"], 2),
    "bench of half a sample": (["bench", "--samples", "0.5"], 2),
    "bench with zero threads": (["bench", "--threads", "0"], 2),
    "bench with a million threads": (["bench", "--threads", "1000000"], 2),
    "bench with threads that are not numbers": (["bench", "--threads", "1,many"], 2),
    "bench of zero seconds": (["bench", "--seconds", "0"], 2),
    "bench at rate 0": (["bench", "--rate", "0"], 2),
    "bench with batch size 0": (["bench", "--batch", "0"], 2),
    "bench with a plot of unknown suffix": (["bench", "--plot", "latency.txt"], 2),
    "bench with a plot into a missing folder": (["bench", "--plot", "absent/latency.png"], 2),
    "bench of a missing path": (["bench", "absent"], 2),
    "bench of a missing file": (["bench", "absent.onnx"], 2),
    "bench on a missing folder": (["bench", "--data", "absent"], 2),
    "compare without arguments": (["compare"], 2),
    "compare of one report": (["compare", "old.json"], 2),
    "compare of missing reports": (["compare", "old.json", "new.json"], 2),
    "compare with a limit that is not a percentage": (["compare", "a", "b", "--max-regression", "5"], 2),
    "doctor of a folder that is not a bundle": (["doctor", "."], 6),
    "doctor of a missing folder": (["doctor", "absent"], 2),
    "doctor of two bundles": (["doctor", "one", "two"], 2),
    "verify without arguments": (["verify"], 2),
    "verify of a folder that is not a bundle": (["verify", "."], 6),
    "verify of a missing folder": (["verify", "absent"], 2),
    "info of a missing file": (["info", "absent.onnx"], 2),
    "info of a missing picture": (["info", "digit.png"], 2),
    "info of two models": (["info", "one.onnx", "two.onnx"], 2),
    "export in an unknown precision": (["export", "--precision", "int4"], 2),
}


@pytest.fixture
def one_line_error(run_here: RunCli, tmp_path: Path) -> Callable[..., str]:
    """Return a function that runs a command in an empty folder, requires its exit code, and returns its one-line error.

    It calls `run` in this process. Other tests cover `main`, in processes of their own.
    """

    def fail(code: int, *arguments: object, env: dict[str, str] | None = None) -> str:
        finished = run_here(*arguments, cwd=tmp_path, env=env)
        assert finished.code == code, finished.err
        assert finished.err.startswith("edge-mnist: error: "), finished.err
        assert finished.err.count("\n") == 1, finished.err
        return finished.err

    return fail


def test_help_lists_every_command(run_cli: RunCli) -> None:
    finished = run_cli("--help")
    assert finished.code == 0
    for command in COMMANDS:
        assert f" {command} " in finished.out
    assert "traceback" not in (finished.out + finished.err).lower()
    assert finished.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, run_cli: RunCli) -> None:
    finished = run_cli(command, "--help")
    assert finished.code == 0
    assert f"edge-mnist {command}" in finished.out
    assert "…" not in finished.out, "an option's name is cut off at 80 columns"
    assert finished.err == ""


def test_help_imports_no_heavy_library(run_python: Callable[..., Any]) -> None:
    done = run_python(
        "import sys\nfrom edge_mnist_runtime.commands.app import run\nrun(['--help'])\n"
        f"print('heavy:', [name for name in {HEAVY} if name in sys.modules])"
    )
    assert done.stdout.splitlines()[-1] == "heavy: []"


def test_version_is_that_of_the_package(run_cli: RunCli) -> None:
    finished = run_cli("--version")
    assert (finished.code, finished.out, finished.err) == (0, f"edge-mnist {__version__}\n", "")


def test_python_m_runs_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "edge_mnist_runtime", "--version"],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (done.returncode, done.stdout) == (0, f"edge-mnist {__version__}\n")


@pytest.mark.parametrize("case", ERRORS)
def test_error_is_one_line_with_its_exit_code(case: str, one_line_error: Callable[..., str]) -> None:
    arguments, code = ERRORS[case]
    one_line_error(code, *arguments, env=WITHOUT_MNIST)


def test_unknown_option_is_named(one_line_error: Callable[..., str]) -> None:
    assert "--no-such-option" in one_line_error(2, "classify", "--no-such-option", "digit.png")


@pytest.mark.parametrize(
    ("arguments", "missing", "usage"),
    [
        (["archive", "folder"], "argument 'sources'", "archive [OPTIONS] {sources}... {out}"),
        (["classify"], "argument 'paths'", "classify [OPTIONS] {paths}..."),
        (["install", "bundle"], "option '--to'", "install [OPTIONS] [bundle]"),
    ],
)
def test_missing_argument_is_told_with_the_usage(
    arguments: list[str], missing: str, usage: str, one_line_error: Callable[..., str]
) -> None:
    told = one_line_error(2, *arguments)
    assert told == f"edge-mnist: error: Missing {missing}; usage: edge-mnist {usage}\n"


def test_data_variable_with_a_missing_folder_is_named(one_line_error: Callable[..., str]) -> None:
    assert "EDGE_MNIST_DATA" in one_line_error(2, "bench", "--samples", "1", env={"EDGE_MNIST_DATA": "absent"})


def test_debug_shows_the_traceback(run_cli: RunCli) -> None:
    arguments = ("info", "absent.onnx")
    assert "Traceback" not in run_cli(*arguments).err
    shown = run_cli(*arguments, "--debug")
    assert shown.code == 2
    assert "Traceback" in shown.err
    assert shown.err.splitlines()[-1].startswith("edge-mnist: error: absent.onnx: ")


def test_verify_of_a_missing_path_says_what_it_takes(one_line_error: Callable[..., str]) -> None:
    assert one_line_error(2, "verify", "absent") == (
        "edge-mnist: error: absent: no such file or folder; expected a bundle folder that edge-mnist export wrote, "
        "or a model file in it\n"
    )


# bench


def test_bench_prints_only_json(run_cli: RunCli) -> None:
    finished = run_cli("bench", "--json", "--samples", "100", env=WITHOUT_MNIST)
    assert finished.code == 0
    report = json.loads(finished.out)
    assert report["schema_version"] == 3
    assert report["config"]["samples"] == 100
    assert report["skipped"] == []
    (model,) = report["models"]
    assert model["samples"] == 100
    assert model["latency_us"]["p50"] <= model["latency_us"]["p90"]
    assert model["latency_us"]["p99"] is None


def test_bench_tables_fit_in_80_columns(run_cli: RunCli) -> None:
    arguments = ("edge", "nano", "--samples", "10", "--threads", "1,2", "--profile", "--no-startup")
    finished = run_cli("bench", *arguments, env=WITHOUT_MNIST)
    assert finished.code == 0, finished.err
    assert max(map(len, finished.out.splitlines())) <= 80
    for shown in ("sample pictures", "p50", "nano_int8 x2"):
        assert shown in finished.out


def test_bench_measures_on_the_named_mnist_folder(run_cli: RunCli, mnist_folder: Path) -> None:
    arguments = ("--json", "--samples", "10", "--no-startup", "--data", mnist_folder)
    finished = run_cli("bench", *arguments, env=WITHOUT_MNIST)
    assert finished.json["digits"]["name"] == "mnist"
    assert finished.json["digits"]["n"] == 10_000


@pytest.mark.slow
def test_bench_measures_every_file_of_a_bundle(run_cli: RunCli, reference_bundle: Path) -> None:
    finished = run_cli("bench", reference_bundle, "--json", "--samples", "10", "--no-startup")
    assert finished.code == 0
    found = {(model["backend"], model["precision"]) for model in finished.json["models"]}
    assert found == {(backend, precision) for backend in ("onnxruntime", "litert") for precision in ("fp32", "int8")}


@pytest.mark.slow
def test_bench_of_a_bundle_with_a_wrong_hash_exits_6(
    bundle_copy: Path, flip_byte: Callable[[Path], None], one_line_error: Callable[..., str]
) -> None:
    path = next(bundle_copy.glob("*_int8.onnx"))
    flip_byte(path)
    assert path.name in one_line_error(6, "bench", bundle_copy, "--samples", "1")


@pytest.mark.slow
def test_bench_of_a_bundle_without_models_fails(run_cli: RunCli, bundle_copy: Path) -> None:
    path = bundle_copy / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "artifacts": []}))
    finished = run_cli("bench", bundle_copy, "--json", "--samples", "1")
    assert finished.code != 0
    assert "robust_int8" not in finished.out


# info


def test_info_describes_the_bundled_model(run_cli: RunCli) -> None:
    finished = run_cli("info")
    assert (finished.code, finished.err) == (0, "")
    for part in ("int8", "image uint8 (N, 28, 28, 1)", "probabilities float32 (N, 10)", "0 1 2 3 4 5 6 7 8 9"):
        assert part in finished.out


# samples


def test_samples_writes_ten_pictures_and_can_run_twice(run_cli: RunCli, tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "samples"
    for _ in range(2):
        finished = run_cli("samples", folder)
        assert (finished.code, finished.err) == (0, "")
        assert sorted(path.name[0] for path in folder.iterdir()) == list("0123456789")


def test_samples_never_overwrites_another_file(one_line_error: Callable[..., str], tmp_path: Path) -> None:
    mine = tmp_path / "samples" / "3-transparent.png"
    mine.parent.mkdir()
    mine.write_text("mine")
    assert str(mine) in one_line_error(2, "samples", mine.parent)
    assert mine.read_text() == "mine"
    assert list(mine.parent.iterdir()) == [mine]  # nothing was written


def test_samples_refuses_a_file_as_folder(one_line_error: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one_line_error(2, "samples", tmp_path / "file" / "samples")
    one_line_error(2, "samples", tmp_path / "file")


# destructors


FAILING_DESTRUCTOR = """
import sys
from edge_mnist_runtime.commands import app as cli
from edge_mnist_runtime.commands import debugging
class Incomplete:
    def __del__(self):
        raise AttributeError("incomplete")
def run(arguments):
    debugging.enabled = "--debug" in arguments
    Incomplete()
    return 130
cli.run = run
cli.main()
"""


@pytest.mark.parametrize("arguments", [[], ["--debug"]])
def test_failing_destructor_is_shown_only_with_debug(arguments: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING_DESTRUCTOR, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (130, "")
    assert ("incomplete" in done.stderr) is bool(arguments)
