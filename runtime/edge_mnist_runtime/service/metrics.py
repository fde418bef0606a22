"""What GET /metrics reports, in the text format of Prometheus.

The names of the metrics are in docs/service.md. Each service has a registry of its own, so that two applications can
live in one process.
"""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Final

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from edge_mnist_runtime.prediction import Prediction

if TYPE_CHECKING:
    from edge_mnist_runtime.predictions import Outcome

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram."""

CONFIDENCES: Final = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
"""Upper bounds of the confidence histogram. It is finest where the answers are: 97 of 100 MNIST digits reach 0.98."""


class ConfidenceHistogram(Collector):
    """A histogram that counts whole batches. prometheus_client's own takes one value in a microsecond."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts = np.zeros(len(CONFIDENCES) + 1, np.int64)
        self._sum = 0.0

    def add(self, confidences: Sequence[float]) -> None:
        """Count confidences, 0..1."""
        values = np.array(confidences, np.float64)
        counts = np.bincount(np.searchsorted(CONFIDENCES, values), minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(values.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """What Prometheus reads: cumulative counts by upper bound."""
        with self._lock:
            totals, total = [*accumulate(self._counts.tolist())], self._sum
        bounds = [*map(str, CONFIDENCES), "+Inf"]
        family = HistogramMetricFamily("edge_mnist_confidence", "Highest probability of each picture that was read.")
        family.add_metric([], [*zip(bounds, totals, strict=True)], total)
        yield family


class ServiceMetrics:
    """Counts requests and predictions."""

    def __init__(self, model: dict[str, str]) -> None:
        self._registry = CollectorRegistry()
        self._confidences = ConfidenceHistogram()
        self._registry.register(self._confidences)
        ProcessCollector(registry=self._registry)
        Info("edge_mnist_model", "The model that answers.", registry=self._registry).info(model)
        self.in_progress = Gauge(
            "edge_mnist_requests_in_progress", "Requests to /classify in progress.", registry=self._registry
        )
        self._requests = Counter(
            "edge_mnist_requests", "Requests by path and status.", ["path", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "edge_mnist_request_seconds",
            "Time from the head of a request to the end of its answer.",
            ["path"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._digits = Counter(
            "edge_mnist_predictions", "Accepted predictions by digit.", ["digit"], registry=self._registry
        )
        self._rejections = Counter(
            "edge_mnist_rejections",
            "Pictures without an accepted digit, by reason.",
            ["reason"],
            registry=self._registry,
        )

    def add_request(self, path: str, status: int, seconds: float) -> None:
        """Count one request. `path` must be one of the service's own, because each value is a series of its own."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def add_outcomes(self, outcomes: Sequence[Outcome]) -> None:
        """Count the results of one request. Pictures that cannot be read have the reason `unreadable`."""
        predictions = [outcome for outcome in outcomes if isinstance(outcome, Prediction)]
        self._confidences.add([prediction.confidence for prediction in predictions])
        digits = Tally([prediction.digit for prediction in predictions])
        n_rejected = digits.pop(None, 0)
        for digit, count in digits.items():
            self._digits.labels(str(digit)).inc(count)
        if n_rejected:
            for reason, count in Tally([prediction.reason for prediction in predictions if prediction.reason]).items():
                self._rejections.labels(reason).inc(count)
        if len(predictions) < len(outcomes):
            self._rejections.labels("unreadable").inc(len(outcomes) - len(predictions))

    def write(self) -> bytes:
        """All metrics as text."""
        return generate_latest(self._registry)
