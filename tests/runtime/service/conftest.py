"""Start `edge-mnist serve` in a process of its own, and call it over loopback."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

PROGRAM = """
import sys
from edge_mnist_runtime.commands.app import main
from edge_mnist_runtime.service import server

server.EXTRA_S = 1  # shorter, so that tests need not wait
main()
"""


@dataclass
class Service:
    """A running service."""

    process: subprocess.Popen[str]
    address: str
    log: Path
    client: httpx.Client
    """Keeps connections open, and saves the 25 ms that `httpx.post` takes to load certificates."""

    def post(self, body: Any, kind: str = "image/png", **options: Any) -> httpx.Response:
        """POST to /classify."""
        headers = {"Content-Type": kind, **options.pop("headers", {})}
        return self.client.post(f"{self.address}/classify", content=body, headers=headers, **options)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.client.get(self.address + path, **options)

    def connect(self) -> socket.socket:
        """A connection of its own."""
        host, port = self.address.removeprefix("http://").split(":")
        return socket.create_connection((host, int(port)), timeout=30)

    def resident_mb(self) -> float:
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * 4096 / 1e6

    def read_log(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def metric(self, name: str) -> float:
        """The value of a metric; 0 for one that does not exist yet."""
        lines = [line for line in self.get("/metrics").text.splitlines() if line.startswith(f"{name} ")]
        return float(lines[0].rpartition(" ")[2]) if lines else 0.0


Serve = Callable[..., AbstractContextManager[Service]]


@pytest.fixture(scope="session")
def serve(tmp_path_factory: pytest.TempPathFactory, start_interruptible: Callable[..., Any]) -> Serve:
    """Start a service with some options, and wait until it has started."""

    @contextmanager
    def start(*options: object) -> Iterator[Service]:
        log = tmp_path_factory.mktemp("service") / "log"
        command = [sys.executable, "-c", PROGRAM, "serve", "--port", 0, *options]
        # The log goes to a file: nobody reads a pipe while requests are made.
        shell = ["sh", "-c", 'log=$1; shift; exec "$@" 2>"$log"', "sh", log]
        process = start_interruptible([*shell, *command])
        try:
            while not (log.exists() and "\n" in log.read_text()):
                assert process.poll() is None, log.read_text()
                time.sleep(0.05)
            (first, *_) = log.read_text().splitlines()
            assert first.startswith("{"), first
            with httpx.Client(timeout=60) as client:
                yield Service(process, json.loads(first)["address"], log, client)
        finally:
            process.kill()
            process.communicate()

    return start
