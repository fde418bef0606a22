"""examples/camera_loop.py, run with drawn frames, with a folder and without a camera."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SUMMARY = re.compile(r"(\d+) frames read, (\d+) dropped; p50 (\d+\.\d) ms, p99 (\d+\.\d) ms a frame")


def start_loop(examples: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, examples / "camera_loop.py", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(loop: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    with loop:
        out, err = loop.communicate(timeout=200)
    return subprocess.CompletedProcess(loop.args, loop.returncode, out, err)


def run_loop(examples: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return finish(start_loop(examples, *arguments))


@pytest.fixture(scope="module")
def slow_loops(examples: Path, pictures: dict[str, Path]) -> dict[str, subprocess.CompletedProcess[str]]:
    """Run both loops at the same time, because they mostly wait for frames."""
    folder = next(iter(pictures.values())).parent
    loops = {
        "drawn": start_loop(examples, "--frames", 95, "--rate", 12, "--over", 5),
        "folder": start_loop(examples, "--source", folder, "--frames", 100, "--rate", 10, "--over", 3),
    }
    return {name: finish(loop) for name, loop in loops.items()}


def printed_digits(output: str) -> list[str]:
    return re.findall(r" s  (\w+)$", output, re.MULTILINE)


def summary(output: str) -> tuple[int, int, float, float]:
    found = SUMMARY.search(output.splitlines()[-1])
    assert found, output
    return int(found[1]), int(found[2]), float(found[3]), float(found[4])


def test_drawn_digits_are_printed_when_they_change(slow_loops: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = slow_loops["drawn"]
    assert done.returncode == 0, done.stderr
    read, dropped, p50, p99 = summary(done.stdout)
    assert read + dropped == 95
    assert 0 < p50 <= p99
    if dropped < 10:  # otherwise the machine is too busy
        assert printed_digits(done.stdout) == ["1", "nothing", "4", "nothing", "7", "nothing", "1"]


def test_late_frames_are_dropped_not_queued(examples: Path) -> None:
    done = run_loop(examples, "--frames", 1000, "--rate", 5000)
    assert done.returncode == 0, done.stderr
    read, dropped, *_ = summary(done.stdout)
    assert read + dropped == 1000
    assert dropped > 0
    assert read > 0  # some frames are still read


def test_pictures_of_a_folder_are_read_in_order(slow_loops: dict[str, subprocess.CompletedProcess[str]]) -> None:
    done = slow_loops["folder"]
    assert done.returncode == 0, done.stderr
    if summary(done.stdout)[1] == 0:
        assert printed_digits(done.stdout) == [*"0123456789"]


def test_ctrl_c_stops_the_loop_and_prints_the_summary(
    examples: Path, start_interruptible: Callable[..., subprocess.Popen[str]]
) -> None:
    with start_interruptible([sys.executable, examples / "camera_loop.py", "--rate", 30]) as process:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("1\n")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err == "stopped\n"
    assert summary(out)[0] > 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--source", "absent"), "absent: no such file"),
        (("--model", "absent.onnx"), "absent.onnx: cannot be opened"),
        (("--rate", "0"), "--rate must be above 0"),
    ],
)
def test_bad_options_give_one_line(arguments: tuple[str, ...], expected: str, examples: Path) -> None:
    done = run_loop(examples, *arguments)
    assert done.returncode in (1, 2)
    assert expected in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_camera_without_opencv_gives_one_line(examples: Path) -> None:
    without_opencv = "import runpy, sys; sys.modules['cv2'] = None; sys.argv = sys.argv[1:]; "
    done = subprocess.run(
        [
            sys.executable, "-c", without_opencv + "runpy.run_path(sys.argv[0], run_name='__main__')",
            examples / "camera_loop.py", "--source", "0",
        ],
        capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "--source with a camera's number needs OpenCV: pip install opencv-python\n"
