"""Convert a network to one file, prove its precision, and load it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from edge_mnist_exporter.audit.audit import MAX_WEIGHT_PAIR, GraphAudit
from edge_mnist_exporter.config import ConversionConfig
from edge_mnist_exporter.formats import FORMATS
from edge_mnist_exporter.formats.request import ConversionRequest
from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.program.c_program import CProgram, make_c_program
from edge_mnist_exporter.program.program_files import PROGRAM_FILES, Filling, Proof
from edge_mnist_exporter.source.nested_layers import list_nested_layers
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.bundles.manifest import Artifact
from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.engines import Engine
from edge_mnist_runtime.engines.onnx_session import OnnxSession
from edge_mnist_runtime.engines.onnx_settings import open_session
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.errors import (
    ConversionError,
    CorruptModelError,
    PrecisionProofError,
    SaturationError,
    UnsupportedModelError,
)
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.tensor import Pixels


@dataclass(frozen=True)
class ExportedFile:
    """A model file with the engines that run it."""

    file: str
    """Its name in the bundle."""
    kind: Kind
    data: bytes
    engine: Engine
    """The engine of the runtime package."""
    default_engine: Engine
    """An engine with the library's default options, like those of other programs."""
    audit: GraphAudit
    companions: dict[str, bytes] = field(default_factory=dict)
    """Files that belong to this one, by name: the header of a C file, the JavaScript of a WebAssembly file."""
    c_program: CProgram | None = None
    """The integer program that the file was made of; None for TFLite and ONNX."""
    prove_program: Proof | None = None
    """Runs it and compares its scores with those of TFLite's reference kernels; None for TFLite and ONNX."""
    fill: Filling | None = None
    """Makes its final bytes, which show measured figures; None for files that show none."""

    @property
    def size_bytes(self) -> int:
        """Size of the file."""
        return len(self.data)

    @property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.data).hexdigest()

    def artifact(self, top1: float) -> Artifact:
        """Make the file's entry in the manifest. `top1` is its accuracy on the evaluation images, in 0..1."""
        kind = self.kind
        return Artifact(
            file=self.file,
            format=kind.format,
            precision=kind.precision,
            sha256=self.sha256,
            size_bytes=self.size_bytes,
            top1=top1,
            inputs=self.audit.inputs,
            outputs=self.audit.outputs,
            can_saturate=self.engine.contract.can_saturate,
        )


def make_request(source: SourceModel, calibration: Pixels, kind: Kind, config: ConversionConfig) -> ConversionRequest:
    """Collect the inputs of a converter for one kind of file."""
    return ConversionRequest(source, kind, make_contract(source, kind, config), calibration, config)


def share_requests(
    source: SourceModel, calibration: Pixels, config: ConversionConfig
) -> Callable[[Kind], ConversionRequest]:
    """Like `make_request`, for several files of one network that share intermediate results."""
    made: dict[tuple[str, ConversionConfig], Any] = {}
    return lambda kind: replace(make_request(source, calibration, kind, config), made=made)


def convert(request: ConversionRequest) -> ExportedFile:
    """Convert a network, prove the precision of the file from its graph, and load it.

    Raises:
        ConversionError: The converter failed, or its file cannot be run.
        UnsupportedModelError: A layer makes a mask, and the activations would be integers.
        PrecisionProofError: The file does not have the precision that its name says.
        SaturationError: Its int8 sums can saturate, and `config.allow_saturation` is not set.
    """
    _check_masks(request)
    return prove(request, FORMATS[request.kind.format].converters[request.kind.precision](request))


def _check_masks(request: ConversionRequest) -> None:
    """Refuse a Masking layer in an integer network, because every converter leaves its comparison in float."""
    layers = list_nested_layers(request.source.keras_model)
    masking = next((layer.name for layer in layers if type(layer).__name__ == "Masking"), None)
    precision = request.kind.precision
    if masking and precision in ("int8", "int16x8"):
        raise UnsupportedModelError(
            f"{request.source.origin}: the layer {masking} makes a mask by comparing values, which {precision} cannot "
            "do; export it with `precisions` fp32 or fp16"
        )


def name_file(request: ConversionRequest) -> str:
    """Name of the file in a bundle."""
    return request.kind.name_file(request.source.name)


def prove(request: ConversionRequest, data: bytes) -> ExportedFile:
    """Prove precision, input and output of a converted file from its graph, and load it."""
    kind, file_format, name = request.kind, FORMATS[request.kind.format], name_file(request)
    contract = request.contract
    expected = None
    if contract.input_scale is not None and contract.input_zero_point is not None:
        expected = contract.input_scale, contract.input_zero_point
    audit = file_format.audit(data, kind.precision, name, expected_input=expected)
    if audit.weight_pair and audit.can_saturate and not request.config.allow_saturation:
        raise SaturationError(
            f"{name}: two weights of {audit.weight_pair.layer} sum to {audit.weight_pair.steps} steps, more than "
            f"{MAX_WEIGHT_PAIR}: int8 sums would saturate on x86 without VNNI"
        )
    found = [spec.dtype for spec in audit.inputs]
    if found != [kind.input_dtype]:
        raise PrecisionProofError(f"{name}: takes {', '.join(found)}; {kind.input_dtype} was requested")
    if kind.is_program:
        return _make_program(request, data, audit)
    try:
        engine = open_engine(data, file_name=name)
    except CorruptModelError as error:
        raise ConversionError(f"{error}; the converter made a file that cannot be run") from error
    return ExportedFile(name, kind, data, engine, _open_by_default(engine, data, name), audit)


def _make_program(request: ConversionRequest, tflite: bytes, audit: GraphAudit) -> ExportedFile:
    """Make the file of the integer program that an int8 TFLite file holds: C source, WebAssembly or a library."""
    kind, name = request.kind, name_file(request)
    program = request.make_once(
        "integer program", lambda: make_c_program(tflite, name, max_ram_bytes=request.config.max_ram_bytes)
    )
    made, kernels = PROGRAM_FILES[kind.format].make(program, kind), program.kernels
    audit = replace(audit, arena_bytes=program.source.arena_bytes)
    return ExportedFile(name, kind, made.data, kernels, kernels, audit, made.companions, program, made.prove, made.fill)


def _open_by_default(engine: Engine, data: bytes, name: str) -> Engine:
    """Open a file with its library's default options, as any program does. LiteRT has no options except threads."""
    if not isinstance(engine, OnnxSession):
        return engine
    return OnnxSession.from_session(open_session(data, name))


def make_contract(source: SourceModel, kind: Kind, config: ConversionConfig) -> ModelContract:
    """Make the contract that is stored in a file of this kind."""
    scale, zero_point = source.input_quantization if kind.has_8_bit_input else (None, None)
    if zero_point is not None and kind.input_dtype == "int8":
        zero_point -= 128
    return ModelContract(
        name=source.name,
        precision=kind.precision,
        labels=source.labels,
        image_shape=source.image_shape,
        input_range=source.input_range,
        preprocess_version=PREPROCESS.version if source.reads_digits else None,
        preprocess_sha256=PREPROCESS.sha256 if source.reads_digits else None,
        source_sha256=source.sha256,
        input_scale=scale,
        input_zero_point=zero_point,
        least_confidence=source.least_confidence or 0.0,
        thresholds=source.thresholds,
        can_saturate=config.allow_saturation and kind.may_saturate,
    )
