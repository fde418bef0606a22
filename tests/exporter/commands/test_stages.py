"""The line of the terminal that shows the stage of an export."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = """
import sys, warnings
from edge_mnist_exporter.commands.stages import stages_shown
with stages_shown(show={show}) as show_stage:
    show_stage("converting")
    warnings.warn("chatter of a tool")
print("result", file=sys.stderr)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("show", [False, True])
def test_python_output_of_tools_reaches_the_terminal_only_if_asked_for(show):
    """TensorFlow warns through Python's `warnings`, not only through file descriptor 2."""
    ours, theirs = os.openpty()
    command = [sys.executable, "-c", SCRIPT.format(show=show)]
    with subprocess.Popen(command, stderr=theirs, env={**os.environ, "TERM": "xterm"}) as process:
        os.close(theirs)
        said = b""
        while part := read(ours):
            said += part
    os.close(ours)
    assert process.returncode == 0
    assert b"converting" in said
    assert (b"chatter of a tool" in said) is show
    assert said.rstrip().endswith(b"result")


def read(descriptor: int) -> bytes:
    """The next bytes; none at the end, which Linux reports as an error."""
    try:
        return os.read(descriptor, 4096)
    except OSError:
        return b""
