"""Give every model's latency as a ratio to one of them, the reference, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edge_mnist_runtime.bench.report import MeasuredModel, ReferenceRatio
from edge_mnist_runtime.bench.run_interval import interval_between_runs
from edge_mnist_runtime.errors import UsageError


def require_reference(reference: str, models: Sequence[str], n_runs: int) -> None:
    """Check before measuring that ratios to a reference can be given.

    Raises:
        UsageError: No model, or several, have this name; no other model is measured; or there is no run.
    """
    alike = [model for model in dict.fromkeys(models) if is_named(model, reference)]
    if len(alike) != 1:
        names = ", ".join(dict.fromkeys(Path(model).name for model in models))
        raise UsageError(
            f"`reference` {reference}: {len(alike)} of the measured models have this name; name one of {names}"
        )
    if {*models} == {*alike}:
        raise UsageError(f"`reference` {reference}: no other model is measured; name at least two")
    if not n_runs:
        raise UsageError("`reference` needs the ratios to the yardstick; measure with at least one of the `runs`")


def is_named(model: str, name: str) -> bool:
    """Whether `name` means the model of this path or name: the whole, its file name, or that without suffix."""
    stem = Path(model).stem
    return name in (model, Path(model).name, stem, stem.removesuffix("_int8"))


def compare_with_reference(models: Sequence[MeasuredModel], reference: str) -> tuple[ReferenceRatio, ...]:
    """Compute the ratio of each model's latency to the reference's, with a 95 % interval.

    Models with several thread counts are compared with the reference on as many threads.

    Args:
        models: The measured models, with runs.
        reference: As `require_reference` accepts.

    Returns:
        One ratio for each other model, in order; none for models without runs.
    """
    base = {model.threads: model for model in models if is_named(model.model, reference)}
    ratios = []
    for model in models:
        other = base[model.threads]
        if model is not other and model.runs and other.runs:
            figures = ([run.ratio for run in other.runs], [run.ratio for run in model.runs])
            ratio, low, high = interval_between_runs(*figures, session_deviation=0.0)
            ratios.append(ReferenceRatio(model.label, round(ratio, 4), (round(low, 4), round(high, 4))))
    return tuple(ratios)
