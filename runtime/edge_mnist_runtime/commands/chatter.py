"""Silence the log output of TensorFlow, tf2onnx and LiteRT.

They write to file descriptors 1 and 2, not to `sys.stdout` and `sys.stderr`, so the descriptors are redirected.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

STDOUT_FD, STDERR_FD = 1, 2


@contextmanager
def chatter_silenced(
    *, show: bool = False, kept_for: tuple[type[Exception], ...] = (), dropped_for: tuple[type[Exception], ...] = ()
) -> Iterator[TextIO]:
    """Redirect file descriptors 1 and 2 away from the terminal while the context is open.

    Args:
        show: Do not redirect anything, for --debug.
        kept_for: Errors that the output may explain. If one of them ends the context, the output stays in a log file,
            and the error's message names it. Otherwise the output is dropped.
        dropped_for: Subclasses of `kept_for` that the output does not explain, because no tool raised them.

    Yields:
        The real standard error, for messages while the context is open.
    """
    if show:
        yield sys.stderr
        return
    sys.stdout.flush()
    sys.stderr.flush()
    stdout, stderr = os.dup(STDOUT_FD), os.dup(STDERR_FD)
    log, log_path = _open_log() if kept_for else (os.open(os.devnull, os.O_WRONLY), None)
    try:
        os.dup2(log, STDOUT_FD)
        os.dup2(log, STDERR_FD)
        with os.fdopen(os.dup(stderr), "w", encoding="utf-8", buffering=1) as terminal:
            yield terminal
    except kept_for as error:
        if isinstance(error, dropped_for):
            raise
        error.args = (f"{error} (output of the tools: {log_path})",)
        log_path = None
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(stdout, STDOUT_FD)
        os.dup2(stderr, STDERR_FD)
        for descriptor in (stdout, stderr, log):
            os.close(descriptor)
        if log_path:
            log_path.unlink(missing_ok=True)


def _open_log() -> tuple[int, Path]:
    import tempfile  # imported here, because commands of a device need no log and start faster without it

    descriptor, path = tempfile.mkstemp(prefix="edge-mnist-", suffix=".log")
    return descriptor, Path(path)
