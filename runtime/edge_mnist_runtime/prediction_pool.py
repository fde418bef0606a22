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
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.environment import usable_cores
from edge_mnist_runtime.errors import InputError, UsageError
from edge_mnist_runtime.prediction import Prediction

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier

CHUNKS_AHEAD: Final = 3
"""Chunks for each process that are being read or wait to be fetched: what bounds the memory."""

LEAST_PICTURES: Final = 512
"""Fewer than that are done before other processes have started."""

MOST_PROCESSES: Final = 8
"""Each takes some 60 MB."""

Outcome: TypeAlias = "Prediction | InputError"

Packed: TypeAlias = tuple[list[Any], bytes]
"""A chunk's outcomes on their way between processes: errors, or digit, confidence, reason and quality; and all
probabilities together, float32. Pickling an array for each would take longer than the network."""

_in_child: dict[str, Any] = {}
"""The child's classifier, under `classifier`."""


def default_processes(n_pictures: int) -> int:
    """Processes that are worth their start for that many pictures: one a core, at most `MOST_PROCESSES`."""
    return 1 if n_pictures < LEAST_PICTURES else min(usable_cores(), MOST_PROCESSES)


def predict_chunks(
    classifier: DigitClassifier, chunks: Iterable[list[Any]], *, processes: int
) -> Iterator[list[Outcome]]:
    """Classify chunks of pictures in processes of their own.

    Args:
        classifier: What classifies them. On Linux its model travels by fork, elsewhere by pickle.
        chunks: Pictures that can be pickled; taken by the caller's process when there is room for them.
        processes: How many.

    Yields:
        What became of the pictures of each chunk, in order.

    Raises:
        UsageError: A picture or the classifier cannot be pickled, or a process was killed.
    """
    # Loaded here, because a cold start asks for `default_processes` alone.
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool
    from multiprocessing import get_context

    context = get_context("fork" if sys.platform == "linux" else "spawn")
    pool = ProcessPoolExecutor(processes, context, _begin, (classifier,))
    source, waiting = iter(chunks), deque[Future[Packed]]()
    try:
        while True:
            for chunk in islice(source, CHUNKS_AHEAD * processes - len(waiting)):
                waiting.append(pool.submit(_predict, chunk))
            if not waiting:
                return
            yield _unpack(*waiting.popleft().result())
    except BrokenProcessPool as error:
        raise UsageError(
            f"one of {processes} processes was killed, maybe for want of memory; ask for fewer processes"
        ) from error
    except (TypeError, AttributeError) as error:  # what pickle raises
        raise UsageError(f"{error}; pictures go to other processes as paths, bytes or arrays") from error
    finally:
        pool.shutdown(cancel_futures=True)


def _begin(classifier: DigitClassifier) -> None:
    gc.freeze()  # what came by fork is never garbage here, and looking at it would copy its memory
    _in_child["classifier"] = classifier


def _predict(pictures: list[Any]) -> Packed:
    outcomes: list[Outcome] = _in_child["classifier"].predict_batch(pictures, on_error="return")
    verdicts = [
        outcome
        if isinstance(outcome, InputError)
        else (outcome.digit, outcome.confidence, outcome.reason, outcome.quality)
        for outcome in outcomes
    ]
    rows = [outcome.probabilities for outcome in outcomes if not isinstance(outcome, InputError)]
    return verdicts, np.array(rows, np.float32).tobytes()


def _unpack(verdicts: list[Any], probabilities: bytes) -> list[Outcome]:
    rows = iter(np.frombuffer(probabilities, np.float32).reshape(-1, 10))
    return [
        verdict if isinstance(verdict, InputError) else Prediction(verdict[0], verdict[1], next(rows), *verdict[2:])
        for verdict in verdicts
    ]
