"""The verdict of a comparison: whether each model became slower than the limit allows.

Every kind of comparison gives a `Comparison` of `Change`s. There is a verdict only if the interval of a ratio lies on
one side of the limit.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar, Final, Literal

from edge_mnist_runtime.errors import RegressionError, UndecidedError, UsageError

COMPARE_SCHEMA_VERSION: Final = 2

Verdict = Literal["regression", "slower", "same", "faster", "not decided"]

NO_CHANGE: Final = 0.005
"""Fraction below which a change is none: a model differs as much from itself (docs/results/gate-trial.md)."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """How one model changed."""

    quantity: ClassVar[str] = "latency"
    """What is compared, for messages."""

    model: str
    """The new model's name."""
    threads: int
    limit: float
    """Maximum allowed ratio, such as 1.05."""
    interval: tuple[float, float] | None
    """Confidence interval of new / old; None if there are too few measurements for one."""
    remedy: str = ""
    """What to do if there is no verdict."""

    @property
    def verdict(self) -> Verdict:
        """`regression`: the interval lies above the limit. `not decided`: it holds the limit, or there is none.

        Otherwise the ratio is below the limit: `slower` or `faster` if the whole interval is more than `NO_CHANGE`
        from 1, else `same`.
        """
        if self.interval is None:
            return "not decided"
        low, high = self.interval
        if low > self.limit:
            return "regression"
        if high > self.limit:
            return "not decided"
        return "slower" if low > 1 + NO_CHANGE else "faster" if high < 1 - NO_CHANGE else "same"

    @property
    def old_and_new(self) -> str:
        """The two compared figures with their unit, for messages."""
        raise NotImplementedError


@dataclass(frozen=True)
class Comparison:
    """The comparison of two sets of models."""

    old: str
    new: str
    method: Literal["side by side", "reports", "instructions"]
    max_regression: float
    """Fraction by which a ratio may grow, 0.05 for 5 %."""
    changes: tuple[Change, ...]
    unpaired: tuple[str, ...] = ()
    """Models that are on one side only."""
    unlike: tuple[str, ...] = ()
    """Conditions that differ, if the comparison was forced."""
    warnings: tuple[str, ...] = ()
    conditions: dict[str, Any] = field(default_factory=dict)
    """What was measured and on which machine, if it was measured for this comparison."""

    def to_dict(self) -> dict[str, Any]:
        """The record that `edge-mnist compare` prints as JSON."""
        return {
            "schema_version": COMPARE_SCHEMA_VERSION,
            "method": self.method,
            "old": self.old,
            "new": self.new,
            "max_regression": self.max_regression,
            "conditions": self.conditions,
            "models": [_record(change) for change in self.changes],
            "unpaired": list(self.unpaired),
            "unlike": list(self.unlike),
            "warnings": list(self.warnings),
        }

    @property
    def undecided(self) -> tuple[Change, ...]:
        """Changes without a verdict."""
        return tuple(change for change in self.changes if change.verdict == "not decided")


def _record(change: Change) -> dict[str, Any]:
    """A change as JSON; the remedy is null beside a verdict."""
    remedy = change.remedy if change.verdict == "not decided" else None
    return {**asdict(change), "remedy": remedy, "verdict": change.verdict}


def require_no_regression(comparison: Comparison, *, lenient: bool = False) -> None:
    """Raise an error that names the worst model.

    Args:
        comparison: The result of a comparison.
        lenient: Accept models without a verdict.

    Raises:
        RegressionError: A model became slower than the limit allows.
        UndecidedError: A model has no verdict, and `lenient` is not set.
    """
    limit = f"at most {comparison.max_regression:+.1%} is allowed"
    slower = [change for change in comparison.changes if change.verdict == "regression"]
    if slower:
        worst = max(slower, key=lambda change: change.interval or (0.0, 0.0))
        raise RegressionError(
            f"{worst.model}: {worst.quantity} went {worst.old_and_new} ({describe_interval(worst)}); {limit}"
        )
    if comparison.undecided and not lenient:
        first = comparison.undecided[0]
        raise UndecidedError(
            f"{first.model}: not decided ({describe_interval(first)}; {limit}): {first.remedy}; "
            "`lenient=True` accepts this"
        )


def describe_interval(change: Change) -> str:
    """The interval of a change in percent, for messages."""
    if change.interval is None:
        return "no interval"
    low, high = (f"{bound - 1:+.1%}" for bound in change.interval)
    return f"interval {low} to {high}"


def parse_percent(text: str, option: str) -> float:
    """Parse a percentage: `5%` is 0.05.

    Raises:
        UsageError: It is not a percentage of at least 0; the message names `option`.
    """
    try:
        fraction = float(text.removesuffix("%")) / 100 if text.endswith("%") else math.nan
    except ValueError:
        fraction = math.nan
    if not 0 <= fraction < math.inf:
        raise UsageError(f"{option} must be a percentage of at least 0, as in 5%, not {text!r}")
    return fraction
