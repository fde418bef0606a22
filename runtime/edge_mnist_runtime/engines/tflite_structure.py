"""Check a TFLite file for faults that would crash LiteRT.

LiteRT itself checks that offsets stay inside the file and that constants have the length of their shapes. It does not
check the rest: a fault there ends the whole process with a segmentation fault.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import numpy as np

ZERO_POINTS: Final = {9: (-128, 127), 3: (0, 255), 7: (-32_768, 32_767)}
"""Range of zero-points for TFLite's tensor types int8 (9), uint8 (3) and int16 (7)."""

MOST_ELEMENTS: Final = 2**26
"""Limit for the elements of all activations together, because LiteRT allocates any shape that a file names. A
classifier of 224 x 224 colour images needs at most a quarter of it."""


def check_structure(model: Any) -> None:
    """Raise `ValueError`, with the reason, if this model would crash LiteRT.

    Args:
        model: The file, unpacked as `ai_edge_litert.schema_py_generated.ModelT`.
    """
    if not model.subgraphs:
        raise ValueError("it holds no graph")
    for graph in model.subgraphs:
        for number, tensor in enumerate(_list(graph.tensors)):
            _check_quantization(tensor, f"tensor {number}")
        constants = _find_constants(graph, _list(model.buffers))
        _check_sizes(graph, constants)
        _check_dataflow(graph, constants, len(_list(model.operatorCodes)))


def _check_quantization(tensor: Any, name: str) -> None:
    quantization = tensor.quantization
    if quantization is None:
        return
    scales, zero_points = np.array(_list(quantization.scale)), np.array(_list(quantization.zeroPoint))
    if not (np.isfinite(scales) & (scales > 0)).all():
        raise ValueError(f"{name} has a scale that is zero, negative or not finite")
    if len(scales) and len(zero_points) != len(scales):
        raise ValueError(f"{name} has {len(scales)} scales and {len(zero_points)} zero-points")
    least, greatest = ZERO_POINTS.get(tensor.type, (-(2**31), 2**31 - 1))
    if ((zero_points < least) | (zero_points > greatest)).any():
        raise ValueError(f"{name} has a zero-point outside {least}..{greatest}")


def _find_constants(graph: Any, buffers: list[Any]) -> set[int]:
    found = set()
    for number, tensor in enumerate(_list(graph.tensors)):
        if not 0 <= tensor.buffer < len(buffers):
            raise ValueError(f"tensor {number} is in buffer {tensor.buffer} of {len(buffers)}")
        if buffers[tensor.buffer].data is not None and len(buffers[tensor.buffer].data):
            found.add(number)
    return found


def _check_sizes(graph: Any, constants: set[int]) -> None:
    elements = 0
    for number, tensor in enumerate(_list(graph.tensors)):
        shape = [int(size) for size in _list(tensor.shape)]  # Python's own numbers, which do not overflow
        if any(size < 0 for size in shape):
            raise ValueError(f"tensor {number} has the shape {shape}")
        elements += 0 if number in constants else math.prod(shape)
    if elements > MOST_ELEMENTS:
        raise ValueError(f"its tensors have {elements:,} elements, of {MOST_ELEMENTS:,} at most")


def _check_dataflow(graph: Any, constants: set[int], operator_codes: int) -> None:
    """Check that each tensor is written once, and before it is read."""
    tensors = _list(graph.tensors)
    variables = {number for number, tensor in enumerate(tensors) if tensor.isVariable}
    inputs = _numbers(graph.inputs, len(tensors), "the graph's inputs")
    filled = constants | variables | inputs
    for at, operator in enumerate(_list(graph.operators)):
        name = f"operator {at}"
        if not 0 <= operator.opcodeIndex < operator_codes:
            raise ValueError(f"{name} is of kind {operator.opcodeIndex} of {operator_codes}")
        read = _numbers(operator.inputs, len(tensors), name, may_be_absent=True)
        written = _numbers(operator.outputs, len(tensors), name)
        if read - filled:
            raise ValueError(f"{name} reads tensor {min(read - filled)} before anything writes it")
        if written & filled:
            raise ValueError(f"{name} writes tensor {min(written & filled)}, which already has a value")
        filled |= written
    missing = _numbers(graph.outputs, len(tensors), "the graph's outputs") - filled
    if missing:
        raise ValueError(f"no operator writes the output, tensor {min(missing)}")


def _numbers(values: Any, count: int, name: str, *, may_be_absent: bool = False) -> set[int]:
    """Check tensor numbers. -1 stands for an optional input that is absent."""
    numbers = {int(value) for value in _list(values)} - ({-1} if may_be_absent else set())
    if any(not 0 <= number < count for number in numbers):
        raise ValueError(f"{name}: tensors {sorted(numbers)} of {count}")
    return numbers


def _list(values: Iterable[Any] | None) -> list[Any]:
    """A flatbuffer's list; it is None when empty."""
    return [] if values is None else [*values]
