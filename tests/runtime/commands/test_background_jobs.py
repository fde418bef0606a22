"""Ctrl-C does not stop commands that a shell started in the background."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("edge-mnist")


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
def test_background_job_ignores_ctrl_c() -> None:
    """A shell without job control starts `command &` with SIGINT ignored; the command keeps it ignored."""
    arguments = ("bench", "nano", "--samples", "10", "--rate", "10", "--no-startup", "--json")
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # the child inherits this
    try:
        job = subprocess.Popen(
            [COMMAND, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "EDGE_MNIST_DATA": ""},
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with job:
        while job.poll() is None:
            job.send_signal(signal.SIGINT)
            time.sleep(0.1)
        out, err = job.communicate(timeout=100)
    assert job.returncode == 0, err
    assert '"samples": 10' in out
