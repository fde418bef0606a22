"""data: URLs (RFC 2397), which hold a file's bytes as text: what a browser's canvas gives by `toDataURL`."""

from __future__ import annotations

import base64
import binascii
from typing import Final
from urllib.parse import unquote_to_bytes

from edge_mnist_runtime.errors import PictureError

SCHEME: Final = "data:"

ORIGIN: Final = "data: URL"
"""How messages name one: as a whole it would fill pages."""


def is_data_url(text: str) -> bool:
    """Whether a text is meant as a data: URL. Letters' case in the scheme does not matter (RFC 3986, 3.1)."""
    return text[: len(SCHEME)].lower() == SCHEME


def decode_data_url(url: str) -> bytes:
    """The bytes that a data: URL holds.

    Raises:
        PictureError: It has no comma, or is damaged base64.
    """
    head, comma, body = url[len(SCHEME) :].partition(",")
    if not comma:
        raise PictureError(f"{ORIGIN}: no comma in it; expected data:image/png;base64,...")
    data = unquote_to_bytes(body.strip())
    if not head.strip().lower().endswith(";base64"):
        return data
    try:
        return _decode_base64(b"".join(data.split()))
    except (binascii.Error, ValueError) as error:
        raise PictureError(f"{ORIGIN}: damaged base64 ({error}); was it cut off?") from error


def _decode_base64(text: bytes) -> bytes:
    """base64, or its form for URLs (RFC 4648, 5): - and _ stand for + and /, and the = at the end may be missing."""
    if b"-" in text or b"_" in text:
        if b"+" in text or b"/" in text:
            raise ValueError("it mixes + or / with - or _")
        text = text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4)
    return base64.b64decode(text, validate=True)


def shorten(url: str, *, n_characters: int = 40) -> str:
    """As lists of results show it."""
    return url if len(url) <= n_characters else f"{url[:n_characters]}..."
