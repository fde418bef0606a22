"""Classify the tensors of several requests in one call of the network.

A call for one tensor takes three times as long a tensor as a large batch. While a batch is classified, further
requests wait, and make up the next batch. A request that finds nothing waiting is classified at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from edge_mnist_runtime.predictions import Outcome
    from edge_mnist_runtime.tensor import Pixels

MAX_BATCH: Final = 2048
"""Number of tensors from which on no further request joins a batch. Larger batches are hardly faster, and delay all."""

Classify = Callable[["Pixels"], "list[Outcome]"]
Finish = Callable[["list[Outcome]"], bytes]


class _Job(NamedTuple):
    images: Pixels
    """uint8, shape (N, 28, 28)."""
    finish: Finish
    """Makes the answer. It runs in the thread that classified."""
    answer: asyncio.Future[bytes]


class TensorBatcher:
    """Batches the tensors of waiting requests. All its methods run in the event loop; `classify` runs in a thread.

    Args:
        classify: Classifies uint8, shape (N, 28, 28).
    """

    def __init__(self, classify: Classify) -> None:
        self._classify = classify
        self._waiting: deque[_Job] = deque()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tensors")
        self._is_busy = False

    async def answer(self, images: Pixels, finish: Finish) -> bytes:
        """Classify the tensors of one request, uint8, shape (N, 28, 28), and return what `finish` makes of the results.

        If the caller is cancelled while it waits, its tensors are dropped.
        """
        job = _Job(images, finish, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        if not self._is_busy:
            self._start()
        return await job.answer

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        """Start the next batch, unless nothing waits."""
        jobs: list[_Job] = []
        n_tensors = 0
        while self._waiting and n_tensors < MAX_BATCH:
            job = self._waiting.popleft()
            if not job.answer.done():
                jobs.append(job)
                n_tensors += len(job.images)
        self._is_busy = bool(jobs)
        if jobs:
            done = asyncio.get_running_loop().run_in_executor(self._thread, self._run, jobs)
            done.add_done_callback(lambda batch: self._deliver(jobs, batch))

    def _run(self, jobs: list[_Job]) -> list[bytes]:
        images = jobs[0].images if len(jobs) == 1 else np.concatenate([job.images for job in jobs])
        outcomes = self._classify(images)
        answers, start = [], 0
        for job in jobs:
            end = start + len(job.images)
            answers.append(job.finish(outcomes[start:end]))
            start = end
        return answers

    def _deliver(self, jobs: list[_Job], batch: asyncio.Future[list[bytes]]) -> None:
        self._start()
        error = None if batch.cancelled() else batch.exception()
        for index, job in enumerate(jobs):
            if job.answer.done():
                continue
            if batch.cancelled():
                job.answer.cancel()
            elif error:
                job.answer.set_exception(error)
            else:
                job.answer.set_result(batch.result()[index])
