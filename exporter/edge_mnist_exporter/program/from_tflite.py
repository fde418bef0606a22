"""From a finished int8 TFLite file to the integer program.

Each operator's arithmetic is that of TensorFlow Lite's reference kernels (`kernels/internal/reference/integer_ops`, and
`kernel_util.cc` for multipliers and clamps). Whether the program really gives their integers is proved at every export.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from ai_edge_litert import schema_py_generated as schema

from edge_mnist_exporter.program.fixed_point import (
    EXP_INTEGER_BITS,
    exp_of_negative,
    multiply_high,
    quantize_multiplier,
    rescale,
)
from edge_mnist_exporter.program.program import (
    Add,
    Clamp,
    Concatenation,
    Convolution,
    DepthwiseConvolution,
    Int32s,
    Lookup,
    Mean,
    Operation,
    Pad,
    Pool,
    Program,
    Scale,
    Softmax,
    Value,
    Window,
    list_sources,
)
from edge_mnist_runtime.errors import ConversionError

OPERATORS: Final = {code: name for name, code in vars(schema.BuiltinOperator).items() if not name.startswith("_")}

TYPE_NAMES: Final = {code: name.lower() for name, code in vars(schema.TensorType).items() if not name.startswith("_")}

BYTES: Final = (schema.TensorType.INT8, schema.TensorType.UINT8)
"""Types of what operations read and write."""

SIZES: Final = (schema.TensorType.INT32, schema.TensorType.INT64)
"""Types of shapes."""

SIX: Final = 6.0
"""Where ReLU6 ends."""

ADD_HEADROOM: Final = 20
"""Bits by which the two inputs of a sum are shifted to the left, so that rounding them costs little."""

LARGEST_SUM: Final = 2**31 - 1

LEAST_EXP: Final = 2**11
"""In 2**-31: what is less adds nothing to a softmax's sum, which has 19 bits behind the point, and gets no score."""


@dataclass(frozen=True)
class _Tensor:
    """A tensor of the file."""

    name: str
    dtype: int
    shape: tuple[int, ...]
    scales: npt.NDArray[np.float32]
    """Empty for a tensor that is not quantized."""
    zero_points: tuple[int, ...]
    data: npt.NDArray[Any] | None
    """What the file stores of it; None of what an operation computes."""

    @property
    def scale(self) -> np.float32:
        """Of a tensor with a single one."""
        found: np.float32 = self.scales[0]
        return found

    @property
    def zero(self) -> int:
        """Zero-point, as a byte of the program: 0..255."""
        return self.zero_points[0] + (128 if self.dtype == schema.TensorType.INT8 else 0)


@dataclass(frozen=True)
class _Node:
    """An operator of the file."""

    kind: str
    inputs: tuple[_Tensor | None, ...]
    output: _Tensor
    source_indices: tuple[int, ...]
    """Numbers of the tensors that it reads, -1 for one that is left out."""
    options: Any

    def refuse(self, what: str) -> ConversionError:
        """The error that says what the program cannot do here."""
        return ConversionError(f"{self.kind} {self.output.name}: {what}, which the C program does not have")


def read_program(model: bytes, origin: str) -> Program:
    """Turn an int8 TFLite file into an integer program.

    Args:
        model: The whole file.
        origin: Its name, for messages.

    Raises:
        ConversionError: The file computes in something else than int8, or holds an operator, a stride or a scale that
            the program does not have; the message names it.
    """
    try:
        return _Reader(model).read()
    except ConversionError as error:
        raise ConversionError(f"{origin}: {error}; export tflite or onnx instead") from error


class _Reader:
    """Reads one file."""

    def __init__(self, model: bytes) -> None:
        content = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(model, 0))
        if len(content.subgraphs) != 1:
            raise ConversionError(f"holds {len(content.subgraphs)} graphs, of which the C program has one")
        self._content, self._graph = content, content.subgraphs[0]
        self._tensors = [self._read_tensor(tensor) for tensor in self._graph.tensors]
        self._values: dict[int, Value] = {}
        self._names: set[str] = set()

    def read(self) -> Program:
        if len(self._graph.inputs) != 1 or len(self._graph.outputs) != 1:
            raise ConversionError("has several inputs or outputs")
        first, last = int(self._graph.inputs[0]), int(self._graph.outputs[0])
        self._require_bytes(self._tensors[first])
        pixels = self._values[first] = self._make_value(self._tensors[first], "pixels")
        operations: list[Operation] = []
        for raw in self._graph.operators:
            node = self._read_node(raw)
            if node.output.dtype in SIZES:  # Flatten computes the shape that it makes; the file states it, too
                continue
            if node.kind not in LOWERINGS:
                raise ConversionError(f"the operator {node.kind} ({node.output.name}) is none that the C program has")
            self._require_bytes(node.output)
            (target,) = (int(index) for index in raw.outputs)
            sources = tuple(self._values[index] for index in node.source_indices if index in self._values)
            made = LOWERINGS[node.kind](node, sources, self._make_value(node.output, None))
            if isinstance(made, Value):  # the same bytes in another shape
                self._values[target] = made
            else:
                self._values[target] = made.target
                operations.append(made)
        scores = self._values[last]
        if not operations or scores != operations[-1].target:
            raise ConversionError("gives what its last operation does not make")
        return Program(pixels, scores, float(self._tensors[last].scale), _fuse_pools(operations))

    def _require_bytes(self, tensor: _Tensor) -> None:
        if tensor.dtype not in BYTES:
            raise ConversionError(f"tensor {tensor.name} is {TYPE_NAMES[tensor.dtype]}; the C program computes in int8")
        if len(tensor.scales) != 1:
            raise ConversionError(f"tensor {tensor.name} has {len(tensor.scales)} scales; the C program reads one")

    def _make_value(self, tensor: _Tensor, name: str | None) -> Value:
        """The value that a tensor is: of one image, with the axes that it has before them filled up."""
        shape = tensor.shape[1:]
        if not tensor.shape or tensor.shape[0] != 1 or len(shape) > 3:
            raise ConversionError(f"tensor {tensor.name} has the shape {tensor.shape}, not that of one image")
        height, width, channels = (1,) * (3 - len(shape)) + shape
        wanted = name or re.sub(r"\W+", "_", tensor.name.split(":")[0], flags=re.ASCII).strip("_").lower() or "value"
        wanted = f"layer_{wanted}" if wanted[0].isdigit() else wanted
        unique, count = wanted, 1
        while unique in self._names:
            count += 1
            unique = f"{wanted}_{count}"
        self._names.add(unique)
        return Value(unique, height, width, channels)

    def _read_tensor(self, raw: schema.TensorT) -> _Tensor:
        quantization = raw.quantization
        scales = [] if quantization is None or quantization.scale is None else quantization.scale
        zeros = [0] * len(scales) if quantization is None or quantization.zeroPoint is None else quantization.zeroPoint
        shape = () if raw.shape is None else tuple(map(int, raw.shape))
        stored = self._content.buffers[raw.buffer].data
        data = None
        if stored is not None and len(stored) and raw.type in DTYPES:
            data = np.frombuffer(bytes(stored), DTYPES[raw.type]).reshape(shape)
        name = raw.name.decode()
        return _Tensor(name, raw.type, shape, np.asarray(scales, np.float32), tuple(map(int, zeros)), data)

    def _read_node(self, raw: schema.OperatorT) -> _Node:
        code = self._content.operatorCodes[raw.opcodeIndex]
        # The older of the two fields is a byte; newer operators stand in the other alone.
        kind = OPERATORS.get(max(code.builtinCode, code.deprecatedBuiltinCode), "CUSTOM")
        indices = tuple(map(int, raw.inputs))
        inputs = tuple(self._tensors[index] if index >= 0 else None for index in indices)
        return _Node(kind, inputs, self._tensors[int(raw.outputs[0])], indices, raw.builtinOptions)


DTYPES: Final = {
    schema.TensorType.INT8: np.int8,
    schema.TensorType.UINT8: np.uint8,
    schema.TensorType.INT32: np.int32,
    schema.TensorType.INT64: np.int64,
}
"""What the file's constants are stored as."""


def _only(sources: Sequence[Value], node: _Node) -> Value:
    if len(sources) != 1:
        raise node.refuse(f"{len(sources)} computed inputs")
    return sources[0]


def _constant(node: _Node, index: int) -> _Tensor:
    """A weight, a bias or a list of axes."""
    found = node.inputs[index] if index < len(node.inputs) else None
    if found is None or found.data is None:
        raise node.refuse(f"an input {index} that is no constant")
    return found


def _data(node: _Node, index: int) -> npt.NDArray[Any]:
    found = _constant(node, index).data
    assert found is not None  # noqa: S101  `_constant` refuses it
    return found


def _input(node: _Node, index: int = 0) -> _Tensor:
    found = node.inputs[index]
    if found is None:
        raise node.refuse(f"no input {index}")
    return found


def _clamp(node: _Node, activation: int = schema.ActivationFunctionType.NONE) -> Clamp:
    """`CalculateActivationRangeQuantized`, in bytes."""
    kinds = schema.ActivationFunctionType
    zero, scale = node.output.zero, node.output.scale

    def at(real: float) -> int:
        return zero + math.floor(float(np.float32(real) / scale) + 0.5)

    low = {kinds.RELU: zero, kinds.RELU6: zero, kinds.RELU_N1_TO_1: at(-1)}.get(activation, 0)
    high = {kinds.RELU6: at(SIX), kinds.RELU_N1_TO_1: at(1)}.get(activation, 255)
    if activation not in (kinds.NONE, kinds.RELU, kinds.RELU6, kinds.RELU_N1_TO_1):
        raise node.refuse("an activation beside ReLU and ReLU6")
    return Clamp(zero, max(0, low), min(255, high))


def _window(node: _Node, source: Value, height: int, width: int, target: Value) -> Window:
    """How a kernel moves; `ComputePaddingHeightWidth`."""
    options = node.options
    if (getattr(options, "dilationHFactor", 1), getattr(options, "dilationWFactor", 1)) != (1, 1):
        raise node.refuse("a dilated kernel")
    pads = (0, 0)
    if options.padding == schema.Padding.SAME:
        pads = (
            max(0, (target.height - 1) * options.strideH + height - source.height) // 2,
            max(0, (target.width - 1) * options.strideW + width - source.width) // 2,
        )
    return Window(height, width, options.strideH, options.strideW, *pads)


def _scale(node: _Node, sums: npt.NDArray[np.int64], reals: Sequence[float], *, left: bool = False) -> Scale:
    """Multipliers of sums that are at most `sums` in size, one for each channel."""
    pairs = [quantize_multiplier(real) for real in reals]
    lowest = -LARGEST_SUM.bit_length() if left else 0
    for pair, largest in zip(pairs, sums.tolist(), strict=True):
        if pair[1] < lowest:
            raise node.refuse("an output scale finer than that of its sums")
        if largest > LARGEST_SUM:
            raise node.refuse("sums that 32 bits do not hold")
    return Scale(
        np.array([multiplier for multiplier, _ in pairs], np.int32), np.array([shift for _, shift in pairs], np.int8)
    )


def _fold_bias(
    node: _Node, weights: npt.NDArray[np.int8], zero: int, outputs_axis: int
) -> tuple[Int32s, npt.NDArray[np.int64]]:
    """The bias less the zero-point's part of every sum, and how large sums can become."""
    others = tuple(axis for axis in range(weights.ndim) if axis != outputs_axis)
    wide = weights.astype(np.int64)
    n_outputs = weights.shape[outputs_axis]
    has_bias = len(node.inputs) > 2 and node.inputs[2] is not None
    bias = _data(node, 2).astype(np.int64).reshape(-1) if has_bias else np.zeros(n_outputs, np.int64)
    folded = bias - zero * wide.sum(axis=others)
    largest = np.abs(folded) + 255 * np.abs(wide).sum(axis=others)
    if largest.max() > LARGEST_SUM:
        raise node.refuse("sums that 32 bits do not hold")
    return folded.astype(np.int32), largest


def _weights(node: _Node) -> tuple[_Tensor, npt.NDArray[np.int8]]:
    tensor = _constant(node, 1)
    if tensor.dtype != schema.TensorType.INT8:
        raise node.refuse(f"{TYPE_NAMES[tensor.dtype]} weights")
    if any(tensor.zero_points):
        raise node.refuse(f"weights with zero-point {next(filter(None, tensor.zero_points))}")
    return tensor, _data(node, 1)


def _real_scales(node: _Node, weights: _Tensor, n_outputs: int, *, in_float: bool) -> list[float]:
    """Make the multipliers of the sums. `in_float`: multiply a single weight scale with the input's in float32."""
    source, target = _input(node).scale, node.output.scale
    if in_float and len(weights.scales) == 1:
        reals = [float(source * weights.scale) / float(target)]
    else:
        reals = [float(source) * float(scale) / float(target) for scale in weights.scales]
    return reals * n_outputs if len(reals) == 1 else reals


def _lower_convolution(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    source = _only(sources, node)
    tensor, weights = _weights(node)
    n_outputs, height, width, channels = weights.shape
    if channels != source.channels:
        raise node.refuse(f"groups of {channels} of {source.channels} channels")
    zero = _input(node).zero
    bias, largest = _fold_bias(node, weights, zero, 0)
    return Convolution(
        source,
        target,
        _window(node, source, height, width, target),
        target.height,
        target.width,
        weights,
        bias,
        zero,
        _scale(node, largest, _real_scales(node, tensor, n_outputs, in_float=False)),
        _clamp(node, node.options.fusedActivationFunction),
        rounds_once=False,
    )


def _lower_fully_connected(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    source = _only(sources, node)
    tensor, weights = _weights(node)
    n_outputs, depth = weights.shape
    if node.options.weightsFormat or depth != source.size_bytes:
        raise node.refuse(f"weights of {depth} values for each of its outputs over an input of {source.shape}")
    zero = _input(node).zero
    bias, largest = _fold_bias(node, weights, zero, 0)
    return Convolution(
        replace(source, height=1, width=1, channels=depth),
        replace(target, height=1, width=1, channels=n_outputs),
        Window(1, 1),
        1,
        1,
        weights.reshape(n_outputs, 1, 1, depth),
        bias,
        zero,
        _scale(node, largest, _real_scales(node, tensor, n_outputs, in_float=True)),
        _clamp(node, node.options.fusedActivationFunction),
        rounds_once=True,
    )


def _lower_depthwise(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    source = _only(sources, node)
    tensor, weights = _weights(node)
    _, height, width, n_outputs = weights.shape
    zero = _input(node).zero
    # Its kernel takes the zero-point off every byte, so that it may leave padding out: nothing is folded.
    bias, largest = _fold_bias(node, weights, 0, 3)
    return DepthwiseConvolution(
        source,
        target,
        _window(node, source, height, width, target),
        weights.reshape(height, width, n_outputs),
        bias,
        zero,
        _scale(node, largest, _real_scales(node, tensor, n_outputs, in_float=False)),
        _clamp(node, node.options.fusedActivationFunction),
    )


def _lower_pool(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    source = _only(sources, node)
    given = _input(node)
    if (given.scale, given.zero) != (node.output.scale, node.output.zero):
        raise node.refuse("pooling to another scale")
    window = _window(node, source, node.options.filterHeight, node.options.filterWidth, target)
    clamp = _clamp(node, node.options.fusedActivationFunction)
    return Pool(source, target, "max" if node.kind == "MAX_POOL_2D" else "average", window, clamp)


def _lower_mean(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    source = _only(sources, node)
    rank = len(_input(node).shape)
    axes = {int(axis) % rank for axis in _data(node, 1).reshape(-1)}
    if rank != 4 or axes != {1, 2}:
        raise node.refuse("a mean over other axes than height and width")
    count = source.height * source.width
    multiplier, shift = quantize_multiplier(float(_input(node).scale) / float(node.output.scale))
    # 1 / count joins the multiplier, with as many more bits as count has and the shift has room for.
    bits = min(count.bit_length() - 1, 32, 31 - shift)
    multiplier, shift = (multiplier << bits) // count, shift + bits
    if shift < 0:
        raise node.refuse("an output scale finer than that of its sums")
    target = replace(target, height=1, width=1, channels=source.channels)
    return Mean(source, target, _input(node).zero, multiplier, shift, _clamp(node))


def _lower_add(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    if len(sources) != 2 or sources[0].shape != sources[1].shape:
        raise node.refuse("a sum of other inputs than two of the same shape")
    if node.options is not None and not node.options.potScaleInt16 and node.output.dtype == schema.TensorType.INT16:
        raise node.refuse("a sum in int16")
    one, other = _input(node, 0), _input(node, 1)
    twice = 2 * max(float(one.scale), float(other.scale))
    pairs = [quantize_multiplier(float(tensor.scale) / twice) for tensor in (one, other)]
    multiplier, shift = quantize_multiplier(twice / ((1 << ADD_HEADROOM) * float(node.output.scale)))
    if shift < 0:
        raise node.refuse("an output scale finer than that of its sums")
    return Add(
        sources[0],
        sources[1],
        target,
        (one.zero, other.zero),
        (pairs[0][0], pairs[1][0]),
        (pairs[0][1], pairs[1][1]),
        multiplier,
        shift,
        _clamp(node, node.options.fusedActivationFunction if node.options else 0),
    )


def _lower_concatenation(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    rank = len(node.output.shape)
    if len(sources) != len(node.inputs) or node.options.axis % rank != rank - 1:
        raise node.refuse("a concatenation along another axis than the channels, or with constants")
    if any((item.scale, item.zero) != (node.output.scale, node.output.zero) for item in node.inputs if item):
        raise node.refuse("a concatenation of different scales")
    if node.options.fusedActivationFunction != schema.ActivationFunctionType.NONE:
        raise node.refuse("a concatenation with an activation")
    return Concatenation(tuple(sources), target)


def _lower_pad(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    source = _only(sources, node)
    pads = _data(node, 1).reshape(-1, 2).astype(int)
    if len(pads) != 4 or pads[0].any() or pads[3].any() or (pads < 0).any():
        raise node.refuse("padding of other axes than height and width")
    given = _input(node)
    if (given.scale, given.zero) != (node.output.scale, node.output.zero):
        raise node.refuse("padding at another scale")
    fill = given.zero
    if node.kind == "PADV2":
        stored = _constant(node, 2)
        fill = int(_data(node, 2).reshape(-1)[0]) + (128 if stored.dtype == schema.TensorType.INT8 else 0)
    return Pad(source, target, int(pads[1, 0]), int(pads[2, 0]), fill)


def _lower_shape(node: _Node, sources: Sequence[Value], target: Value) -> Value:
    """The same bytes. They keep their name and their place: an operation that reads them sees the new shape."""
    source = sources[0]
    given = _input(node)
    if source.size_bytes != target.size_bytes or (given.scale, given.zero) != (node.output.scale, node.output.zero):
        raise node.refuse("a change of shape that changes values")
    return replace(target, name=source.name)


def _lower_rescaling(node: _Node, sources: Sequence[Value], target: Value) -> Operation | Value:
    """QUANTIZE, RELU, RELU6 and the like: what every byte becomes."""
    source, given = _only(sources, node), _input(node)
    # `quantize.cc` divides the scales as doubles, `activations.cc` as floats.
    quotient = float(given.scale) / float(node.output.scale)
    if node.kind != "QUANTIZE":
        quotient = float(given.scale / node.output.scale)
    multiplier, shift = quantize_multiplier(quotient)
    kinds = schema.ActivationFunctionType
    clamp = _clamp(node, {"RELU": kinds.RELU, "RELU6": kinds.RELU6}.get(node.kind, kinds.NONE))
    steps = (clamp.zero + rescale(byte - given.zero, multiplier, shift) for byte in range(256))
    table = bytes(min(max(step, clamp.low), clamp.high) for step in steps)
    if table == bytes(range(256)):
        return replace(target, name=source.name)
    return Lookup(source, target, table)


def _lower_softmax(node: _Node, sources: Sequence[Value], target: Value) -> Operation:
    """Make softmax from a table of exp(), as TFLite's `PreprocessSoftmaxScaling` and `CalculateInputRadius` do."""
    source = _only(sources, node)
    if float(node.output.scale) != 1 / 256 or node.output.zero:
        raise node.refuse("a softmax that gives anything but 256ths")
    if source.height * source.width != 1:
        raise node.refuse("a softmax of several pixels")
    fraction_bits = 31 - EXP_INTEGER_BITS
    real = min(float(node.options.beta) * float(_input(node).scale) * 2**fraction_bits, 2.0**31 - 1)
    multiplier, shift = quantize_multiplier(real)
    radius = ((2**EXP_INTEGER_BITS - 1) << fraction_bits) >> -shift
    table = [
        exp_of_negative(multiply_high(-distance << -shift, multiplier)) for distance in range(min(radius, 255) + 1)
    ]
    return Softmax(source, target, np.array([exp for exp in table if exp >= LEAST_EXP], np.int32))


LOWERINGS: Final[dict[str, Callable[[_Node, Sequence[Value], Value], Operation | Value]]] = {
    "CONV_2D": _lower_convolution,
    "DEPTHWISE_CONV_2D": _lower_depthwise,
    "FULLY_CONNECTED": _lower_fully_connected,
    "MAX_POOL_2D": _lower_pool,
    "AVERAGE_POOL_2D": _lower_pool,
    "MEAN": _lower_mean,
    "ADD": _lower_add,
    "CONCATENATION": _lower_concatenation,
    "PAD": _lower_pad,
    "PADV2": _lower_pad,
    "RESHAPE": _lower_shape,
    "SQUEEZE": _lower_shape,
    "EXPAND_DIMS": _lower_shape,
    "QUANTIZE": _lower_rescaling,
    "RELU": _lower_rescaling,
    "RELU6": _lower_rescaling,
    "SOFTMAX": _lower_softmax,
}
"""By TFLite's name."""


def _fuse_pools(operations: Sequence[Operation]) -> tuple[Operation, ...]:
    """Join a 2 x 2 maximum with the convolution before it, whose results are then never stored."""
    readers = [source.name for operation in operations for source in list_sources(operation)]
    fused: list[Operation] = []
    for operation in operations:
        before = fused[-1] if fused else None
        if (
            isinstance(operation, Pool)
            and operation.kind == "max"
            and operation.window == Window(2, 2, 2, 2)
            and isinstance(before, Convolution)
            and not before.pooled
            and before.height >= 2 * operation.target.height
            and before.width >= 2 * operation.target.width
            and operation.target.width >= 2
            and operation.source == before.target
            and readers.count(before.target.name) == 1
        ):
            clamp = replace(
                before.clamp,
                low=max(before.clamp.low, operation.clamp.low),
                high=min(before.clamp.high, operation.clamp.high),
            )
            fused[-1] = replace(before, target=operation.target, clamp=clamp, pooled=True)
        else:
            fused.append(operation)
    return tuple(fused)
