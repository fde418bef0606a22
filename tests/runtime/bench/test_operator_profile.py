"""Times by operator, from onnxruntime's profiler."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.bench.operator_profile import SETTLING_CALLS, profile_operators, summarise_events
from edge_mnist_runtime.errors import CorruptModelError, UsageError


def event(name: str, operator: str, dur: int) -> dict[str, object]:
    return {"cat": "Node", "name": f"{name}_kernel_time", "args": {"op_name": operator}, "dur": dur}


def test_summary_skips_settling_calls_and_sorts_by_median() -> None:
    events = [event("conv", "QLinearConv", 1000), event("softmax", "Softmax", 1000)] * SETTLING_CALLS
    events += [event("conv", "QLinearConv", 30), event("softmax", "Softmax", 10), {"cat": "Session", "name": "run"}] * 3
    conv, softmax = summarise_events(events, images=10)
    assert (conv.name, conv.operator, conv.us_per_image, conv.share) == ("conv", "QLinearConv", 3.0, 0.75)
    assert (softmax.us_per_image, softmax.share) == (1.0, 0.25)


def test_summary_of_no_events_is_empty() -> None:
    assert summarise_events([], images=1) == ()


def test_every_operator_of_the_bundled_model_is_timed(bundled_onnx: bytes) -> None:
    operators = profile_operators(bundled_onnx, np.zeros((3, 28, 28, 1), np.uint8), origin="robust_int8.onnx")
    assert sum(operator.share for operator in operators) == pytest.approx(1.0, abs=0.01)
    assert "QLinearConv" in {operator.operator for operator in operators}
    times = [operator.us_per_image for operator in operators]
    assert times == sorted(times, reverse=True)


def test_tflite_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"edge_int8.tflite: LiteRT's .* no profiler"):
        profile_operators(b"", np.zeros((1, 28, 28, 1), np.uint8), origin="edge_int8.tflite")


def test_damaged_model_is_refused() -> None:
    with pytest.raises(CorruptModelError):
        profile_operators(b"not a model", np.zeros((1, 28, 28, 1), np.uint8), origin="edge_int8.onnx")
