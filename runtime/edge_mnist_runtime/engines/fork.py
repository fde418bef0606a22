"""Engines across `fork`: the child has no copies of the parent's threads, so it opens each engine anew.

An engine is opened at its first call in the child. Children that never classify pay nothing, and so do calls in a
process that never forked. What the parent had open is left to lie in the child: taking it down would wait for threads
that do not exist.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Protocol
from weakref import WeakSet


class Forkable(Protocol):
    """An engine that can be opened anew."""

    def leave_to_parent(self) -> None:
        """Forget, in a child, what the parent had open; the next call opens it anew."""


def survive_fork(engine: Forkable) -> None:
    """Have `engine.leave_to_parent()` called in every child that this process forks, for as long as it lives."""
    _engines().add(engine)


def leak(handle: object) -> None:
    """Never destroy `handle`, not even when the process ends: its destructor would wait for the parent's threads."""
    import ctypes

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))


@cache
def _engines() -> WeakSet[Forkable]:
    """All engines of this process; watched from the first one on, because an import does no work."""
    engines: WeakSet[Forkable] = WeakSet()

    def leave_all() -> None:
        for engine in list(engines):
            engine.leave_to_parent()

    if hasattr(os, "register_at_fork"):  # Windows does not fork
        os.register_at_fork(after_in_child=leave_all)
    return engines
