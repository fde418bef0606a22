"""Standard output that cannot be written: one line and exit code 2; if its reader ended, no line and 141."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_mnist_runtime.errors import CLOSED_PIPE_EXIT_CODE

COMMAND = [sys.executable, "-m", "edge_mnist_runtime"]
CASES = {"one picture": 1, "more than a buffer": 400}
FULL = Path("/dev/full")


@pytest.fixture(scope="module")
def picture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    subprocess.run([*COMMAND, "samples", folder / "samples"], check=True, capture_output=True)
    return sorted((folder / "samples").iterdir())[0]


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full on this system")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("n", CASES.values(), ids=CASES)
def test_full_output_is_an_error_of_one_line(n: int, unbuffered: str, picture: Path) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        command = [*COMMAND, "classify", *[picture] * n]
        done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, env=env)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "edge-mnist: error: standard output cannot be written (No space left on device); free some space, or "
        "redirect it elsewhere"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
@pytest.mark.parametrize("command", ["classify", "info", "preprocess"])
def test_closed_output_is_an_error(command: str, picture: Path) -> None:
    arguments = [] if command == "info" else [str(picture)]
    line = subprocess.list2cmdline([*COMMAND, command, *arguments])
    done = subprocess.run(["sh", "-c", f"{line} >&-"], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 2
    (said,) = done.stderr.decode().splitlines()
    assert "standard output cannot be written" in said


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
def test_closed_standard_error_does_not_change_results(picture: Path) -> None:
    line = subprocess.list2cmdline([*COMMAND, "classify", str(picture)])
    done = subprocess.run(["sh", "-c", f"{line} 2>&-"], check=False, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout[:1]) == (0, b"0")


def test_name_that_the_terminal_cannot_show_is_escaped(picture: Path, tmp_path: Path) -> None:
    named = tmp_path / "größe.png"
    named.write_bytes(picture.read_bytes())
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run([*COMMAND, "classify", named], check=False, capture_output=True, env=env)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.rstrip().endswith(rb"gr\xf6\xdfe.png")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX pipes")
@pytest.mark.parametrize(
    "arguments",
    [
        ["info", "--json"],
        ["--help"],
        ["classify", "SAMPLES"],
        ["bench", "nano", "--samples", "100", "--seconds", "0.1"],
        ["doctor"],
    ],
)
def test_closed_pipe_ends_a_command_quietly(arguments: list[str], samples_folder: Path) -> None:
    command = [Path(sys.executable).with_name("edge-mnist")]
    command += [str(samples_folder) if argument == "SAMPLES" else argument for argument in arguments]
    reading, writing = os.pipe()
    os.close(reading)
    env = os.environ | {"EDGE_MNIST_DATA": ""}
    done = subprocess.run(command, check=False, stdout=writing, stderr=subprocess.PIPE, text=True, env=env, timeout=300)
    os.close(writing)
    assert (done.returncode, done.stderr) == (CLOSED_PIPE_EXIT_CODE, "")
