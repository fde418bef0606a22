"""Named confidence thresholds, `lenient`, `balanced` and `strict`, by the fraction of digits that each may reject."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import Final, Literal, TypeAlias

from edge_mnist_runtime.errors import UsageError

LeastConfidence: TypeAlias = "float | Literal['lenient', 'balanced', 'strict']"
"""A confidence, 0..1 without 1, or the name of one that the model's file records."""

MAX_REJECTED: Final = {"lenient": 0.001, "balanced": 0.0025, "strict": 0.01}
"""What each name promises: the largest fraction of validation images whose confidence is below the threshold."""


@dataclass(frozen=True)
class Thresholds:
    """The confidence, 0..1, for each name in `MAX_REJECTED`, as the export measured it on validation images."""

    lenient: float
    balanced: float
    strict: float

    def __post_init__(self) -> None:
        if not 0 <= self.lenient <= self.balanced <= self.strict < 1:
            raise ValueError(
                f"thresholds are lenient {self.lenient}, balanced {self.balanced}, strict {self.strict}; expected "
                "ascending numbers from 0 to below 1"
            )


def check_least_confidence(asked: object) -> None:
    """Raise `UsageError` unless `asked` is None, a name in `MAX_REJECTED`, or a number from 0 to below 1."""
    if asked is None or (isinstance(asked, str) and asked in MAX_REJECTED):
        return
    try:
        number = float(asked) if isinstance(asked, int | Real) and not isinstance(asked, bool) else math.nan
    except OverflowError:  # an int of hundreds of digits
        number = math.inf
    if not 0 <= number < 1:  # also refuses NaN
        names = ", ".join(MAX_REJECTED)
        shown = str(asked) if isinstance(asked, Real) else repr(asked)
        raise UsageError(f"`least_confidence` must be {names}, or a number from 0 to below 1, not {shown}")


def find_threshold(
    asked: LeastConfidence | None, *, recorded: float | None, thresholds: Thresholds | None, origin: str
) -> float:
    """Find the confidence below which predictions are rejected.

    Args:
        asked: A number or a name; None for the recorded threshold.
        recorded: The model's own threshold, 0..1; None if nobody chose one.
        thresholds: The model's named thresholds; None in files that older versions made. There, `balanced` is
            `recorded`.
        origin: Name of the model in messages.

    Raises:
        UsageError: The model does not record the threshold of this name.
    """
    check_least_confidence(asked)
    if asked is None:
        return recorded or 0.0
    if not isinstance(asked, str):
        return float(asked)
    if thresholds is not None:
        return float(getattr(thresholds, asked))
    if recorded is None:
        raise UsageError(f"`least_confidence` {asked}: {origin} records no threshold; give a number in 0..1")
    if asked != "balanced":
        raise UsageError(
            f"`least_confidence` {asked}: {origin} records only balanced, {recorded:g}; give a number in 0..1, or "
            "export the model again"
        )
    return recorded
