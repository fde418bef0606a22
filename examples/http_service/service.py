"""Classify pictures of digits over HTTP.

    python service.py [--host 127.0.0.1] [--port 8000] [--model MODEL]

    POST /v1/classify   a picture as the body, or as a file of a form -> the prediction as JSON
    GET  /v1/info       the model and the limits
    GET  /healthz       200 after the classifier has read a sample picture right

Importing this module does nothing. `create_app` makes the application, which loads the model when it starts.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import uvicorn
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from starlette.datastructures import UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

import edge_mnist_runtime
from edge_mnist_runtime import DigitClassifier, EdgeMnistError, InputError
from edge_mnist_runtime.bench.sample_digits import read_samples

GOLDEN_SAMPLE = "7-mnist-shaped.png"
"""The sample picture that the classifier must read right before the service starts."""


@dataclass(frozen=True)
class Settings:
    """Model and limits of the service."""

    model: str | None = None
    """Argument of `DigitClassifier`."""
    max_bytes: int = 8_000_000
    """Maximum length of a request body."""
    max_requests: int = 32
    """Maximum number of requests in progress. Others get status 503."""
    max_predictions: int = 0
    """Maximum number of threads that predict; 0: one for each processor of this process."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """Make the application. When it starts, it loads and tests the model."""
    limits = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.classifier = load_proved(limits.model)
        # All threads share one classifier. More threads than processors would only increase latency.
        app.state.threads = anyio.CapacityLimiter(limits.max_predictions or len(os.sched_getaffinity(0)))
        app.state.requests = 0
        yield

    app = FastAPI(title="edge-mnist", lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.post("/v1/classify")
    async def classify(request: Request) -> Response:
        state = request.app.state
        if state.requests >= limits.max_requests:
            raise HTTPException(503, "too many requests; try again", {"Retry-After": "1"})
        state.requests += 1
        try:
            picture = await read_picture_bytes(request, limits.max_bytes)
            # In a thread: reading a photograph takes milliseconds, which would block all other requests.
            prediction = await anyio.to_thread.run_sync(state.classifier.predict, picture, limiter=state.threads)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        except ClientDisconnect:
            return Response(status_code=499)  # nobody receives it, but it is logged
        finally:
            state.requests -= 1
        return JSONResponse(prediction.to_dict())

    @app.get("/v1/info")
    async def info(request: Request) -> dict[str, Any]:
        engine = request.app.state.classifier.engine
        return {
            "edge_mnist": edge_mnist_runtime.__version__,
            "model": engine.contract.name,
            "precision": engine.contract.precision,
            "backend": engine.backend,
            "sha256": engine.sha256,
            "max_bytes": limits.max_bytes,
            "max_requests": limits.max_requests,
        }

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}  # the model has been tested in lifespan

    return app


def load_proved(model: str | None) -> DigitClassifier:
    """Load the classifier and check that it reads a sample picture right.

    Raises:
        EdgeMnistError: The model cannot be used.
        RuntimeError: The model reads the sample wrong.
    """
    classifier = DigitClassifier(model)
    digit = classifier.predict(read_samples()[GOLDEN_SAMPLE]).digit
    if digit != int(GOLDEN_SAMPLE[0]):
        raise RuntimeError(f"{GOLDEN_SAMPLE} is read as {digit}: do not serve this model")
    return classifier


async def read_picture_bytes(request: Request, max_bytes: int) -> bytes:
    """Return the picture in the body, or the first file of a form.

    Raises:
        HTTPException: 413, the body is too long; 422, the form has no file.
    """
    bounded = bound_body(request, max_bytes)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await bounded.body()
    async with bounded.form(max_files=1, max_fields=10) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise HTTPException(422, "the form has no file; send one, as in curl --form file=@digit.png")


def bound_body(request: Request, max_bytes: int) -> Request:
    """Limit a request's body: raise 413 as soon as it is too long, even if its header says otherwise."""
    too_long = HTTPException(413, f"more than {max_bytes:,} bytes")
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_long
    n_received = 0

    async def receive() -> Message:
        nonlocal n_received
        message = await request.receive()
        n_received += len(message.get("body", b""))
        if n_received > max_bytes:
            raise too_long
        return message

    return Request(request.scope, receive)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C, and finish the requests in progress."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1: this machine only; 0.0.0.0: any machine")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", help="robust, edge, micro, nano, a bundle or a model file")
    parser.add_argument("--max-bytes", type=int, default=Settings.max_bytes)
    options = parser.parse_args()
    # uvicorn raises the signal again when it has stopped. The exit code must still be 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        load_proved(options.model)
    except (EdgeMnistError, RuntimeError) as error:
        raise SystemExit(str(error)) from None  # one line; inside uvicorn it would be a traceback
    app = create_app(Settings(options.model, options.max_bytes))
    uvicorn.run(app, host=options.host, port=options.port, timeout_graceful_shutdown=10)


if __name__ == "__main__":
    main()
