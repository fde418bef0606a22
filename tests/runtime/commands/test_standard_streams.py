"""Results that cannot be written end a command with one line and exit code 2, however they were to be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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
def test_full_output_is_one_line_and_exit_code_2(n: int, unbuffered: str, picture: Path) -> None:
    env = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with FULL.open("w") as full:
        command = [*COMMAND, "classify", *[picture] * n]
        done = subprocess.run(command, check=False, stdout=full, stderr=subprocess.PIPE, env=env)
    assert done.returncode == 2
    assert done.stderr.decode().splitlines() == [
        "edge-mnist: error: standard output cannot be written (No space left on device); free space, or send it "
        "elsewhere"
    ]


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
@pytest.mark.parametrize("command", ["classify", "info", "preprocess"])
def test_closed_output_is_said_and_takes_over_no_file(command: str, picture: Path) -> None:
    arguments = [] if command == "info" else [str(picture)]
    line = subprocess.list2cmdline([*COMMAND, command, *arguments])
    done = subprocess.run(["sh", "-c", f"{line} >&-"], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 2
    (said,) = done.stderr.decode().splitlines()
    assert "standard output cannot be written" in said


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell closes it")
def test_closed_standard_error_harms_no_results(picture: Path) -> None:
    line = subprocess.list2cmdline([*COMMAND, "classify", str(picture)])
    done = subprocess.run(["sh", "-c", f"{line} 2>&-"], check=False, stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout[:1]) == (0, b"0")
