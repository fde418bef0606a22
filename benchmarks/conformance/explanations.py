"""Why rows differ: what was measured, by subject and format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from benchmarks.conformance.differences import Difference

CLOSE_CALL: Final = 0.1
"""Rounding turns only answers whose first digit led the second by less than this."""


@dataclass(frozen=True)
class Explanation:
    """A measured reason why a program answers otherwise, or refuses the file."""

    text: str
    max_lead: float = 1.0
    """It explains other answers only where the digit on record led by no more than this."""

    def covers(self, difference: Difference | None) -> bool:
        """Whether it explains these answers; None stands for a refusal."""
        return difference is None or difference.max_lead is None or difference.max_lead <= self.max_lead


_KERNELS: Final = Explanation(
    "XNNPACK scales the int32 sums of a layer by a float32 and rounds once. LiteRT's other kernels, and those of "
    "TensorFlow Lite Micro, multiply by a fixed-point number and round twice. Of the first convolution's outputs 0.02 "
    "to 0.03 % differ by that, by one step each. The digits read otherwise were close calls or ties on record.",
    CLOSE_CALL,
)

_ONE_STEP: Final = Explanation(
    "The program sums in float32, or scales integer sums in another order of float32 operations. A value halfway "
    "between two int8 steps is then rounded to the other one.",
    CLOSE_CALL,
)

_ARM_KERNELS: Final = Explanation(
    "XNNPACK's kernels for ARM round otherwise than those for x86. Where a probability differs, it is by one step of "
    "the file's output, 1/256.",
    max_lead=1 / 256,
)

EXPLANATIONS: Final = {
    ("litert-reference", "tflite"): _KERNELS,
    ("litert-builtin", "tflite"): _KERNELS,
    ("tflite-micro", "tflite"): _KERNELS,
    ("litert-reference-cortex-a72", "tflite"): _KERNELS,
    ("litert-cortex-a72", "tflite"): _ARM_KERNELS,
    ("litert-cortex-a76", "tflite"): _ARM_KERNELS,
    ("openvino", "onnx"): Explanation(
        "On processors with bfloat16, OpenVINO computes in it what is not int8. The next row, with "
        "INFERENCE_PRECISION_HINT=f32, shows what is left without it.",
        CLOSE_CALL,
    ),
    ("openvino-f32", "onnx"): _ONE_STEP,
    ("opencv", "onnx"): _ONE_STEP,
    ("tvm", "onnx"): _ONE_STEP,
    ("opencv", "tflite"): Explanation(
        "OpenCV has no int8 version of three things in the file. ReLU fused into a convolution could be left out: the "
        "zero-point already clips. But it then refuses MEAN and, after that, FULLY_CONNECTED. Both written as "
        "convolutions are read, with the same answers in LiteRT, but add 1.3 kB to nano, 2.3 to edge and 3.1 to "
        "robust, and need ENGINE_CLASSIC. So the file stays. Use the ONNX file with OpenCV."
    ),
    ("opencv-4", "tflite"): Explanation("As version 5."),
    ("opencv-4", "onnx"): Explanation(
        "OpenCV 4 takes uint8 tensors for int8 (the classic engine of version 5 does so, too). The same file with int8 "
        "zero-points and the same weights is read right. onnxruntime needs uint8 for its fast kernels on x86, so use "
        "version 5, or an fp32 export: OpenCV 4 reads it exactly."
    ),
    ("mnn", "onnx"): Explanation(
        "MNN's converter fails in its shape inference, at the reshaped stem that makes onnxruntime fast."
    ),
    ("mnn", "tflite"): Explanation(
        "MNN imports quantized TFLite files wrongly: with uint8 and with float32 ends alike. The fp32 TFLite export is "
        "read right by the same code (300 of 300 digits). Give MNN that one, and its own quantizer."
    ),
    ("ncnn", "onnx"): Explanation("ncnn has its own int8 format and no QuantizeLinear. Give its tools an fp32 export."),
}
"""Measured reasons, see docs/results/conformance.md. A row that differs and has none fails the command."""
