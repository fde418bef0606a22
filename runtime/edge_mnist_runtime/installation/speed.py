"""Measure whether a new bundle is slower on this device than the one in use."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from edge_mnist_runtime.bench.change import Comparison, describe_interval, require_no_regression
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bench.side_by_side import SideBySideConfig, compare_models
from edge_mnist_runtime.bundles.model_files import open_model
from edge_mnist_runtime.engines.options import Backend, require_backend
from edge_mnist_runtime.errors import UndecidedError

SIDE_BY_SIDE: Final = SideBySideConfig()
"""How two bundles are measured if nothing else is asked for."""


def compare_speed(
    old: Path,
    new: Path,
    *,
    max_slower: float,
    backend: Backend | None = None,
    config: SideBySideConfig = SIDE_BY_SIDE,
) -> Comparison:
    """Measure two bundles in turns, in new processes, as `edge-mnist compare` does.

    Args:
        old: The bundle in use.
        new: The new bundle.
        max_slower: Fraction by which one image may take longer, 0.05 for 5 %.
        backend: Whose files are measured; None: the back end that `DigitClassifier` chooses for the new bundle.
        config: How long to measure.

    Raises:
        As `open_model` and `compare_models`.
    """
    limits = replace(config, max_regression=max_slower)
    return compare_models(old, new, load_samples(), limits, backend=backend or require_backend(open_model(new).backend))


def require_fast_enough(comparison: Comparison, bundle: Path) -> None:
    """Accept a bundle only if the measurement shows that it is fast enough.

    Raises:
        RegressionError: A model is too slow.
        UndecidedError: The machine is too busy, or the difference too close to the limit.
    """
    require_no_regression(comparison, lenient=True)  # first: a model that is too slow outweighs one without a verdict
    for change in comparison.undecided:
        raise UndecidedError(
            f"{bundle}: whether {change.model} is slower than {comparison.max_regression:.1%} is not decided "
            f"({describe_interval(change)}); install it on a quieter machine, or raise `max_slower`"
        )
