"""Find ONNX models that keep weights in other files, from their bytes, without the package onnx.

We give onnxruntime the bytes of a model. It would then look for the other files in the current folder, and read
whatever has the right name there. So such a model is refused before onnxruntime sees it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import is_file

LOCATION: Final = b"location"
"""The key that names the other file. A model without these bytes has no external data."""

PARTS: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 25: "function"},
    "graph": {1: "node", 5: "tensor", 15: "sparse tensor"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse tensor", 23: "sparse tensor"},
    "sparse tensor": {1: "tensor", 2: "tensor"},
}
"""Fields of onnx.proto that can contain tensors: for each message, field number and kind of content."""

ENTRY_FIELD: Final = 13
"""TensorProto.external_data, a list of key and value pairs."""
PLACE_FIELD: Final = 14
"""TensorProto.data_location."""
EXTERNAL: Final = 1

VARINT, EIGHT_BYTES, LENGTH, GROUP, GROUP_END, FOUR_BYTES = range(6)
"""Protobuf's wire types."""


def require_one_file(model: bytes, origin: str) -> None:
    """Raise `UsageError`, with what to do, if an ONNX model keeps weights in other files.

    Args:
        model: The whole file.
        origin: Its path. The other files belong into the same folder.
    """
    found = find_external_files(model)
    if not found:
        return
    folder = os.path.dirname(origin)  # noqa: PTH120  importing pathlib costs 3 ms of a cold start
    absent = [name for name in found if not is_file(os.path.join(folder, name))]  # noqa: PTH118
    named = absent[0] if absent else found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    where = "which is not beside it; find that file, put it there, then" if absent else "which lies beside it;"
    raise UsageError(
        f"{origin}: keeps its weights in a file of their own, {named}{more}, {where} make one file of both: "
        f"python -c \"import onnx; onnx.save(onnx.load({origin!r}), 'one-file.onnx')\""
    )


def find_external_files(model: bytes) -> list[str]:
    """List the other files that an ONNX model keeps weights in, as it names them, each once.

    The list is empty for bytes that are no ONNX model; onnxruntime then reports what is wrong.
    """
    if LOCATION not in model:
        return []
    found: dict[str, None] = {}
    try:
        for name in _walk(memoryview(model), "model"):
            found[name] = None
    except (IndexError, ValueError):  # truncated, or no protobuf: onnxruntime will refuse it
        pass
    return [*found]


def _walk(message: memoryview, kind: str) -> Iterator[str]:
    if kind == "tensor":
        yield from _read_tensor(message)
        return
    parts = PARTS[kind]
    for number, value in _fields(message):
        if number in parts and isinstance(value, memoryview):
            yield from _walk(value, parts[number])


def _read_tensor(message: memoryview) -> Iterator[str]:
    place, names = 0, []
    for number, value in _fields(message):
        if number == PLACE_FIELD and isinstance(value, int):
            place = value
        elif number == ENTRY_FIELD and isinstance(value, memoryview):
            entry = {key: bytes(text) for key, text in _fields(value) if isinstance(text, memoryview)}
            if entry.get(1) == LOCATION:
                names.append(entry.get(2, b"").decode("utf-8", "replace"))
    if place == EXTERNAL:
        yield from names or ["(unnamed)"]


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field: an integer, or the bytes of a string or message.

    Raises:
        IndexError: The message is truncated.
        ValueError: It is no protobuf.
    """
    at = 0
    while at < len(message):
        key, at = _read_varint(message, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _read_varint(message, at)
            yield number, value
        elif wire == LENGTH:
            size, at = _read_varint(message, at)
            if at + size > len(message):
                raise IndexError("a field is longer than its message")
            yield number, message[at : at + size]
            at += size
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            at += 8 if wire == EIGHT_BYTES else 4
        elif wire not in (GROUP, GROUP_END):  # onnx.proto has no groups; fields in one are read like others
            raise ValueError(f"wire type {wire}")


def _read_varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
