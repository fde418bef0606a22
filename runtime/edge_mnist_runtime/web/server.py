"""Serve the page on this machine alone."""

from __future__ import annotations

from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from edge_mnist_runtime.errors import UsageError

HOST: Final = "127.0.0.1"

HEADERS: Final = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "frame-ancestors 'none'",  # all else is in the page
    "Permissions-Policy": "camera=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


class PageServer(ThreadingHTTPServer):
    """Answers GET and HEAD of `/` with a page, and everything else with an error.

    Args:
        page: The page, UTF-8.
        port: The port; 0 for any that is free.

    Raises:
        UsageError: The port is in use or not permitted.
    """

    daemon_threads = True

    def __init__(self, page: bytes, port: int) -> None:
        self.page = page
        try:
            super().__init__((HOST, port), _PageHandler)
        except OSError as error:
            raise UsageError(
                f"`port` {port}: cannot be used ({error.strerror}); name another, or 0 for any that is free"
            ) from error

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://{HOST}:{self.server_port}/"

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Say nothing of browsers that close a connection early."""


class _PageHandler(BaseHTTPRequestHandler):
    server_version, sys_version = "edge-mnist", ""
    server: PageServer

    def do_GET(self) -> None:
        self._answer(with_page=True)

    def do_HEAD(self) -> None:
        self._answer(with_page=False)

    def _answer(self, *, with_page: bool) -> None:
        if self.path.partition("?")[0] not in ("/", "/index.html"):
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        page = self.server.page
        self.send_response(HTTPStatus.OK)
        for name, value in {**HEADERS, "Content-Length": str(len(page))}.items():
            self.send_header(name, value)
        self.end_headers()
        if with_page:
            self.wfile.write(page)

    def log_message(self, *_: Any) -> None:
        """Print no line for each request."""
