"""The application: POST /classify, GET /healthz, /readyz, /metrics and /openapi.json."""

from __future__ import annotations

import hmac
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio
from fastapi import Depends, FastAPI, HTTPException, Query, Request, Response, Security
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import ClientDisconnect

import edge_mnist_runtime
from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.service.answers import ClassifyAnswer, HealthAnswer, ProblemAnswer, ReadinessAnswer
from edge_mnist_runtime.service.body import JSON, describe_body, find_content_type, read_body
from edge_mnist_runtime.service.classification import Classification
from edge_mnist_runtime.service.metrics import ServiceMetrics
from edge_mnist_runtime.service.observation import CLASSIFY, NO_ANSWER, Observation
from edge_mnist_runtime.service.unread_body import UnreadBody

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.service.config import ServiceConfig

RETRY_AFTER: Final = {"Retry-After": "1"}
"""Header of every 503: try again after a second."""

METRICS_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Content type of the text format of Prometheus."""

Credentials = Annotated[HTTPAuthorizationCredentials | None, Security(HTTPBearer(auto_error=False))]
Probabilities = Annotated[bool, Query(description="Also return the probabilities of all ten digits.")]

NEEDS_TOKEN: Final = {401: "The bearer token is missing or wrong."}
PROBLEMS: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too long.",
    415: "The content type is unknown, or the body is compressed.",
    422: "The body is malformed, or its only picture cannot be read.",
    503: "Too many requests are in progress, or the answer took too long. Try again after `Retry-After` seconds.",
}


NO_OTHER_HOSTS: Final[dict[str, Any]] = {"docs_url": None, "redoc_url": None, "redirect_slashes": False}
"""FastAPI's pages of documentation load scripts from other hosts, and a redirect would name the host that the client
named."""


def create_app(classifier: DigitClassifier, config: ServiceConfig) -> FastAPI:
    """Make the application that answers with `classifier`, within the limits of `config`."""
    about = _describe_model(classifier)
    metrics = ServiceMetrics({name: value or "unknown" for name, value in about.items()})
    classification = Classification(classifier, metrics)
    gate = _Gate(classification, metrics, config)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        classification.close()

    app = FastAPI(
        title="edge-mnist",
        version=edge_mnist_runtime.__version__,
        description="Classify pictures of handwritten digits.",
        lifespan=lifespan,
        **NO_OTHER_HOSTS,
    )
    app.add_middleware(UnreadBody, timeout_s=config.timeout_s)
    app.add_middleware(Observation, metrics=metrics)
    app.add_exception_handler(RequestValidationError, _refuse_parameters)
    guarded: dict[str, Any] = {"dependencies": [Depends(_make_guard(config.token))]} if config.token else {}
    token_problems = NEEDS_TOKEN if config.token else {}

    @app.post(
        CLASSIFY,
        response_model=ClassifyAnswer,
        responses=_describe(token_problems | PROBLEMS),
        openapi_extra={"requestBody": describe_body()},
        **guarded,
    )
    async def classify(request: Request, probabilities: Probabilities = False) -> Response:
        """Classify one picture, or a batch."""
        return await gate.answer(request, probabilities=probabilities)

    @app.get("/healthz", response_model=HealthAnswer)
    async def healthz() -> Response:
        """Whether the process answers."""
        return JSONResponse({"status": "ok"})

    @app.get("/readyz", response_model=ReadinessAnswer, responses=_describe({503: PROBLEMS[503]}))
    async def readyz() -> Response:
        """Whether a request would be taken now."""
        gate.require_room()
        return JSONResponse({"status": "ready", **about})

    @app.get(
        "/metrics",
        response_class=Response,
        responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, **_describe(token_problems)},
        **guarded,
    )
    async def read_metrics() -> Response:
        """Metrics in the text format of Prometheus."""
        return Response(metrics.write(), headers={"Content-Type": METRICS_TYPE})

    return app


def _describe_model(classifier: DigitClassifier) -> dict[str, str | None]:
    """The fields of `ReadinessAnswer` but its status."""
    contract = classifier.engine.contract
    return {
        "model": contract.name,
        "precision": contract.precision,
        "sha256": classifier.engine.sha256,
        "version": edge_mnist_runtime.__version__,
    }


class _Gate:
    """Bounds the number of requests in progress, the size of their bodies and their time."""

    def __init__(self, classification: Classification, metrics: ServiceMetrics, config: ServiceConfig) -> None:
        self._classification, self._metrics, self._config = classification, metrics, config
        self._n_requests = 0

    def require_room(self) -> None:
        """Raise `HTTPException` 503 if there are too many requests."""
        if self._n_requests >= self._config.max_requests:
            raise HTTPException(503, "too many requests; try again", RETRY_AFTER)

    async def answer(self, request: Request, *, probabilities: bool) -> Response:
        """Answer one request to /classify.

        Raises:
            HTTPException: One of `PROBLEMS`.
        """
        self.require_room()
        self._n_requests += 1
        self._metrics.in_progress.set(self._n_requests)
        try:
            return await self._answer(request, probabilities=probabilities)
        except ClientDisconnect:
            return Response(status_code=NO_ANSWER)  # nobody receives it, but it is logged
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        finally:
            self._n_requests -= 1
            self._metrics.in_progress.set(self._n_requests)

    async def _answer(self, request: Request, *, probabilities: bool) -> Response:
        seconds = self._config.timeout_s
        deadline = time.monotonic() + seconds
        kind = find_content_type(request)
        try:
            with anyio.fail_after(seconds):
                body = await read_body(request, self._config.max_bytes)
        except TimeoutError:
            raise HTTPException(408, f"the body did not arrive within {seconds:g} seconds") from None
        try:
            with anyio.fail_after(deadline - time.monotonic()):
                answer = await self._classification.answer(kind, body, probabilities=probabilities, deadline=deadline)
        except TimeoutError:
            raise HTTPException(
                503, f"no answer within {seconds:g} seconds; send fewer pictures", RETRY_AFTER
            ) from None
        return Response(answer, media_type=JSON)


def _make_guard(token: str) -> Callable[[Credentials], Awaitable[None]]:
    """Make a dependency that refuses requests without the token."""
    expected = token.encode()

    async def require_token(credentials: Credentials) -> None:
        sent = credentials.credentials.encode() if credentials else b""
        if not hmac.compare_digest(sent, expected):
            raise HTTPException(401, "send the token: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"})

    return require_token


def _describe(problems: dict[int, str]) -> dict[int | str, dict[str, Any]]:
    """Describe error statuses for OpenAPI."""
    described: dict[int | str, dict[str, Any]] = {}
    for status, description in problems.items():
        described[status] = {"model": ProblemAnswer, "description": description}
        if status == 503:
            described[status]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "required": True}}
    return described


async def _refuse_parameters(_: Request, error: Exception) -> Response:
    """Refuse a request with a malformed parameter, in one line."""
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this error alone
    fault = error.errors()[0]
    return JSONResponse({"detail": f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"}, 422)
