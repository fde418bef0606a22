"""Make parts in several processes on this machine."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from edge_mnist_runtime import errors
from edge_mnist_runtime.errors import EdgeMnistError, UsageError

PROGRAM: Final = "from edge_mnist_runtime.archive.worker import main; main()"

MAX_TRIES: Final = 3
"""How often a part may kill the process that makes it, for example because memory ran out."""


def make_parts(out: Path, parts: Iterable[int], *, processes: int) -> Iterator[int]:
    """Make parts in child processes, and yield each when its file stands, in any order.

    The children are programs of their own, not forks: they inherit no lock and no threads. A child that is killed is
    replaced, and its part is made again.

    Raises:
        EdgeMnistError: As `PartMaker`.
        UsageError: A part killed its process `MAX_TRIES` times.
    """
    waiting, tries = deque(parts), Counter[int]()
    with selectors.DefaultSelector() as selector:
        children: set[_Child] = set()

        def start() -> None:
            child = _Child(out)
            children.add(child)
            selector.register(child.answers, selectors.EVENT_READ, child)
            child.take(waiting.popleft())

        try:
            while len(children) < processes and waiting:
                start()
            while children:
                for key, _ in selector.select():
                    child: _Child = key.data
                    done = child.answer()
                    if done is not None:
                        yield child.part
                    else:
                        tries[child.part] += 1
                        _give_up(child.part, tries[child.part], processes)
                        waiting.appendleft(child.part)
                    if done is not None and waiting:
                        child.take(waiting.popleft())
                        continue
                    selector.unregister(child.answers)
                    children.discard(child)
                    child.end()
                    if waiting:
                        start()
        finally:
            for child in children:
                child.end()


def _give_up(part: int, tries: int, processes: int) -> None:
    if tries == MAX_TRIES:
        raise UsageError(
            f"part {part}: its process was killed {tries} times, maybe because memory ran out; use fewer than "
            f"{processes} `processes`"
        )


class _Child:
    """A process that makes one part at a time."""

    def __init__(self, out: Path) -> None:
        self.part = -1
        self._process = subprocess.Popen(  # noqa: S603  # this Python
            [sys.executable, "-c", PROGRAM, str(out)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            start_new_session=True,  # Ctrl-C in the terminal reaches only the parent, which ends its children
        )
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("no pipes to the child")
        self._orders, self.answers = self._process.stdin, self._process.stdout

    def take(self, part: int) -> None:
        """Begin a part."""
        self.part = part
        with suppress(BrokenPipeError):  # the child was killed: its answer is empty
            print(part, file=self._orders, flush=True)

    def answer(self) -> int | None:
        """The part that was made; None if the child was killed. Raises its error."""
        line = self.answers.readline()
        if not line.endswith("\n"):
            return None
        answer = json.loads(line)
        if "error" in answer:
            raise _find_class(answer["error"])(answer["message"])
        return int(answer["part"])

    def end(self) -> None:
        """Kill the process. What it was writing has a temporary name."""
        self._process.kill()
        for pipe in (self._orders, self.answers):
            with suppress(BrokenPipeError):
                pipe.close()
        self._process.wait()


def _find_class(name: str) -> type[Exception]:
    found = getattr(errors, name, None)
    if isinstance(found, type) and issubclass(found, EdgeMnistError) and found is not errors.MissingExtraError:
        return found
    return RuntimeError
