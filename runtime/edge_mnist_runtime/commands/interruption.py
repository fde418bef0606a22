"""Ctrl-C ends a command wherever it falls, also inside TensorFlow."""

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from edge_mnist_runtime.commands import debugging

_RETRY_AFTER_S = 0.05

_heard = False


def listen() -> None:
    """From now on `was_heard` tells whether Ctrl-C was pressed, and none is lost in a destructor.

    Python drops an exception that is raised in a destructor, and TensorFlow's take long enough to be hit. Such a
    KeyboardInterrupt is raised again a moment later. Where SIGINT is ignored, as in background jobs of a shell, it
    stays ignored.
    """
    sys.unraisablehook = _retry_or_report
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _hear)


def was_heard() -> bool:
    """Whether Ctrl-C was pressed: TensorFlow's converter turns it into errors of its own."""
    return _heard


def _hear(_number: int, _frame: FrameType | None) -> NoReturn:
    global _heard  # noqa: PLW0603  # one process, one command line
    _heard = True
    raise KeyboardInterrupt


def _retry_or_report(failure: Any) -> None:
    if issubclass(failure.exc_type, KeyboardInterrupt):
        import threading  # here, because hardly a command needs it

        retry = threading.Timer(_RETRY_AFTER_S, os.kill, (os.getpid(), signal.SIGINT))
        retry.daemon = True
        retry.start()
    elif debugging.enabled:  # Ctrl-C leaves half-made objects of TensorFlow, whose destructors fail and would say so
        sys.__unraisablehook__(failure)
