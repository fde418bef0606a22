"""Classify the body of one request: tensors in batches shared with other requests, pictures in threads."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.machine.environment import usable_cores
from edge_mnist_runtime.service.answers import write_predictions
from edge_mnist_runtime.service.batching import TensorBatcher
from edge_mnist_runtime.service.body import JSON, TENSORS, TEXT, parse_data_url, parse_json, parse_tensors
from edge_mnist_runtime.tensor import DARK

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.inputs import Picture
    from edge_mnist_runtime.predictions import Outcome
    from edge_mnist_runtime.service.metrics import ServiceMetrics
    from edge_mnist_runtime.tensor import Pixels

CHUNK_TENSORS: Final = 64
"""Number of tensors without dark corners that are classified before the time is checked again."""


class Classification:
    """Makes answers. Its methods run in the event loop; the work runs in threads.

    Args:
        classifier: The classifier, which all threads share.
        metrics: Counts the results.
    """

    def __init__(self, classifier: DigitClassifier, metrics: ServiceMetrics) -> None:
        self._classifier = classifier
        self._metrics = metrics
        self._tensors = TensorBatcher(self._predict_tensors)
        # More threads than cores would only make every answer later.
        self._pictures = ThreadPoolExecutor(usable_cores(), thread_name_prefix="pictures")

    async def answer(self, kind: str, body: bytes, *, probabilities: bool, deadline: float) -> bytes:
        """Classify what a body holds.

        Args:
            kind: Result of `find_content_type`.
            body: The body.
            probabilities: Whether the answer holds all ten probabilities of each picture.
            deadline: Value of `time.monotonic()` at which the work is given up.

        Returns:
            The JSON of `ClassifyAnswer`.

        Raises:
            HTTPException: 422: the body is malformed.
            InputError: Its only picture cannot be read. In JSON each picture has a result of its own.
            TimeoutError: The deadline has passed.
        """
        finish = partial(self._finish, probabilities=probabilities)
        if kind == TENSORS:
            images = parse_tensors(body)
            if (images[:, ::27, ::27] < DARK).all():  # the corners
                return await self._tensors.answer(images, finish)
            # Others are read like pictures, which can take a thousand times as long, and must not hold up requests.
            work = partial(self._read_tensors, images, deadline)
        else:
            work = partial(self._read_pictures, kind, body, deadline)
        return await asyncio.get_running_loop().run_in_executor(self._pictures, lambda: finish([*work()]))

    def close(self) -> None:
        """End the threads."""
        self._tensors.close()
        self._pictures.shutdown(wait=False, cancel_futures=True)

    def _predict_tensors(self, images: Pixels) -> list[Outcome]:
        return [*self._classifier.predict_batch(images)]

    def _read_tensors(self, images: Pixels, deadline: float) -> Iterator[Outcome]:
        for start in range(0, len(images), CHUNK_TENSORS):
            _require_time(deadline)
            yield from self._classifier.predict_batch(images[start : start + CHUNK_TENSORS])

    def _read_pictures(self, kind: str, body: bytes, deadline: float) -> Iterator[Outcome]:
        if kind != JSON:
            _require_time(deadline)
            yield self._classifier.predict(parse_data_url(body) if kind == TEXT else body)
            return
        for picture in parse_json(body):
            _require_time(deadline)
            yield self._predict_or_error(picture)

    def _predict_or_error(self, picture: Picture) -> Outcome:
        try:
            return self._classifier.predict(picture)
        except InputError as error:
            return error

    def _finish(self, outcomes: Sequence[Outcome], *, probabilities: bool) -> bytes:
        self._metrics.add_outcomes(outcomes)
        return write_predictions(outcomes, probabilities=probabilities)


def _require_time(deadline: float) -> None:
    if time.monotonic() >= deadline:
        raise TimeoutError
