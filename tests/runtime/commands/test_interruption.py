"""Ctrl-C inside a library ends the command with exit code 130 and one line."""

import signal
import sys

import pytest

# A program with one command, `{work}`, which Ctrl-C interrupts.
PROGRAM = """
import logging
import time
import typer
from edge_mnist_runtime.commands import app as cli
from edge_mnist_runtime.errors import EdgeMnistError

class SlowToRemove:
    def __del__(self):
        print("inside", flush=True)
        time.sleep(60)

def wait_in_destructor():
    SlowToRemove()
    time.sleep(60)

def wait_in_library():
    try:
        print("inside", flush=True)
        time.sleep(60)
    except KeyboardInterrupt as error:
        raise {error}("no message of ours") from error

def wait_and_warn():
    try:
        print("inside", flush=True)
        time.sleep(60)
    finally:
        logging.getLogger("library").warning("an object is destroyed before it is complete")

typed = typer.Typer()
typed.command()({work})
cli.build_app = lambda only: typed
cli.main()
"""


@pytest.mark.parametrize(
    ("work", "error"),
    [
        ("wait_in_library", "EdgeMnistError"),  # conversion turns TensorFlow's errors into this class
        ("wait_in_library", "RuntimeError"),
        ("wait_and_warn", ""),
    ],
)
def test_ctrl_c_in_a_library_is_an_interruption_in_one_line(start_interruptible, work, error):
    with start_interruptible([sys.executable, "-c", fill(work, error)]) as command:
        assert command.stdout.readline() == "inside\n"
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=30)
    assert (command.returncode, out, err) == (130, "", "edge-mnist: interrupted\n")


def test_ctrl_c_in_a_destructor_still_ends_the_command(start_interruptible):
    with start_interruptible([sys.executable, "-c", fill("wait_in_destructor", "RuntimeError")]) as command:
        assert command.stdout.readline() == "inside\n"
        command.send_signal(signal.SIGINT)
        out, err = command.communicate(timeout=30)
    assert (command.returncode, out, err) == (130, "", "edge-mnist: interrupted\n")


def fill(work: str, error: str) -> str:
    return PROGRAM.replace("{work}", work).replace("{error}", error)
