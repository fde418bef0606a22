"""TensorFlow's, tf2onnx's and LiteRT's chatter, kept off the terminal unless it is asked for.

They write below Python, straight to file descriptors 1 and 2, so that is where they are silenced.
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
    """Keep what is written to file descriptors 1 and 2 off the terminal while the context is open.

    Args:
        show: Let it through instead, for --debug.
        kept_for: Errors that it may explain: where one of them ends the context, what was written is kept in a file
            that the error's message then names. Otherwise it is dropped.
        dropped_for: Those among them that it does not explain, because no tool found them.

    Yields:
        The real standard error, for those who must write meanwhile.
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
        error.args = (f"{error} (what the tools said: {log_path})",)
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
    import tempfile  # a device's commands keep no log, and start the faster

    descriptor, path = tempfile.mkstemp(prefix="edge-mnist-", suffix=".log")
    return descriptor, Path(path)
