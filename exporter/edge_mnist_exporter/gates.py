"""The limits that an export must keep; one that is not kept means that nothing is written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.evaluation import Comparison

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
    passed: bool
    file: str | None
    """The file that it is about; None for the Keras model."""


def judge(
    reference_top1: float, comparisons: Iterable[tuple[str, Comparison]], config: ExportConfig
) -> tuple[Gate, ...]:
    """Hold every figure against its limit.

    Args:
        reference_top1: Keras's accuracy, in 0..1.
        comparisons: File name and figures of every file.
        config: The limits.
    """
    gates = [judge_reference(reference_top1)]
    for file, figures in comparisons:
        drop = 0.0 - figures.delta_points  # not -x, which turns 0.0 into -0.0
        gates.append(_at_most(f"drop_points({file})", drop, config.max_drop_points, file))
        gates.append(_at_least(f"agreement({file})", figures.agreement, config.min_agreement, file))
    return tuple(gates)


def judge_reference(reference_top1: float) -> Gate:
    """Hold the Keras model itself against the least that it must read."""
    return _at_least("reference_top1", reference_top1, LEAST_REFERENCE_TOP1, None)


def _at_most(name: str, value: float, limit: float, file: str | None) -> Gate:
    return Gate(name, value, f"<= {limit:g}", value <= limit + ROUNDING, file)


def _at_least(name: str, value: float, limit: float, file: str | None) -> Gate:
    return Gate(name, value, f">= {limit:g}", value >= limit - ROUNDING, file)
