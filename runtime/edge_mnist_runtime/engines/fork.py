"""Let engines survive `os.fork`: the child process opens each engine again at its first call.

A child has no copies of its parent's threads, so the parent's engines cannot work there. Children that never classify
pay nothing, nor do calls in a process that never forked. The child never destroys the parent's engine objects: their
destructors would wait for threads that do not exist.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """An engine that can be opened again."""

    def leave_to_parent(self) -> None:
        """In a child: forget the parent's engine object. The next call opens a new one."""


def survive_fork(engine: Forkable) -> None:
    """Call `engine.leave_to_parent()` in every child that this process forks, as long as the engine exists."""
    _engines().add(engine)


def leak(handle: object) -> None:
    """Never destroy `handle`, not even at exit: its destructor would wait for the parent's threads."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))


@cache
def _engines() -> WeakSet[Forkable]:
    """All engines of this process. The first call registers the fork hook, so that importing does no work."""
    engines: WeakSet[Forkable] = WeakSet()

    def leave_all() -> None:
        for engine in list(engines):
            engine.leave_to_parent()

    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(after_in_child=leave_all)
    return engines
