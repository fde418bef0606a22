"""Many pictures, classified by several processes: in order, in bounded memory.

Processes and not threads: opening a small picture is mostly Python's own work, of which one process does one at a time.
Two threads read 28 x 28 PNG files no faster than one.
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
"""Chunks for each process that are being read or wait to be fetched: what bounds the memory."""

MIN_PICTURES: Final = 512
"""Fewer than that are done before other processes have started."""

MAX_PROCESSES: Final = 8
"""Each takes some 60 MB."""

_in_child: dict[str, Predictor] = {}
"""What classifies in a child, under `predictor`."""


def default_processes(n_pictures: int) -> int:
    """Processes that are worth their start for that many pictures: one a core, at most `MAX_PROCESSES`."""
    return 1 if n_pictures < MIN_PICTURES else min(usable_cores(), MAX_PROCESSES)


def predict_chunks(predictor: Predictor, chunks: Iterable[list[Any]], *, processes: int) -> Iterator[list[Outcome]]:
    """Classify chunks of pictures in processes of their own.

    Args:
        predictor: What classifies them. On Linux its model travels by fork, elsewhere by pickle.
        chunks: Pictures that can be pickled; taken by the caller's process when there is room for them.
        processes: How many.

    Yields:
        What became of the pictures of each chunk, in order.

    Raises:
        UsageError: A picture or the network cannot be pickled, or a process was killed.
    """
    # Loaded here, because a cold start asks for `default_processes` alone.
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
            f"one of {processes} processes was killed, maybe for want of memory; ask for fewer processes"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _result_of(outcomes: Future[list[Outcome]]) -> list[Outcome]:
    try:
        return outcomes.result()
    except (PicklingError, TypeError, AttributeError) as error:  # whichever pickle raises
        raise UsageError(f"{error}; pictures go to other processes as paths, bytes or arrays") from error


def _begin(predictor: Predictor) -> None:
    gc.freeze()  # what came by fork is never garbage here, and looking at it would copy its memory
    _in_child["predictor"] = predictor


def _predict(pictures: list[Any]) -> list[Outcome]:
    return _in_child["predictor"].predict_many(pictures)
