"""Run the application: bind its port, serve until SIGTERM or Ctrl-C, then answer what was taken."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
from functools import partial
from ipaddress import ip_address
from math import ceil
from typing import TYPE_CHECKING, Any, Final

import uvicorn
from prometheus_client import disable_created_metrics
from uvicorn.protocols.http.h11_impl import H11Protocol

from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.errors import UnfitDeviceError, UsageError
from edge_mnist_runtime.paths import explain
from edge_mnist_runtime.service.application import create_app
from edge_mnist_runtime.service.log import log, start_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.service.config import ServiceConfig

SAMPLE: Final = "7-mnist-shaped.png"
"""The sample picture that the classifier must read right before the service starts."""

MAX_CONNECTIONS: Final = 1000
"""Maximum number of open connections. Further ones are closed at once."""

EXTRA_S: Final = 10
"""Seconds beyond the time-out of a request, for sending its answer. Then a stop or the connection's limit ends it."""


def bind(host: str, port: int) -> socket.socket:
    """Reserve the address, so that a port in use is found before the model is loaded.

    Args:
        host: Name or address; 127.0.0.1 is reached from this machine alone, 0.0.0.0 and :: from any.
        port: 0..65535; 0 takes a free one.

    Returns:
        A listening socket.

    Raises:
        UsageError: The address is not this machine's, is in use, or needs more rights.
    """
    if not 0 <= port <= 65535:
        raise UsageError(f"`port` is {port}; expected 0..65535, where 0 takes a free one")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:  # UnicodeError: a name that is too long or has an empty part
        raise UsageError(f"{host}: not an address of this machine ({explain(error)}); name another `host`") from error
    family, kind, protocol, _, address = found[0]
    # Not `socket.create_server`: it names no protocol, and asyncio then leaves Nagle's algorithm on, 40 ms an answer.
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it would let two programs share the port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            advice = "is in use by another program; stop it, or name another `port`"
        elif error.errno == errno.EACCES:
            advice = "needs more rights than this user has; name a `port` from 1024 on"
        else:
            advice = f"cannot be used ({explain(error)}); name another `host`"
        listening.close()
        raise UsageError(f"{host}:{port} {advice}") from error
    return listening


def require_reading(classifier: DigitClassifier) -> None:
    """Check that the classifier reads a sample picture right.

    Raises:
        UnfitDeviceError: It does not.
    """
    digit = classifier.predict(read_samples()[SAMPLE]).likeliest
    if digit != int(SAMPLE[0]):
        raise UnfitDeviceError(f"the model reads the sample {SAMPLE} as {digit}; see edge-mnist doctor and verify")


def serve(classifier: DigitClassifier, config: ServiceConfig, listening: socket.socket) -> None:
    """Serve until SIGTERM or Ctrl-C. No request that was taken is lost: it is answered first.

    Args:
        classifier: Answers the requests.
        config: The limits.
        listening: Result of `bind`.

    Raises:
        UnfitDeviceError: The classifier reads a sample picture wrong.
        KeyboardInterrupt: Ctrl-C stopped the service.
    """
    require_reading(classifier)
    start_log()
    # The date of each counter's first value would double the number of series.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    seconds = ceil(config.timeout_s) + EXTRA_S
    server = _Server(
        uvicorn.Config(
            create_app(classifier, config),
            http=_make_protocol(seconds),
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=seconds,
        ),
        partial(_log_start, listening.getsockname(), classifier.engine.contract.name, bool(config.token)),
    )
    # uvicorn raises the signal again when it has stopped. The exit code must still be 0.
    signal.signal(signal.SIGTERM, lambda *_: setattr(server, "should_exit", True))
    gc.freeze()  # what is loaded by now stays, so collections need not look at it
    server.run(sockets=[listening])
    log("stopped")


def _log_start(address: Any, model: str, needs_token: bool) -> None:
    host, port = address[:2]
    shown = f"[{host}]" if ":" in host else host
    log("started", address=f"http://{shown}:{port}", model=model, needs_token=needs_token)
    if not needs_token and not ip_address(host).is_loopback:
        log("anyone who reaches this address may send requests: no token is required", logging.WARNING)


class _Server(uvicorn.Server):
    """Calls `on_start` when it accepts connections. By then it also handles signals."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_start()


class _BoundedConnection(H11Protocol):
    """A connection that is closed if no new request begins on it for a long time.

    uvicorn limits only the time between requests. A client could hold a connection by sending a head byte by byte, a
    body after it was refused, or by not reading the answer.
    """

    def __init__(self, seconds: int, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._seconds = seconds
        self._seen: object = None
        self._seen_at = self.loop.time()
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if len(self.connections) > MAX_CONNECTIONS:
            transport.abort()
        else:
            self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._note_request()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._timer:
            self._timer.cancel()
        super().connection_lost(exc)

    def _note_request(self) -> None:
        if self.cycle is not self._seen:
            self._seen, self._seen_at = self.cycle, self.loop.time()

    def _watch(self) -> None:
        self._note_request()
        seconds_left = self._seen_at + self._seconds - self.loop.time()
        if seconds_left > 0:
            self._timer = self.loop.call_later(seconds_left, self._watch)
        else:  # still the same request, or none
            self.transport.abort()


def _make_protocol(seconds: int) -> type[asyncio.Protocol]:
    """The class of connections that are closed if no new request begins for `seconds`."""
    return partial(_BoundedConnection, seconds)  # type: ignore[return-value]  # uvicorn only calls it
