"""Measured reasons why predictions differ, by program and format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.conformance.differences import Difference

CLOSE_CALL: Final = 0.128
"""Rounding changes only predictions with at most this margin (top-1 minus top-2 probability).

A rounded sum moves a logit by one step: 0.1285 in the file with the finest ones. Where the two likeliest logits move
towards each other by one step each, the margin shrinks by at most tanh(0.1285)."""


@dataclass(frozen=True)
class Explanation:
    """A measured reason why a program predicts otherwise or refuses the file."""

    text: str
    max_margin: float = 1.0
    """It explains other predictions only up to this recorded margin."""

    def covers(self, difference: Difference | None) -> bool:
        """Whether it explains this difference; None means that the file was refused."""
        return difference is None or difference.max_margin is None or difference.max_margin <= self.max_margin


_KERNELS: Final = Explanation(
    "XNNPACK scales the int32 sums of a layer by a float32 and rounds once. LiteRT's other kernels, and those of "
    "TensorFlow Lite Micro, multiply by a fixed-point number and round twice. This changes 0.02 to 0.03 % of the first "
    "convolution's outputs, by one step each. The digits that change were close calls or ties.",
    CLOSE_CALL,
)

_ONE_STEP: Final = Explanation(
    "The program sums in float32, or scales integer sums by float32 operations in another order. A value halfway "
    "between two int8 steps may then round to the other one.",
    CLOSE_CALL,
)

_ARM_KERNELS: Final = Explanation(
    "XNNPACK's kernels for ARM and x86 round differently. Probabilities differ by at most one step of the file's "
    "output, 1/256.",
    max_margin=1 / 256,
)

EXPLANATIONS: Final = {
    ("litert-reference", "tflite"): _KERNELS,
    ("litert-builtin", "tflite"): _KERNELS,
    ("tflite-micro", "tflite"): _KERNELS,
    ("litert-reference-cortex-a72", "tflite"): _KERNELS,
    ("litert-cortex-a72", "tflite"): _ARM_KERNELS,
    ("litert-cortex-a76", "tflite"): _ARM_KERNELS,
    ("openvino", "onnx"): Explanation(
        "On processors with bfloat16, OpenVINO uses it for all operations that are not int8. The next row, with "
        "INFERENCE_PRECISION_HINT=f32, shows the differences without bfloat16.",
        CLOSE_CALL,
    ),
    ("openvino-f32", "onnx"): _ONE_STEP,
    ("openvino", "tflite"): _ONE_STEP,
    ("openvino-f32", "tflite"): _ONE_STEP,
    ("opencv", "onnx"): _ONE_STEP,
    ("tvm", "onnx"): _ONE_STEP,
    ("tvm", "tflite"): _ONE_STEP,
    ("opencv", "tflite"): Explanation(
        "OpenCV has no int8 version of three operations in the file: ReLU fused into a convolution, MEAN and "
        "FULLY_CONNECTED. The ReLU is redundant, because the zero-point already clips. OpenCV can read the other two "
        "as convolutions, with the same predictions in LiteRT. But these add 1.3 kB to nano, 2.3 kB to edge and 3.1 kB "
        "to robust, and need ENGINE_CLASSIC, so the file was not changed. Use the ONNX file with OpenCV."
    ),
    ("opencv-4", "tflite"): Explanation("As in version 5."),
    ("opencv-4", "onnx"): Explanation(
        "OpenCV 4 treats uint8 tensors as int8, as does the classic engine of version 5. It reads the same file "
        "correctly with int8 zero-points. But onnxruntime needs uint8 for its fast kernels on x86. Use version 5, or "
        "an fp32 export, which OpenCV 4 reads exactly."
    ),
    ("mnn", "onnx"): Explanation(
        "The shape inference of MNN's converter fails at the reshaped stem, which makes onnxruntime fast."
    ),
    ("mnn", "tflite"): Explanation(
        "MNN imports quantized TFLite files wrongly, whether inputs and outputs are uint8 or float32. It reads the "
        "fp32 TFLite export correctly (300 of 300 digits). Give MNN that file, and use its own quantizer."
    ),
    ("ncnn", "onnx"): Explanation(
        "ncnn has its own int8 format, without QuantizeLinear. Give its tools an fp32 export."
    ),
}
"""Known reasons, by program and format. `make conformance` fails if a row differs without one."""
