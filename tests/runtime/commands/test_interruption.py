"""Ctrl-C inside a library: it ends the command, wherever it falls, and is called an interruption."""

import signal
import sys

import pytest

# A command of this package's command line; `{work}` is what Ctrl-C falls into.
PROGRAM = """
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

typed = typer.Typer()
typed.command()({work})
cli.build_app = lambda only: typed
cli.main()
"""


@pytest.mark.parametrize(
    ("work", "error"),
    [
        ("wait_in_library", "EdgeMnistError"),  # what conversion makes of TensorFlow's errors
        ("wait_in_library", "RuntimeError"),
    ],
)
def test_ctrl_c_that_a_library_turns_into_its_own_error_is_an_interruption(start_interruptible, work, error):
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
