"""Open a model file in the engine that its suffix names."""

from __future__ import annotations

from edge_mnist_runtime.engines import DEFAULT_OPTIONS, Engine, suffix_of
from edge_mnist_runtime.engines.options import SUFFIXES_OF, EngineOptions
from edge_mnist_runtime.errors import MissingExtraError, UsageError


def open_engine(model: bytes, *, file_name: str, options: EngineOptions = DEFAULT_OPTIONS) -> Engine:
    """Load a model from the bytes of its file. The suffix of the name gives the format.

    Args:
        model: The whole file. A library is code: its caller has proved its hash.
        file_name: Its name or path, for the format and for error messages.
        options: Threads, memory and providers.

    Raises:
        UsageError: The suffix is none of a model's, or the engine does not support an option.
        MissingExtraError: LiteRT or onnxruntime is needed and not installed.
        CorruptModelError: The file cannot be read.
        ContractError: The file has no contract, or one that this version cannot read.
    """
    suffix = suffix_of(file_name)
    if suffix == ".onnx":
        try:
            from edge_mnist_runtime.engines.onnx_session import OnnxSession
        except ModuleNotFoundError as error:
            if error.name != "onnxruntime":
                raise
            raise MissingExtraError("onnx", "Running .onnx models") from error

        return OnnxSession(model, origin=file_name, options=options)
    if suffix == ".tflite":
        from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter

        return TFLiteInterpreter(model, origin=file_name, options=options)
    if suffix in SUFFIXES_OF["lib"]:
        from edge_mnist_runtime.engines.native_library import NativeLibrary

        return NativeLibrary(model, origin=file_name, options=options)
    raise UsageError(f"{file_name}: not a model; expected a bundle folder or a file ending in .onnx or .tflite")
