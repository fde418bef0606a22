"""Receive the rest of a refused body before the connection is closed, so that the client gets the refusal.

Clients that announce `Connection: close`, such as urllib and nginx, read no answer before they have sent the body.
A connection that is closed with bytes unread is reset, and the client sees only that.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class UnreadBody:
    """An ASGI middleware.

    Args:
        app: The application.
        timeout_s: Time from the head of a request until its body is no longer received.
    """

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self._app, self._timeout_s = app, timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; before it answers, receive what it left of the body, and drop it."""
        if scope["type"] != "http" or not _closes_connection(scope):
            await self._app(scope, receive, send)
            return
        deadline, is_complete = time.monotonic() + self._timeout_s, False

        async def receive_noting() -> Message:
            nonlocal is_complete
            message = await receive()
            is_complete = not message.get("more_body", False)  # also if the client went away
            return message

        async def send_after_body(message: Message) -> None:
            with anyio.move_on_after(deadline - time.monotonic()):
                while not is_complete:
                    await receive_noting()
            await send(message)

        await self._app(scope, receive_noting, send_after_body)


def _closes_connection(scope: Scope) -> bool:
    """Whether the client sends its body at once, and the connection is closed after the answer."""
    headers = dict(scope["headers"])
    if b"expect" in headers:  # the client waits before it sends the body
        return False
    return scope["http_version"] == "1.0" or b"close" in headers.get(b"connection", b"").lower()
