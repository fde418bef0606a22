"""Classify many pictures in several processes, in order and in bounded memory.

Threads would not help: opening a small picture is mostly Python code, which holds the interpreter's lock. Two threads
read 28 x 28 PNG files no faster than one.
"""

from __future__ import annotations

import gc
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import islice
from pickle import PicklingError
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.machine.environment import usable_cores

if TYPE_CHECKING:
    from concurrent.futures import Future

    from edge_mnist_runtime.predictions import Outcome, Predictor

CHUNKS_AHEAD: Final = 3
"""Maximum number of chunks per process that are in work or wait to be fetched. This bounds the memory."""

MIN_PICTURES: Final = 512
"""Fewer pictures are classified before other processes have started."""

MAX_PROCESSES: Final = 8
"""Maximum number of processes by default; each takes about 60 MB."""

_in_child: dict[str, Predictor] = {}
"""The predictor of a child process, under the key `predictor`."""


def default_processes(n_pictures: int) -> int:
    """Number of processes for so many pictures: 1 for few, else one per core, at most `MAX_PROCESSES`."""
    return 1 if n_pictures < MIN_PICTURES else min(usable_cores(), MAX_PROCESSES)


def predict_chunks(predictor: Predictor, chunks: Iterable[list[Any]], *, processes: int) -> Iterator[list[Outcome]]:
    """Classify chunks of pictures in child processes.

    Args:
        predictor: The model and its options. Children get it by fork on Linux, elsewhere by pickle.
        chunks: Pictures that can be pickled. The calling process draws a chunk when a child has room for it.
        processes: Number of child processes.

    Yields:
        The predictions and errors of each chunk, in order.

    Raises:
        UsageError: A picture or the network cannot be pickled, or a process was killed.
    """
    # Imported here, because a cold start needs only `default_processes`.
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(processes, context, _begin, (predictor,))
    source = iter(chunks)
    waiting: deque[Future[list[Outcome]]] = deque()
    try:
        while True:
            for chunk in islice(source, CHUNKS_AHEAD * processes - len(waiting)):
                waiting.append(pool.submit(_predict, chunk))
            if not waiting:
                return
            yield _result_of(waiting.popleft())
    except BrokenProcessPool as error:
        raise UsageError(
            f"one of {processes} processes was killed, maybe because memory ran out; use fewer processes"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _result_of(outcomes: Future[list[Outcome]]) -> list[Outcome]:
    try:
        return outcomes.result()
    except (PicklingError, TypeError, AttributeError) as error:  # whichever pickle raises
        raise UsageError(f"{error}; pictures go to other processes as paths, bytes or arrays") from error


def _begin(predictor: Predictor) -> None:
    gc.freeze()  # a collection would touch, and so copy, the memory shared with the parent
    _in_child["predictor"] = predictor


def _predict(pictures: list[Any]) -> list[Outcome]:
    return _in_child["predictor"].predict_many(pictures)
