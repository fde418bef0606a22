"""Open a model file in the engine that its suffix names."""

from __future__ import annotations

from edge_mnist_runtime.engines import DEFAULT_OPTIONS, Engine, suffix_of
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.errors import UsageError


def open_engine(model: bytes, *, file_name: str, options: EngineOptions = DEFAULT_OPTIONS) -> Engine:
    """Load a model from the bytes of its file. The suffix of the name gives the format.

    Args:
        model: The whole file.
        file_name: Its name or path, for the format and for error messages.
        options: Threads, memory and providers.

    Raises:
        UsageError: The suffix is neither .onnx nor .tflite, or the engine does not support an option.
        MissingExtraError: The file is .tflite and LiteRT is not installed.
        CorruptModelError: The file cannot be read.
        ContractError: The file has no contract, or one that this version cannot read.
    """
    suffix = suffix_of(file_name)
    if suffix == ".onnx":
        from edge_mnist_runtime.engines.onnx_session import OnnxSession

        return OnnxSession(model, origin=file_name, options=options)
    if suffix == ".tflite":
        from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter

        return TFLiteInterpreter(model, origin=file_name, options=options)
    raise UsageError(f"{file_name}: not a model; expected a bundle folder or a file ending in .onnx or .tflite")
