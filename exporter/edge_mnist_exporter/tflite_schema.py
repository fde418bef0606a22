"""Names, shapes and scales of the objects in a TFLite file."""

from __future__ import annotations

from typing import Final

from ai_edge_litert import schema_py_generated as schema


def _names(codes: type) -> dict[int, str]:
    return {code: name for name, code in vars(codes).items() if not name.startswith("_")}


DTYPES: Final = {code: name.lower() for code, name in _names(schema.TensorType).items()}
"""TFLite's tensor types by code: `float32`, `int8`, ..."""

OPERATORS: Final = _names(schema.BuiltinOperator)
"""TFLite's operators by code: `CONV_2D`, ..."""


def open_tflite(data: bytes) -> schema.ModelT:
    """Read the bytes of a file."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))


def name_operator(code: schema.OperatorCodeT) -> str:
    """The operator's name; a custom operator brings its own."""
    if code.customCode:
        return str(code.customCode.decode())
    # The older of the two fields is one byte, so newer operators use the other field.
    return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def has_data(buffer: schema.BufferT) -> bool:
    """Whether the file stores values in this buffer."""
    return buffer.data is not None and len(buffer.data) > 0


def read_shape(tensor: schema.TensorT) -> tuple[int, ...]:
    """Sizes of all axes."""
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def read_scales(tensor: schema.TensorT) -> tuple[tuple[float, ...], tuple[int, ...]]:
    """Scales and zero-points of a tensor; empty if it is not quantized."""
    found = tensor.quantization
    if found is None or found.scale is None or len(found.scale) == 0:
        return (), ()
    zero_points = found.zeroPoint if found.zeroPoint is not None else [0] * len(found.scale)
    return tuple(float(scale) for scale in found.scale), tuple(int(point) for point in zero_points)
