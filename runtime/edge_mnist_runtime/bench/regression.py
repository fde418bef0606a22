"""Compare two reports of `edge-mnist bench`: which models became slower, with confidence intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

import numpy as np

from edge_mnist_runtime.bench.change import Change, Comparison
from edge_mnist_runtime.bench.report import COMPARED, BenchReport, MeasuredModel
from edge_mnist_runtime.bench.run_interval import RAW_DEVIATION, interval_between_runs
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.timing.percentiles import Latencies

ENOUGH_RUNS: Final = 5
"""Runs of a report whose interval is narrow enough for the default limit."""


@dataclass(frozen=True, kw_only=True)
class LatencyChange(Change):
    """The latencies of one model in two reports.

    The interval, at 95 %, is that of `relative`; without a yardstick it is that of the ratio of the medians.
    """

    quantity: ClassVar[str] = "p50"

    old_us: dict[str, float | None]
    """p50, p90 and p99 in microseconds; None if there were too few samples."""
    new_us: dict[str, float | None]
    ratio: dict[str, float | None]
    """`new_us` / `old_us`, by percentile."""
    relative: float | None
    """Growth of the latency in relation to the yardstick's; None if a report has no runs."""
    runs: tuple[int, int]
    """Numbers of runs in both reports."""
    cliffs_delta: float
    """Fraction of pairs in which the new call is slower, minus the fraction in which it is faster, -1..1."""

    @property
    def old_and_new(self) -> str:
        """How the figures changed, for messages."""
        old, new = ("unknown" if p50 is None else f"{p50:.1f}" for p50 in (self.old_us["p50"], self.new_us["p50"]))
        if self.relative is not None:
            return f"from {old} to {new} us, {self.relative - 1:+.1%} in relation to the yardstick"
        return f"from {old} to {new} us, {(self.ratio['p50'] or 1) - 1:+.1%}"


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


def cliffs_delta(old: Latencies, new: Latencies) -> float:
    """Compute Cliff's delta (1993): P(new > old) - P(new < old) over all pairs, -1..1."""
    ordered = np.sort(old)
    above = np.searchsorted(ordered, new, side="left").sum()
    below = (len(old) - np.searchsorted(ordered, new, side="right")).sum()
    return float(above - below) / (len(old) * len(new))


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
    relative, interval = None, None
    if old.runs and new.runs:
        relative, *bounds = interval_between_runs([run.ratio for run in old.runs], [run.ratio for run in new.runs])
        interval = round(bounds[0], 4), round(bounds[1], 4)
    elif (before := old.latency_us["p50"]) and (after := new.latency_us["p50"]):
        _, *bounds = interval_between_runs([before], [after], run_deviation=RAW_DEVIATION)
        interval = round(bounds[0], 4), round(bounds[1], 4)
    return LatencyChange(
        model=new.label,
        threads=new.threads,
        limit=limit,
        interval=interval,
        remedy=_advise(old, new),
        old_us={name: old.latency_us[name] for name in COMPARED},
        new_us={name: new.latency_us[name] for name in COMPARED},
        ratio=ratio,
        relative=None if relative is None else round(relative, 4),
        runs=(len(old.runs), len(new.runs)),
        cliffs_delta=round(cliffs_delta(np.array(old.latencies_us), np.array(new.latencies_us)), 4),
    )


def _advise(old: MeasuredModel, new: MeasuredModel) -> str:
    fewest = min(len(old.runs), len(new.runs))
    if fewest < ENOUGH_RUNS:
        runs = f"{fewest} run{'' if fewest == 1 else 's'}"
        return (
            f"a report has {runs}; measure both by `bench` with `runs={ENOUGH_RUNS}`, or compare the models themselves"
        )
    return "compare the models themselves, side by side"
