"""Read the body of a request: its size is bounded, and its content type says what is in it.

| content type | content |
|---|---|
| image/png, image/jpeg and any other image/...; none | the file of one picture |
| text/plain | one data: URL |
| application/octet-stream | N tensors of 784 bytes: grey levels, bright ink on black |
| application/json | `ClassifyRequest`: data: URLs and tensors, mixed |
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final, cast

import numpy as np
from fastapi import HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_mnist_runtime.errors import first_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edge_mnist_runtime.inputs import Picture
    from edge_mnist_runtime.tensor import Pixels

JSON: Final = "application/json"
TENSORS: Final = "application/octet-stream"
TEXT: Final = "text/plain"

EXPECTED_TYPES: Final = "expected image/png or another image type, text/plain, application/octet-stream or JSON"

MAX_PICTURES: Final = 256
"""Maximum number of pictures in a JSON body."""

Level = Annotated[float, Field(strict=True, ge=0, le=255, multiple_of=1)]
"""A grey level. JSON has no integers: 255.0 is 255."""
Row = Annotated[list[Level], Field(min_length=28, max_length=28)]
DataUrl = Annotated[str, Field(strict=True, pattern="^[dD][aA][tT][aA]:")]


class ClassifyRequest(BaseModel):
    """Up to 256 pictures, each a data: URL or a tensor: 28 rows of 28 grey levels, or 784 grey levels."""

    model_config = ConfigDict(extra="forbid")

    pictures: Annotated[
        list[
            DataUrl
            | Annotated[list[Row], Field(min_length=28, max_length=28)]
            | Annotated[list[Level], Field(min_length=784, max_length=784)]
        ],
        Field(min_length=1, max_length=MAX_PICTURES),
    ]


def describe_body() -> dict[str, Any]:
    """The body of POST /classify for OpenAPI."""
    file = {"schema": {"type": "string", "format": "binary"}}
    return {
        "required": True,
        "description": "The file of one picture (any image type), one data: URL, N tensors of 784 bytes, or JSON.",
        "content": {
            "image/png": file,
            "image/jpeg": file,
            TEXT: {"schema": {"type": "string", "pattern": "^[dD][aA][tT][aA]:"}},
            TENSORS: file,
            JSON: {"schema": ClassifyRequest.model_json_schema()},
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
    from edge_mnist_runtime.images.data_url import is_data_url

    text = body.decode("utf-8", "replace").strip()
    if not is_data_url(text):
        raise HTTPException(422, "not a data: URL; expected data:image/png;base64,...")
    return text


def parse_json(body: bytes) -> Sequence[Picture]:
    """Parse `ClassifyRequest`.

    Raises:
        HTTPException: 422: it is not JSON, or has another form.
    """
    try:
        found = ClassifyRequest.model_validate_json(body)
    except ValidationError as error:
        raise HTTPException(422, _describe(error)) from error
    return [
        picture if isinstance(picture, str) else np.array(picture, np.uint8).reshape(28, 28)
        for picture in cast("list[Any]", found.pictures)
    ]


def _describe(error: ValidationError) -> str:
    """The first fault in one line, with its place."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = fault["loc"]
    if place[:1] == ("pictures",) and len(place) > 1:
        return f"pictures[{place[1]}]: expected a data: URL, 28 rows of 28 grey levels, or 784; levels are 0..255"
    return first_line(ValueError(f"{'.'.join(map(str, place)) or 'the body'}: {fault['msg']}"))
