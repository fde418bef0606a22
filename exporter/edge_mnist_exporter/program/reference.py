"""Run TFLite's reference kernels, which the C program must equal bit by bit.

Other kernels differ: LiteRT's optimised ones and XNNPACK round some sums differently.
"""

from __future__ import annotations

from typing import Any

from ai_edge_litert.interpreter import Interpreter, OpResolverType

from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter


class ReferenceKernels(TFLiteInterpreter):
    """An `Engine` over the int8 TFLite file that a C program was read from, in LiteRT's reference kernels."""

    format = "c"
    backend = "TFLite's reference kernels"

    @staticmethod
    def load(model: bytes, origin: str, threads: int) -> Any:
        """The interpreter of a file that LiteRT has been shown to read."""
        del origin
        resolver = OpResolverType.BUILTIN_REF
        interpreter = Interpreter(model_content=model, num_threads=threads, experimental_op_resolver_type=resolver)
        interpreter.allocate_tensors()
        return interpreter
