"""TensorFlow's, tf2onnx's and LiteRT's chatter, kept off the terminal unless it is asked for.

They write below Python, straight to file descriptors 1 and 2, so that is where they are silenced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

STDOUT_FD, STDERR_FD = 1, 2


@contextmanager
def chatter_silenced(*, show: bool = False) -> Iterator[TextIO]:
    """Drop what is written to file descriptors 1 and 2 while the context is open.

    Args:
        show: Let it through instead, for --debug.

    Yields:
        The real standard error, for those who must write meanwhile.
    """
    if show:
        yield sys.stderr
        return
    sys.stdout.flush()
    sys.stderr.flush()
    stdout, stderr, nowhere = os.dup(STDOUT_FD), os.dup(STDERR_FD), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, STDOUT_FD)
        os.dup2(nowhere, STDERR_FD)
        with os.fdopen(os.dup(stderr), "w", encoding="utf-8", buffering=1) as terminal:
            yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(stdout, STDOUT_FD)
        os.dup2(stderr, STDERR_FD)
        for descriptor in (stdout, stderr, nowhere):
            os.close(descriptor)
