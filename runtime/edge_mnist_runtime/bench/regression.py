"""Compare two benchmark reports: which models became slower, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.bench.report import COMPARED, BenchReport, MeasuredModel
from edge_mnist_runtime.errors import RegressionError, UsageError
from edge_mnist_runtime.timing.percentiles import Latencies

COMPARE_SCHEMA_VERSION: Final = 1

RESAMPLES: Final = 1_000
RESAMPLING_SEED: Final = 2026
INTERVAL: Final = (2.5, 97.5)
"""Percentiles of the resampled ratios: a 95 % interval."""


@dataclass(frozen=True)
class LatencyChange:
    """The latencies of one model in two reports."""

    model: str
    threads: int
    old_us: dict[str, float | None]
    """p50, p90 and p99 in microseconds; None if there were too few samples."""
    new_us: dict[str, float | None]
    ratio: dict[str, float | None]
    """`new_us` / `old_us`, by percentile."""
    p50_interval: tuple[float, float] | None
    """95 % interval of the ratio of the medians; None if a median is unknown."""
    cliffs_delta: float
    """Fraction of pairs in which the new call is slower, minus the fraction in which it is faster, -1..1."""
    limit: float
    """Maximum allowed ratio, such as 1.05."""

    @property
    def verdict(self) -> str:
        """`regression` (interval above the limit), `slower`, `faster`, `same` (interval holds 1) or `unknown`."""
        if self.p50_interval is None:
            return "unknown"
        low, high = self.p50_interval
        if low > self.limit:
            return "regression"
        return "slower" if low > 1 else "faster" if high < 1 else "same"


@dataclass(frozen=True)
class RegressionReport:
    """The comparison of two reports."""

    old: Path
    new: Path
    max_regression: float
    """Fraction by which a median may grow, 0.05 for 5 %."""
    changes: tuple[LatencyChange, ...]
    unpaired: tuple[str, ...]
    """Models that are in only one report."""
    unlike: tuple[str, ...]
    """Conditions that differ, if the comparison was forced."""
    warnings: tuple[str, ...]
    """Warnings of both reports."""

    def to_dict(self) -> dict[str, Any]:
        """The record that `edge-mnist compare` prints as JSON."""
        return {
            "schema_version": COMPARE_SCHEMA_VERSION,
            "old": str(self.old),
            "new": str(self.new),
            "max_regression": self.max_regression,
            "models": [{**asdict(change), "verdict": change.verdict} for change in self.changes],
            "unpaired": list(self.unpaired),
            "unlike": list(self.unlike),
            "warnings": list(self.warnings),
        }


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


def compare_reports(old: Path, new: Path, *, max_regression: float = 0.05, force: bool = False) -> RegressionReport:
    """Compare two JSON reports of `edge-mnist bench`.

    Args:
        old: Path of the report before.
        new: Path of the report after.
        max_regression: Fraction by which a median may grow.
        force: Compare although machines or settings differ.

    Raises:
        UsageError: A file cannot be opened; machines or settings differ; the reports have no model in common, or too
            few samples for a median.
        IntegrityError: A file is not a report, or is damaged.
    """
    before, after = BenchReport.load(old), BenchReport.load(new)
    unlike = [
        f"{name} ({before.conditions.get(name)} and {after.conditions.get(name)})"
        for name in {**before.conditions, **after.conditions}
        if before.conditions.get(name) != after.conditions.get(name)
    ]
    if unlike and not force:
        raise UsageError(
            f"{old} and {new} are not comparable: {'; '.join(unlike)} differ; `force=True` compares anyway"
        )
    pairs = _pair(before.models, after.models)
    if not pairs:
        raise UsageError(f"{old} and {new} have no model in common")
    changes = tuple(_compare(one, other, 1 + max_regression) for one, other in pairs)
    if all(change.verdict == "unknown" for change in changes):
        raise UsageError(f"{old} and {new}: too few samples for a median; measure again with more")
    paired = {id(model) for pair in pairs for model in pair}
    return RegressionReport(
        old,
        new,
        max_regression,
        changes,
        tuple(
            f"{model.label} is only in {path}"
            for path, report in ((old, before), (new, after))
            for model in report.models
            if id(model) not in paired
        ),
        tuple(unlike),
        tuple(f"{path}: {warning}" for path, report in ((old, before), (new, after)) for warning in report.warnings),
    )


def require_no_regression(report: RegressionReport) -> None:
    """Raise `RegressionError` if a model is slower than the limit allows; the message names the worst one."""
    worst = max(
        (change for change in report.changes if change.verdict == "regression"),
        key=lambda change: change.p50_interval or (0.0, 0.0),
        default=None,
    )
    if worst and worst.p50_interval and worst.ratio["p50"]:
        low, high = (f"{bound - 1:+.1%}" for bound in worst.p50_interval)
        raise RegressionError(
            f"{worst.model}: p50 went from {worst.old_us['p50']:.1f} to {worst.new_us['p50']:.1f} us, "
            f"{worst.ratio['p50'] - 1:+.1%} (95 % interval {low} to {high}); "
            f"at most {report.max_regression:+.1%} is allowed"
        )


def median_ratio_interval(old: Latencies, new: Latencies) -> tuple[float, float]:
    """Compute the 95 % interval of the ratio of two medians with a circular block bootstrap (Politis and Romano, 1992).

    It draws blocks of neighbouring calls, because a disturbance slows several calls in a row. The block length is the
    square root of the sample size. The seed is fixed, so the same reports give the same interval.

    Args:
        old: Latencies in the order of measurement, at least one.
        new: The same for the other report.

    Returns:
        Lower and upper bound of new / old.
    """
    rng = np.random.default_rng(RESAMPLING_SEED)
    ratios = _resampled_medians(new, rng) / _resampled_medians(old, rng)
    low, high = np.percentile(ratios, INTERVAL)
    return float(low), float(high)


def cliffs_delta(old: Latencies, new: Latencies) -> float:
    """Compute Cliff's delta (1993): P(new > old) - P(new < old) over all pairs, -1..1."""
    ordered = np.sort(old)
    above = np.searchsorted(ordered, new, side="left").sum()
    below = (len(old) - np.searchsorted(ordered, new, side="right")).sum()
    return float(above - below) / (len(old) * len(new))


def _resampled_medians(values: Latencies, rng: np.random.Generator) -> Latencies:
    n = len(values)
    block = math.isqrt(n)
    starts = rng.integers(0, n, (RESAMPLES, math.ceil(n / block)))
    indices = (starts[..., np.newaxis] + np.arange(block)).reshape(RESAMPLES, -1)[:, :n] % n
    medians: Latencies = np.median(values[indices], axis=1)
    return medians


def _pair(old: Sequence[MeasuredModel], new: Sequence[MeasuredModel]) -> list[tuple[MeasuredModel, MeasuredModel]]:
    """Pair models with the same threads and path; otherwise with the same file name, if it is unique."""
    pairs = []
    for model in old:
        alike = [other for other in new if (other.model, other.threads) == (model.model, model.threads)]
        if not alike and sum((other.name, other.threads) == (model.name, model.threads) for other in old) == 1:
            alike = [other for other in new if (other.name, other.threads) == (model.name, model.threads)]
        if len(alike) == 1:
            pairs.append((model, alike[0]))
    return pairs


def _compare(old: MeasuredModel, new: MeasuredModel, limit: float) -> LatencyChange:
    ratio = {
        name: round(after / before, 4) if (before := old.latency_us[name]) and (after := new.latency_us[name]) else None
        for name in COMPARED
    }
    before_us, after_us = np.array(old.latencies_us), np.array(new.latencies_us)
    low, high = median_ratio_interval(before_us, after_us)
    return LatencyChange(
        new.label,
        new.threads,
        {name: old.latency_us[name] for name in COMPARED},
        {name: new.latency_us[name] for name in COMPARED},
        ratio,
        (round(low, 4), round(high, 4)) if ratio["p50"] else None,
        round(cliffs_delta(before_us, after_us), 4),
        limit,
    )
