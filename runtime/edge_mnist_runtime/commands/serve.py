"""`edge-mnist serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import (
    BackendOption,
    LeastConfidenceOption,
    MinVersionOption,
    ModelOption,
    parse_least_confidence,
)

SignerOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PUB",
        help="Serve only a bundle that this Ed25519 public key (PEM) signed. Needs the extra sign.",
        show_default=False,
    ),
]
TokenOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Bearer token that /classify and /metrics require. Only you may read the file.",
        show_default="no token",
    ),
]


def serve(
    model: ModelOption = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on: 127.0.0.1 is this machine alone, 0.0.0.0 any.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one, which the log names.")] = 8000,
    token_file: TokenOption = None,
    least_confidence: LeastConfidenceOption = None,
    backend: BackendOption = None,
    require_signature: SignerOption = None,
    min_version: MinVersionOption = None,
    max_bytes: Annotated[int, typer.Option(help="Maximum size of a request body.")] = 8_000_000,
    max_requests: Annotated[
        int, typer.Option(help="Maximum number of requests in progress; others get status 503.")
    ] = 32,
    timeout_s: Annotated[float, typer.Option("--timeout", help="Seconds until a request must be answered.")] = 10.0,
    debug: DebugOption = False,
) -> None:
    """Classify pictures over HTTP: POST /classify.

    Also GET /healthz, /readyz, /metrics (Prometheus) and /openapi.json. The
    log is JSON on standard error. SIGTERM and Ctrl-C first answer the requests
    that were taken. Exit code 2: the port is in use.
    """
    from edge_mnist_runtime.extras import require_extra

    require_extra("serve", "edge-mnist serve", "fastapi", "uvicorn", "prometheus_client")
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import require_backend
    from edge_mnist_runtime.service.bearer_token import read_token
    from edge_mnist_runtime.service.config import ServiceConfig
    from edge_mnist_runtime.service.server import bind
    from edge_mnist_runtime.service.server import serve as serve_until_stopped

    config = ServiceConfig(read_token(token_file) if token_file else None, max_bytes, max_requests, timeout_s)
    known_backend = require_backend(backend)
    with bind(host, port) as listening:
        with chatter_silenced(show=debug):
            classifier = DigitClassifier(
                model,
                least_confidence=parse_least_confidence(least_confidence),
                backend=known_backend,
                require_signature=require_signature,
                min_version=min_version,
            )
        serve_until_stopped(classifier, config, listening)
