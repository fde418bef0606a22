"""Make Ctrl-C end a command at any moment, also inside TensorFlow."""

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

from edge_mnist_runtime.commands import debugging

_RETRY_AFTER_S = 0.05

_heard = False


def listen() -> None:
    """Record Ctrl-C for `was_heard`, and do not lose it in a destructor.

    Python drops an exception in a destructor, and TensorFlow's destructors run long enough to be hit. A lost
    KeyboardInterrupt is therefore raised again after `_RETRY_AFTER_S` seconds. If SIGINT is ignored, as in background
    jobs of a shell, it stays ignored.
    """
    sys.unraisablehook = _retry_or_report
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _hear)


def was_heard() -> bool:
    """Whether Ctrl-C was pressed. TensorFlow's converter hides it behind errors of its own."""
    return _heard


def _hear(_number: int, _frame: FrameType | None) -> NoReturn:
    import logging  # imported here, because it is seldom needed

    global _heard  # noqa: PLW0603  # one process, one command line
    _heard = True
    if not debugging.enabled:
        logging.disable()  # TensorFlow warns of objects that are destroyed before they are complete
    raise KeyboardInterrupt


def _retry_or_report(failure: Any) -> None:
    if issubclass(failure.exc_type, KeyboardInterrupt):
        import threading  # imported here, because it is seldom needed

        retry = threading.Timer(_RETRY_AFTER_S, os.kill, (os.getpid(), signal.SIGINT))
        retry.daemon = True
        retry.start()
    elif debugging.enabled:  # Ctrl-C leaves incomplete TensorFlow objects, whose destructors fail
        sys.__unraisablehook__(failure)
