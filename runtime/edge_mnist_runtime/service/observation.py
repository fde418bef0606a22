"""Count, time and log every request."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.service.log import log

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from edge_mnist_runtime.service.metrics import ServiceMetrics

CLASSIFY: Final = "/classify"
PATHS: Final = frozenset((CLASSIFY, "/healthz", "/readyz", "/metrics", "/openapi.json"))

OTHER_PATH: Final = "other"
"""The path in metrics of requests to any other path, so that callers cannot make new series."""

NO_ANSWER: Final = 499
"""The status in metrics and log if the client went away before an answer, as in nginx."""


class Observation:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, then record what it answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, n_bytes, start = NO_ANSWER, 0, time.perf_counter()

        async def receive_counting() -> Message:
            nonlocal n_bytes
            message = await receive()
            n_bytes += len(message.get("body", b""))
            return message

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive_counting, send_noting)
        except Exception:
            status = 500
            raise
        finally:
            seconds = time.perf_counter() - start
            path = scope["path"] if scope["path"] in PATHS else OTHER_PATH
            self._metrics.add_request(path, status, seconds)
            if path in (CLASSIFY, OTHER_PATH) or status >= 400:  # probes and scrapes would fill the log
                log(
                    "request",
                    method=scope["method"],
                    path=path,
                    status=status,
                    bytes=n_bytes,
                    ms=round(seconds * 1000, 2),
                )
