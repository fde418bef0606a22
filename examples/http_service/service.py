"""One classifier behind HTTP.

    python service.py [--host 127.0.0.1] [--port 8000] [--model MODEL]

    POST /v1/classify   a picture as the body, or as a file of a form -> the prediction as JSON
    GET  /v1/info       which model answers, and the limits
    GET  /healthz       200 once the classifier has read a sample picture right

Nothing happens at import: `create_app` makes the application, and its start loads the model.
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
"""What the classifier must read right before it answers anyone."""


@dataclass(frozen=True)
class Settings:
    """Limits: all that one client can take from the others."""

    model: str | None = None
    """As `DigitClassifier` takes it."""
    most_bytes: int = 8_000_000
    """Longer request bodies are refused."""
    most_requests: int = 32
    """So many requests are held at once, with their bodies; more are told to come again."""
    most_predictions: int = 0
    """So many threads predict at once; 0: as many as there are processors for this process."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application; its start loads the model and proves that it answers."""
    limits = settings or Settings()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.classifier = load_proved(limits.model)
        # One classifier serves all threads. More threads than processors would only make everyone wait longer.
        app.state.threads = anyio.CapacityLimiter(limits.most_predictions or len(os.sched_getaffinity(0)))
        app.state.requests = 0
        yield

    app = FastAPI(title="edge-mnist", lifespan=lifespan, docs_url=None, redoc_url=None)

    @app.post("/v1/classify")
    async def classify(request: Request) -> Response:
        state = request.app.state
        if state.requests >= limits.most_requests:
            raise HTTPException(503, "busy; come again", {"Retry-After": "1"})
        state.requests += 1
        try:
            picture = await read_picture_bytes(request, limits.most_bytes)
            # In a thread: finding a digit in a photograph takes milliseconds, in which the others want to be heard.
            prediction = await anyio.to_thread.run_sync(state.classifier.predict, picture, limiter=state.threads)
        except InputError as error:
            raise HTTPException(422, str(error)) from error
        except ClientDisconnect:
            return Response(status_code=499)  # nobody reads it; the log shows it
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
            "most_bytes": limits.most_bytes,
            "most_requests": limits.most_requests,
        }

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        return {"status": "ok"}  # whoever gets here has been proved: see lifespan

    return app


def load_proved(model: str | None) -> DigitClassifier:
    """The classifier, after it has read a sample picture right.

    Raises:
        EdgeMnistError: The model cannot be used.
        RuntimeError: It reads the sample wrong.
    """
    classifier = DigitClassifier(model)
    digit = classifier.predict(read_samples()[GOLDEN_SAMPLE]).digit
    if digit != int(GOLDEN_SAMPLE[0]):
        raise RuntimeError(f"{GOLDEN_SAMPLE} is read as {digit}: this model is not fit to serve")
    return classifier


async def read_picture_bytes(request: Request, most_bytes: int) -> bytes:
    """The picture in the body, or the first file of a form.

    Raises:
        HTTPException: 413, the body is too long; 422, the form holds no file.
    """
    bounded = bound_body(request, most_bytes)
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        return await bounded.body()
    async with bounded.form(max_files=1, max_fields=10) as form:
        for value in form.values():
            if isinstance(value, UploadFile):
                return await value.read()
    raise HTTPException(422, "the form holds no file; send one, as in curl --form file=@digit.png")


def bound_body(request: Request, most_bytes: int) -> Request:
    """The same request, whose body ends with a 413 as soon as it is too long, whatever its header promised."""
    too_long = HTTPException(413, f"more than {most_bytes:,} bytes")
    if int(request.headers.get("content-length", 0)) > most_bytes:
        raise too_long
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > most_bytes:
            raise too_long
        return message

    return Request(request.scope, receive)


def main() -> None:
    """Serve until SIGTERM or Ctrl-C; requests that are being answered are finished first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1", help="127.0.0.1: this machine alone; 0.0.0.0: everyone")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--model", help="robust, edge, nano, a bundle or a model file")
    parser.add_argument("--most-bytes", type=int, default=Settings.most_bytes)
    options = parser.parse_args()
    # uvicorn raises the signal once more when it is done: a service that ended as it was told to has not failed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        load_proved(options.model)
    except (EdgeMnistError, RuntimeError) as error:
        raise SystemExit(str(error)) from None  # one line; as part of uvicorn's start it would be a traceback
    app = create_app(Settings(options.model, options.most_bytes))
    uvicorn.run(app, host=options.host, port=options.port, timeout_graceful_shutdown=10)


if __name__ == "__main__":
    main()
