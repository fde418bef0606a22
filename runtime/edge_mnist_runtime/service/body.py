"""Read the body of a request: its size is bounded, and its content type says what is in it.

| content type | content |
|---|---|
| image/png, image/jpeg and any other image/...; none | the file of one picture |
| text/plain | one data: URL |
| application/octet-stream | N tensors of 784 bytes: grey levels, bright ink on black |
| application/json | `{"pictures": [...]}`: up to 256 data: URLs and tensors, mixed: `REQUEST_SCHEMA` |
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from fastapi import HTTPException, Request
from pydantic_core import from_json

from edge_mnist_runtime.errors import first_line
from edge_mnist_runtime.images.data_url import is_data_url

if TYPE_CHECKING:
    from edge_mnist_runtime.inputs import Picture
    from edge_mnist_runtime.tensor import Pixels

JSON: Final = "application/json"
TENSORS: Final = "application/octet-stream"
TEXT: Final = "text/plain"

EXPECTED_TYPES: Final = "expected image/png or another image type, text/plain, application/octet-stream or JSON"

MAX_PICTURES: Final = 256
"""Maximum number of pictures in a JSON body."""

MAX_COMMAS: Final = MAX_PICTURES * 785
"""Maximum number of commas in a JSON body: those of 256 tensors. A body of 8 MB with 4 million values would take
seconds and 300 MB to parse."""


def _list_of(n: int, items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": n, "maxItems": n, "items": items}


DATA_URL: Final = {"type": "string", "pattern": "^[dD][aA][tT][aA]:"}
LEVEL: Final = {"type": "number", "minimum": 0, "maximum": 255, "multipleOf": 1}
"""A grey level. JSON has no integers: 255.0 is 255."""
LEVELS: Final = frozenset(range(256))
"""The values of `LEVEL`."""
ROWS: Final = _list_of(28, _list_of(28, LEVEL))

REQUEST_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "pictures": {
            "type": "array",
            "minItems": 1,
            "maxItems": MAX_PICTURES,
            "items": {"anyOf": [DATA_URL, ROWS, _list_of(784, LEVEL)]},
        }
    },
    "required": ["pictures"],
    "additionalProperties": False,
}
"""The form of a JSON body, for OpenAPI. `parse_json` checks it by hand and stops at the first fault: pydantic collects
all, which can be hundreds of thousands."""


def describe_body() -> dict[str, Any]:
    """The body of POST /classify for OpenAPI."""
    file = {"schema": {"type": "string", "format": "binary"}}
    return {
        "required": True,
        "description": "The file of one picture (any image type), one data: URL, N tensors of 784 bytes, or JSON.",
        "content": {
            "image/png": file,
            "image/jpeg": file,
            TEXT: {"schema": DATA_URL},
            TENSORS: file,
            JSON: {"schema": REQUEST_SCHEMA},
        },
    }


def find_content_type(request: Request) -> str:
    """The content type of a request, without parameters; `image/*` for a picture.

    Raises:
        HTTPException: 415: another content type, or a compressed body.
    """
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "a compressed body; send it as it is, without Content-Encoding")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if not kind or kind.startswith("image/"):
        return "image/*"
    if kind not in (JSON, TENSORS, TEXT):
        raise HTTPException(415, f"content type {kind[:100]}; {EXPECTED_TYPES}")
    return kind


async def read_body(request: Request, max_bytes: int) -> bytes:
    """Receive the body, and stop as soon as it is too long.

    Raises:
        HTTPException: 413: it is longer than `max_bytes`.
        ClientDisconnect: The client went away.
    """
    too_long = HTTPException(413, f"a body of more than {max_bytes:,} bytes; send fewer or smaller pictures")
    if int(request.headers.get("content-length", 0)) > max_bytes:
        raise too_long
    chunks, n_bytes = [], 0
    async for chunk in request.stream():
        n_bytes += len(chunk)
        if n_bytes > max_bytes:
            raise too_long
        chunks.append(chunk)
    return b"".join(chunks)


def parse_tensors(body: bytes) -> Pixels:
    """Parse tensors, to uint8, shape (N, 28, 28).

    Raises:
        HTTPException: 422: the length is not that of at least one tensor.
    """
    if not body or len(body) % 784:
        raise HTTPException(
            422, f"{len(body):,} bytes; expected a multiple of 784, the size of a tensor; send a picture as image/png"
        )
    return np.frombuffer(body, np.uint8).reshape(-1, 28, 28)


def parse_data_url(body: bytes) -> str:
    """Parse one data: URL.

    Raises:
        HTTPException: 422: it is something else.
    """
    text = body.decode("utf-8", "replace").strip()
    if not is_data_url(text):
        raise HTTPException(422, "not a data: URL; expected data:image/png;base64,...")
    return text


def parse_json(body: bytes) -> list[Picture]:
    """Parse the pictures of a JSON body.

    Raises:
        HTTPException: 422: it is not JSON, or not of the form of `REQUEST_SCHEMA`.
    """
    if body.count(b",") > MAX_COMMAS:
        raise HTTPException(422, f"more values than {MAX_PICTURES} tensors have; send tensors as {TENSORS}")
    try:
        found = from_json(body)
    except ValueError as error:
        raise HTTPException(422, f"not JSON: {first_line(error)}") from error
    pictures = found.get("pictures") if isinstance(found, dict) else None
    if not isinstance(pictures, list) or len(found) > 1 or not 1 <= len(pictures) <= MAX_PICTURES:
        raise HTTPException(422, f'expected {{"pictures": [...]}} with 1 to {MAX_PICTURES} pictures, and nothing else')
    return [_parse_picture(picture, index) for index, picture in enumerate(pictures)]


def _parse_picture(picture: object, index: int) -> Picture:
    """Check one picture of a JSON body: a data: URL, or the levels of a tensor, which become uint8, shape (28, 28)."""
    if isinstance(picture, str) and is_data_url(picture):
        return picture
    if isinstance(picture, list):
        is_rows = len(picture) == 28 and all(isinstance(row, list) and len(row) == 28 for row in picture)
        levels = [*chain.from_iterable(picture)] if is_rows else picture
        if len(levels) == 784 and all(type(level) in (int, float) and level in LEVELS for level in levels):
            return np.array(levels, np.uint8).reshape(28, 28)
    raise HTTPException(
        422, f"pictures[{index}]: expected a data: URL, 28 rows of 28 grey levels, or 784; levels are 0..255"
    )
