"""The limits that an export must keep; one that is not kept means that no bundle is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.evaluate.evaluation import Comparison
from edge_mnist_exporter.evaluate.parity import Int8Parity
from edge_mnist_exporter.gate_config import GateConfig

REFERENCE_GATE: Final = "reference_top1"
"""Name of the gate that the Keras model itself must pass."""

LEAST_REFERENCE_TOP1: Final = 0.5
"""A Keras model that reads fewer digits than this is fed wrongly (pixels in 0..255, say), and proves nothing."""

ROUNDING: Final = 1e-9
"""A loss of exactly the limit passes, whatever binary fractions make of it."""


@dataclass(frozen=True)
class Gate:
    """One limit and the figure that was measured."""

    name: str
    value: float
    limit: str
    """The comparison that must hold, such as `<= 0.5`."""
    margin: float
    """How far the value is from its limit, on the right side of it; negative where it is on the wrong side."""
    passed: bool
    files: tuple[str, ...]
    """The files that it is about; none for the Keras model's own."""


def judge(
    reference_top1: float,
    comparisons: Iterable[tuple[str, Comparison]],
    config: GateConfig,
    int8_parity: Int8Parity | None = None,
    *,
    runtime: Iterable[tuple[str, Comparison]] = (),
    programs: Iterable[tuple[str, int]] = (),
) -> tuple[Gate, ...]:
    """Hold every figure against its limit.

    Args:
        reference_top1: Keras's accuracy, in 0..1.
        comparisons: File name and figures of every file.
        config: The limits.
        int8_parity: The int8 pair's, where there is one.
        runtime: File name and figures of every file that answers otherwise in the runtime package.
        programs: File name of every C program, and images to which it does not give the reference kernels' scores.
    """
    gates = [judge_reference(reference_top1)]
    for file, figures in comparisons:
        gates.extend(judge_file(file, figures, config))
    for file, figures in runtime:
        gates.extend(judge_file(file, figures, config, place=" in edge-mnist's runtime"))
    for file, differing in programs:
        gates.append(_at_most(f"program_differences({file})", differing, 0, (file,)))
    if int8_parity and config.min_int8_parity is not None:
        pair = (int8_parity.tflite, int8_parity.onnx)
        gates.append(_at_least("int8_parity", int8_parity.agreement, config.min_int8_parity, pair))
    return tuple(gates)


def judge_reference(reference_top1: float) -> Gate:
    """Hold the Keras model itself against the least that it must read."""
    return _at_least(REFERENCE_GATE, reference_top1, LEAST_REFERENCE_TOP1, ())


def judge_file(file: str, figures: Comparison, config: GateConfig, *, place: str = "") -> Iterator[Gate]:
    """Hold one file's figures against their limits; `place` follows its name in the names of the gates."""
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
