"""Recognise a file by its first bytes, for messages about files with the wrong suffix."""

from __future__ import annotations

import re
from typing import Final

MARKS: Final = (
    (4, b"TFL3", "a TFLite model; rename it to end in .tflite"),
    (0, b"\x89HDF", "a Keras model (HDF5); edge-mnist export makes .onnx and .tflite files of it"),
    (0, b"PK\x03\x04", "a zip archive, as .keras files and torch.save make them"),
    (0, b"\x1f\x8b", "packed by gzip; unpack it first"),
    (0, b"version https://git-lfs", "a pointer of Git LFS; git lfs pull fetches the file"),
    (0, b"<", "a page of HTML or XML; download the file itself"),
)
"""Offset, bytes found there, and what the file is."""

ONNX_HEAD: Final = re.compile(rb"\x08[\x01-\x1f][\x12\x3a]")
"""How an ONNX file begins: its IR version, then its producer or its graph (fields 1, 2 and 7 of ModelProto)."""


def describe_kind(data: bytes) -> str | None:
    """Say what a file is by its content, and what to do; None if it is not recognised."""
    if not data:
        return "empty (0 bytes); copy it again"
    for at, mark, what in MARKS:
        if data[at : at + len(mark)] == mark:
            return what
    if is_onnx(data):
        return "an ONNX model; rename it to end in .onnx"
    return None


def is_onnx(data: bytes) -> bool:
    """Whether a file begins like an ONNX model."""
    return bool(ONNX_HEAD.match(data))
