"""Decode data: URLs (RFC 2397), which a browser's canvas makes by `toDataURL`."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from edge_mnist_runtime.errors import PictureError

SCHEME: Final = "data:"

ORIGIN: Final = "data: URL"
"""The name of a data: URL in messages, because the whole text can be very long."""

ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
"""An escaped byte (RFC 3986, 2.1)."""

WHITESPACE: Final = b" \t\n\r\x0b\x0c"


def is_data_url(text: str) -> bool:
    """Whether a text begins like a data: URL, in upper or lower case (RFC 3986, 3.1)."""
    return text[: len(SCHEME)].lower() == SCHEME


def decode_data_url(url: str) -> bytes:
    """Decode the bytes of a data: URL.

    Raises:
        PictureError: The comma is missing, or the base64 is damaged.
    """
    head, comma, body = url[len(SCHEME) :].partition(",")
    if not comma:
        raise PictureError(f"{ORIGIN}: no comma in it; expected data:image/png;base64,...")
    data = _unquote(body.strip().encode("utf-8", "surrogatepass"))
    if not head.strip().lower().endswith(";base64"):
        return data
    try:
        return _decode_base64(data.translate(None, WHITESPACE))
    except (binascii.Error, ValueError) as error:
        raise PictureError(f"{ORIGIN}: damaged base64 ({error}); is it complete?") from error


def _unquote(text: bytes) -> bytes:
    """Replace escapes by their bytes. `urllib.parse` takes 100 times the memory of a text that is all escapes."""
    data, end = bytearray(), 0
    for escape in ESCAPE.finditer(text):
        data += text[end : escape.start()]
        data.append(int(escape[1], 16))
        end = escape.end()
    return bytes(data + text[end:])


def _decode_base64(text: bytes) -> bytes:
    """Decode base64, or its URL form (RFC 4648, 5) with - and _ for + and /, where the final = may be missing."""
    if b"-" in text or b"_" in text:
        if b"+" in text or b"/" in text:
            raise ValueError("it mixes + or / with - or _")
        text = text.translate(bytes.maketrans(b"-_", b"+/")) + b"=" * (-len(text) % 4)
    return base64.b64decode(text, validate=True)


def shorten(url: str, *, n_characters: int = 40) -> str:
    """The first characters of a URL, for lists of results."""
    return url if len(url) <= n_characters else f"{url[:n_characters]}..."
