"""Small int8 TFLite files, made by hand: any operator with any sizes, in milliseconds and without TensorFlow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_mnist_exporter.program.c_program import CProgram, make_c_program
from edge_mnist_exporter.program.c_source import GoldenVectors, Provenance, write_c
from edge_mnist_exporter.program.compiler import Compiler, compiled, find_compiler
from edge_mnist_exporter.program.from_tflite import read_program
from edge_mnist_exporter.program.wasm.build import build_wasm, find_wasm_compiler
from edge_mnist_exporter.program.wasm.proof import run_in_node

INT8, UINT8, INT32, FLOAT32 = (getattr(schema.TensorType, name) for name in ("INT8", "UINT8", "INT32", "FLOAT32"))
SAME, VALID = schema.Padding.SAME, schema.Padding.VALID
RELU, RELU6 = schema.ActivationFunctionType.RELU, schema.ActivationFunctionType.RELU6


class TinyFile:
    """A TFLite file in the making. Methods give the number of the tensor that they add."""

    SAME, VALID = SAME, VALID
    RELU, RELU6 = RELU, RELU6

    def __init__(self, *image: int, seed: int = 0, zero: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self._model, self._graph = schema.ModelT(), schema.SubGraphT()
        self._model.version, self._model.buffers = 3, [schema.BufferT()]
        self._model.operatorCodes, self._model.subgraphs = [], [self._graph]
        self._graph.tensors, self._graph.operators = [], []
        self.image_shape = image
        self.first = self.tensor((1, *image), UINT8, 1 / 255, zero)
        self.last = self.first

    def tensor(self, shape: Any, dtype: int, scale: Any = None, zero: int = 0, data: Any = None, axis: int = 0) -> int:
        made = schema.TensorT()
        number = len(self._graph.tensors)
        made.name, made.shape, made.type = f"t{number}".encode(), [*shape], dtype
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale, made.quantization.zeroPoint = scales, np.full(len(scales), zero, np.int64)
            made.quantization.quantizedDimension = axis
        if data is not None:
            stored = schema.BufferT()
            stored.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
            made.buffer = len(self._model.buffers)
            self._model.buffers.append(stored)
        self._graph.tensors.append(made)
        return number

    def name(self, number: int, name: str) -> None:
        self._graph.tensors[number].name = name.encode()

    def shape(self, number: int) -> tuple[int, ...]:
        return tuple(map(int, self._graph.tensors[number].shape))

    def scale(self, number: int) -> float:
        return float(self._graph.tensors[number].quantization.scale[0])

    def zero(self, number: int) -> int:
        return int(self._graph.tensors[number].quantization.zeroPoint[0])

    def operator(self, kind: str, inputs: list[int], output: int, options: Any = None, version: int = 2) -> int:
        code, made = schema.OperatorCodeT(), schema.OperatorT()
        code.builtinCode = getattr(schema.BuiltinOperator, kind)
        code.deprecatedBuiltinCode, code.version = min(code.builtinCode, 127), version
        made.opcodeIndex, made.inputs, made.outputs = len(self._model.operatorCodes), inputs, [output]
        if options is not None:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__.removesuffix("T"))
            made.builtinOptions = options
        self._model.operatorCodes.append(code)
        self._graph.operators.append(made)
        self.last = output
        return output

    def quantize(self, source: int | None = None, scale: float = 1 / 255, zero: int = -128) -> int:
        source = self.last if source is None else source
        return self.operator("QUANTIZE", [source], self.tensor(self.shape(source), INT8, scale, zero), version=1)

    def _weights(self, kernel: tuple[int, ...], source: int, per_channel: bool, axis: int) -> tuple[list[int], float]:
        """Kernel and bias, and a scale of the output that uses its 256 values."""
        n = kernel[axis]
        scales = self.rng.uniform(0.001, 0.02, n if per_channel else 1).astype(np.float32)
        values = self.rng.integers(-127, 128, kernel, dtype=np.int8)
        bias = self.rng.integers(-4000, 4000, n, dtype=np.int32)
        numbers = [
            self.tensor(kernel, INT8, scales, 0, values, axis),
            self.tensor((n,), INT32, scales * np.float32(self.scale(source)), 0, bias),
        ]
        depth = np.prod(kernel) / n
        return numbers, float(scales.mean() * self.scale(source) * 127 * 40 * np.sqrt(depth) / 128)

    def _out(self, size: int, kernel: int, stride: int, padding: int) -> int:
        return -(-size // stride) if padding == SAME else (size - kernel) // stride + 1

    def conv(self, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1), padding: int = SAME,
             activation: int = 0, zero: int = -128, per_channel: bool = True, depth: int = 0,
             gain: float = 1) -> int:  # fmt: skip
        """A convolution; with `depth`, a depthwise one of so many outputs a channel; `gain` makes its scale finer."""
        source = self.last
        _, height, width, channels = self.shape(source)
        out = [self._out(size, k, s, padding) for size, k, s in zip((height, width), kernel, stride, strict=True)]
        shape = (1, *kernel, channels * depth) if depth else (outputs, *kernel, channels)
        weights, scale = self._weights(shape, source, per_channel, 3 if depth else 0)
        target = self.tensor((1, *out, channels * depth if depth else outputs), INT8, scale / gain, zero)
        options = schema.DepthwiseConv2DOptionsT() if depth else schema.Conv2DOptionsT()
        options.padding, options.fusedActivationFunction = padding, activation
        (options.strideH, options.strideW), options.dilationHFactor, options.dilationWFactor = stride, 1, 1
        if depth:
            options.depthMultiplier = depth
        kind = "DEPTHWISE_CONV_2D" if depth else "CONV_2D"
        return self.operator(kind, [source, *weights], target, options, version=3)

    def dense(self, outputs: int, zero: int = -3, per_channel: bool = False, activation: int = 0) -> int:
        source = self.last
        weights, scale = self._weights((outputs, int(np.prod(self.shape(source)))), source, per_channel, 0)
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        target = self.tensor((1, outputs), INT8, scale, zero)
        return self.operator("FULLY_CONNECTED", [source, *weights], target, options, version=4)

    def pool(self, kind: str, size: tuple[int, int], stride: tuple[int, int], padding: int = VALID) -> int:
        source = self.last
        _, height, width, channels = self.shape(source)
        out = [self._out(extent, k, s, padding) for extent, k, s in zip((height, width), size, stride, strict=True)]
        options = schema.Pool2DOptionsT()
        (options.filterHeight, options.filterWidth), (options.strideH, options.strideW) = size, stride
        options.padding = padding
        target = self.tensor((1, *out, channels), INT8, self.scale(source), self.zero(source))
        return self.operator(f"{kind}_POOL_2D", [source], target, options)

    def mean(self, scale: float = 0.6, zero: int = -100) -> int:
        source = self.last
        options = schema.ReducerOptionsT()
        axes = self.tensor((2,), INT32, data=np.array([1, 2], np.int32))
        target = self.tensor((1, self.shape(source)[3]), INT8, scale * self.scale(source), zero)
        return self.operator("MEAN", [source, axes], target, options)

    def add(self, other: int, zero: int = -20, activation: int = 0) -> int:
        source = self.last
        options = schema.AddOptionsT()
        options.fusedActivationFunction = activation
        scale = 1.3 * max(self.scale(source), self.scale(other))
        target = self.tensor(self.shape(source), INT8, scale, zero)
        return self.operator("ADD", [source, other], target, options)

    def concatenate(self, *others: int) -> int:
        sources = [self.last, *others]
        options = schema.ConcatenationOptionsT()
        options.axis = -1
        *size, _ = self.shape(self.last)
        channels = sum(self.shape(source)[-1] for source in sources)
        target = self.tensor((*size, channels), INT8, self.scale(self.last), self.zero(self.last))
        return self.operator("CONCATENATION", sources, target, options)

    def pad(self, top: int, bottom: int, left: int, right: int) -> int:
        source = self.last
        _, height, width, channels = self.shape(source)
        pads = self.tensor((4, 2), INT32, data=np.array([[0, 0], [top, bottom], [left, right], [0, 0]], np.int32))
        shape = (1, height + top + bottom, width + left + right, channels)
        target = self.tensor(shape, INT8, self.scale(source), self.zero(source))
        return self.operator("PAD", [source, pads], target, schema.PadOptionsT())

    def reshape(self, *shape: int) -> int:
        source = self.last
        options = schema.ReshapeOptionsT()
        options.newShape = [*shape]
        target = self.tensor(shape, INT8, self.scale(source), self.zero(source))
        return self.operator("RESHAPE", [source], target, options, version=1)

    def relu(self, kind: str = "RELU", scale: float = 0.7, zero: int = -90) -> int:
        source = self.last
        target = self.tensor(self.shape(source), INT8, scale * self.scale(source), zero)
        return self.operator(kind, [source], target)

    def softmax(self, beta: float = 1.0) -> int:
        source = self.last
        options = schema.SoftmaxOptionsT()
        options.beta = beta
        return self.operator("SOFTMAX", [source], self.tensor(self.shape(source), INT8, 1 / 256, -128), options)

    def build(self) -> bytes:
        self._graph.inputs, self._graph.outputs = [self.first], [self.last]
        builder = flatbuffers.Builder(4096)
        builder.Finish(self._model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())

    def draw(self, n_images: int) -> Any:
        """Noise and flat images: what reaches every corner of the arithmetic."""
        shape = (n_images, *self.image_shape)
        noise = self.rng.integers(0, 256, shape)
        noise[::3] = self.rng.integers(0, 2, shape)[::3] * 255
        noise[1::5] = self.rng.integers(0, 256, (n_images, 1, 1, 1))[1::5]
        return noise.astype(np.uint8)


def run_reference(model: bytes, images: Any) -> Any:
    """What TFLite's reference kernels give, as bytes of the program, shape (N, K)."""
    interpreter = Interpreter(model_content=model, experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    (image,), (scores,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for pixels in images:
        interpreter.set_tensor(image["index"], pixels[np.newaxis])
        interpreter.invoke()
        found.append(interpreter.get_tensor(scores["index"]).reshape(-1).copy())
    stored = np.stack(found)
    return stored if stored.dtype == np.uint8 else (stored.astype(int) + 128).astype(np.uint8)


def write_tiny(model: bytes, images: Any) -> CProgram:
    """The C of a file, called `tiny`, with two of the images as its golden vectors."""
    program = read_program(model, "tiny.tflite")
    golden = GoldenVectors(images[:2], run_reference(model, images[:2]))
    labels = tuple(map(str, range(program.scores.size_bytes)))
    source = write_c(program, golden, Provenance("tiny", "0", "0" * 64, labels, 0.0))
    return CProgram("tiny", "0", source, model, kernels=None, reads_drawings=False)


def run_program(model: bytes, images: Any, compiler: Compiler, *flags: str) -> Any:
    """What the C program of a file gives, which must also pass its own test."""
    source, n_classes = write_tiny(model, images).source, run_reference(model, images[:1]).size
    with compiled(compiler, source, "tiny", n_classes, ["-O1", "-Werror", *flags]) as built:
        assert built.run_self_test(images[0].size) == 0
        return built.run(images)


def run_wasm(model: bytes, images: Any, node: str) -> Any:
    """What the same program gives as WebAssembly with simd128."""
    scores, wrong_golden = run_in_node(node, build_wasm(write_tiny(model, images)), images)
    assert not wrong_golden
    return scores.reshape(len(images), -1)


@pytest.fixture(scope="session")
def tiny_file() -> type[TinyFile]:
    """The class: `tiny_file(28, 28, 1)` begins a file that takes such images."""
    return TinyFile


@pytest.fixture(scope="session")
def reference_kernels() -> Callable[..., Any]:
    """`reference_kernels(model, images)`: scores, uint8, shape (N, K)."""
    return run_reference


@pytest.fixture(scope="session")
def c_program(compiler: Compiler) -> Callable[..., Any]:
    """`c_program(model, images, *flags)`: scores, uint8, shape (N, K), of the C that is made of a file."""
    return lambda model, images, *flags: run_program(model, images, compiler, *flags)


@pytest.fixture(scope="session")
def wasm_program() -> Callable[..., Any]:
    """`wasm_program(model, images)`: scores, uint8, shape (N, K), of the WebAssembly that is made of a file."""
    node = shutil.which("node")
    if node is None or find_wasm_compiler() is None:
        pytest.skip("needs Node, and clang with wasm-ld or the Python package ziglang")
    return lambda model, images: run_wasm(model, images, node)


@pytest.fixture(scope="session")
def compiler() -> Compiler:
    """This machine's C compiler."""
    found = find_compiler()
    if found is None:
        pytest.skip("needs a C compiler: install gcc or clang, or the Python package ziglang")
    return found


LENIENT = ("--max-drop", 5, "--min-agreement", 0.9)
"""Limits for an export on digits that the project draws: they are to prove the program, not the network."""


@pytest.fixture
def export_program(run_here: Any, drawn_set: Path, tmp_path: Path) -> Callable[..., Any]:
    """Export `nano` on drawn digits to tmp_path/bundle: `export_program(format, *options, env=...)`."""

    def export(format_name: str, *options: Any, model: Any = "nano", env: Any = None) -> Any:
        asked = ("--int8", "--format", format_name, "--data", drawn_set, *LENIENT, "-o", tmp_path / "bundle")
        return run_here("export", model, *asked, *options, env=env)

    return export


@pytest.fixture
def export_c(export_program: Callable[..., Any]) -> Callable[..., Any]:
    """Export `nano` as C on drawn digits: `export_c(*options, env=...)`."""
    return lambda *options, **keywords: export_program("c", *options, **keywords)


@pytest.fixture(scope="session")
def c_bundle(make_once: Any, run_cli: Any, drawn_set: Path) -> Path:
    """The folders `bundle`, with `nano` as TFLite and as C, and `project`, its C as a project for CMake."""

    def export(folder: Path) -> None:
        asked = ("export", "nano", "--int8", "--format", "tflite,c", "--data", drawn_set, *LENIENT, "-o", "bundle")
        finished = run_cli(*asked, "--project", "cmake", "project", cwd=folder)
        assert finished.code == 0, finished.err
        (folder / "printed.txt").write_text(finished.out, "utf-8")

    return make_once("c-bundle", export)


@pytest.fixture(scope="session")
def nano_program(c_bundle: Path) -> CProgram:
    """The program of `nano`, made again from its TFLite file."""
    tflite = (c_bundle / "bundle" / "nano_int8.tflite").read_bytes()
    return make_c_program(tflite, "nano_int8.c", max_ram_bytes=None)
