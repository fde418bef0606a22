"""Compare two reports of `edge-mnist bench`: which models became slower, with confidence intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from edge_mnist_runtime.bench.change import Change, Comparison
from edge_mnist_runtime.bench.report import COMPARED, BenchReport, MeasuredModel
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.timing.percentiles import Latencies

RESAMPLES: Final = 1_000
RESAMPLING_SEED: Final = 2026
INTERVAL: Final = (2.5, 97.5)
"""Percentiles of the resampled ratios: a 95 % interval."""


@dataclass(frozen=True, kw_only=True)
class LatencyChange(Change):
    """The latencies of one model in two reports. Its interval is that of the ratio of the medians, at 95 %."""

    quantity: ClassVar[str] = "p50"

    old_us: dict[str, float | None]
    """p50, p90 and p99 in microseconds; None if there were too few samples."""
    new_us: dict[str, float | None]
    ratio: dict[str, float | None]
    """`new_us` / `old_us`, by percentile."""
    cliffs_delta: float
    """Fraction of pairs in which the new call is slower, minus the fraction in which it is faster, -1..1."""

    @property
    def old_and_new(self) -> str:
        """Both medians and their change, for messages."""
        old, new, ratio = self.old_us["p50"], self.new_us["p50"], self.ratio["p50"]
        return f"from {old:.1f} to {new:.1f} us, {(ratio or 1) - 1:+.1%}"


@dataclass(frozen=True)
class PairedReports:
    """Two reports that may be compared."""

    pairs: tuple[tuple[MeasuredModel, MeasuredModel], ...]
    """Models of both, at least one."""
    unpaired: tuple[str, ...]
    """Sentences about models that are in one report only."""
    unlike: tuple[str, ...]
    """Conditions that differ, if that was forced."""
    warnings: tuple[str, ...]
    """Warnings of both reports."""


def pair_reports(old: Path, new: Path, *, force: bool = False) -> PairedReports:
    """Read two JSON reports of `edge-mnist bench` and pair their models.

    Args:
        old: Path of the report before.
        new: Path of the report after.
        force: Accept different machines or settings.

    Raises:
        UsageError: A file cannot be opened; machines or settings differ; or the reports have no model in common.
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
    paired = {id(model) for pair in pairs for model in pair}
    both = ((old, before), (new, after))
    return PairedReports(
        pairs=tuple(pairs),
        unpaired=tuple(
            f"{model.label} is only in {path}"
            for path, report in both
            for model in report.models
            if id(model) not in paired
        ),
        unlike=tuple(unlike),
        warnings=tuple(f"{path}: {warning}" for path, report in both for warning in report.warnings),
    )


def compare_reports(old: Path, new: Path, *, max_regression: float = 0.05, force: bool = False) -> Comparison:
    """Compare the latencies in two JSON reports of `edge-mnist bench`.

    Args:
        old: Path of the report before.
        new: Path of the report after.
        max_regression: Fraction by which a median may grow.
        force: Compare although machines or settings differ.

    Raises:
        UsageError: As `pair_reports`; or there are too few samples for a median.
        IntegrityError: A file is not a report, or is damaged.
    """
    paired = pair_reports(old, new, force=force)
    changes = tuple(_compare(one, other, 1 + max_regression) for one, other in paired.pairs)
    if all(change.interval is None for change in changes):
        raise UsageError(f"{old} and {new}: too few samples for a median; measure again with more")
    return Comparison(
        *(str(old), str(new), "reports", max_regression, changes),
        unpaired=paired.unpaired,
        unlike=paired.unlike,
        warnings=paired.warnings,
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
        model=new.label,
        threads=new.threads,
        limit=limit,
        interval=(round(low, 4), round(high, 4)) if ratio["p50"] else None,
        remedy="compare the models themselves, side by side",
        old_us={name: old.latency_us[name] for name in COMPARED},
        new_us={name: new.latency_us[name] for name in COMPARED},
        ratio=ratio,
        cliffs_delta=round(cliffs_delta(before_us, after_us), 4),
    )
