"""Check an export against its gates. If one fails, no bundle is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.evaluate.evaluation import Comparison
from edge_mnist_exporter.evaluate.parity import Int8Parity
from edge_mnist_exporter.gate_config import GateConfig

REFERENCE_GATE: Final = "reference_top1"
"""Name of the gate that the Keras model itself must pass."""

MIN_REFERENCE_TOP1: Final = 0.5
"""Minimum accuracy of the Keras model. Below it, the input is probably wrong, such as pixels in 0..255."""

ROUNDING: Final = 1e-9
"""Tolerance for rounding errors, so that a value exactly at its limit passes."""


@dataclass(frozen=True)
class Gate:
    """One limit with the measured value."""

    name: str
    value: float
    limit: str
    """The comparison that must hold, such as `<= 0.5`."""
    margin: float
    """Distance of the value from its limit; negative if the gate failed."""
    passed: bool
    files: tuple[str, ...]
    """The files that the gate checks; empty for the gate of the Keras model."""


def judge(
    reference_top1: float,
    comparisons: Iterable[tuple[str, Comparison]],
    config: GateConfig,
    int8_parity: Int8Parity | None = None,
    *,
    runtime: Iterable[tuple[str, Comparison]] = (),
) -> tuple[Gate, ...]:
    """Check all gates of an export.

    Args:
        reference_top1: Keras's accuracy, in 0..1.
        comparisons: File name and figures of every file.
        config: The limits.
        int8_parity: Parity of the two int8 files; None if there are not both.
        runtime: File name and figures of every file that gives other probabilities in the runtime package.
    """
    gates = [judge_reference(reference_top1)]
    for file, figures in comparisons:
        gates.extend(judge_file(file, figures, config))
    for file, figures in runtime:
        gates.extend(judge_file(file, figures, config, place=" in edge-mnist's runtime"))
    if int8_parity and config.min_int8_parity is not None:
        pair = (int8_parity.tflite, int8_parity.onnx)
        gates.append(_at_least("int8_parity", int8_parity.agreement, config.min_int8_parity, pair))
    return tuple(gates)


def judge_reference(reference_top1: float) -> Gate:
    """Check the accuracy of the Keras model."""
    return _at_least(REFERENCE_GATE, reference_top1, MIN_REFERENCE_TOP1, ())


def judge_file(file: str, figures: Comparison, config: GateConfig, *, place: str = "") -> Iterator[Gate]:
    """Check the gates of one file. `place` follows the file's name in the names of the gates."""
    drop = 0.0 - figures.delta_points  # not -x, which turns 0.0 into -0.0
    yield _at_most(f"drop_points({file}{place})", drop, config.max_drop_points, (file,))
    yield _at_least(f"agreement({file}{place})", figures.agreement, config.min_agreement, (file,))
    if config.max_probability_diff is not None:
        difference = figures.max_abs_probability_diff
        yield _at_most(f"probability_diff({file}{place})", difference, config.max_probability_diff, (file,))
    if config.min_top1 is not None:
        yield _at_least(f"top1({file}{place})", figures.top1, config.min_top1, (file,))


def _at_most(name: str, value: float, limit: float, files: tuple[str, ...]) -> Gate:
    return Gate(name, value, f"<= {limit:g}", limit - value, value <= limit + ROUNDING, files)


def _at_least(name: str, value: float, limit: float, files: tuple[str, ...]) -> Gate:
    return Gate(name, value, f">= {limit:g}", value - limit, value >= limit - ROUNDING, files)
