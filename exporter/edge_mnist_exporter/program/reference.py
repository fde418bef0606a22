"""Run TFLite's reference kernels, which the C program must equal bit by bit.

Other kernels differ: LiteRT's optimised ones and XNNPACK round some sums differently.
"""

from __future__ import annotations

from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter


class ReferenceKernels(TFLiteInterpreter):
    """An `Engine` over the int8 TFLite file that a C program was read from, in LiteRT's reference kernels."""

    format = "c"
    backend = "TFLite's reference kernels"
    kernels = "BUILTIN_REF"
