"""`edge-mnist compare`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.measuring_options import (
    CompareCountsOption,
    DigitsOption,
    ForceOption,
    LenientOption,
    MaxRegressionOption,
    NewArgument,
    OldArgument,
    ProcessesOption,
    ProcessSecondsOption,
    ProcessThreadsOption,
)
from edge_mnist_runtime.commands.measuring_progress import measuring_progress
from edge_mnist_runtime.commands.option_names import name_stored_options
from edge_mnist_runtime.commands.options import JsonOption, OnlyBackendOption
from edge_mnist_runtime.commands.terminal import print_warning
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.bench.change import Comparison


def compare(
    old: OldArgument,
    new: NewArgument,
    max_regression: MaxRegressionOption = None,
    processes: ProcessesOption = None,
    seconds: ProcessSecondsOption = None,
    threads: ProcessThreadsOption = None,
    backend: OnlyBackendOption = None,
    data: DigitsOption = None,
    instructions: CompareCountsOption = False,
    lenient: LenientOption = False,
    force: ForceOption = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Compare two models, or two reports of one machine; fail if one became slower.

    Models run side by side, in turns, in 8 new processes or more. Exit code 7:
    the interval of the growth lies above the limit. Exit code 9: the interval
    holds the limit, so there is no verdict.
    """
    from edge_mnist_runtime.bench.change import parse_percent, require_no_regression
    from edge_mnist_runtime.bench.model_pairs import names_model

    options: dict[str, Any] = {}
    if max_regression is not None:
        options["max_regression"] = parse_percent(max_regression, "--max-regression")
    timing = {"processes": processes, "seconds": seconds, "threads": threads}
    given = {name: value for name, value in timing.items() if value is not None}
    if instructions and given:
        raise UsageError(f"`{next(iter(given))}` is for latencies; instructions are counted in one process, so omit it")
    if names_model(old) and names_model(new):
        if force:
            raise UsageError("`force` is for reports; models always run on the same machine")
        compare_models = _count_models if instructions else _time_models
        comparison = compare_models(old, new, {**options, **given}, backend, data, show_chatter=debug)
    else:
        unused = [*given, *(["backend"] if backend else []), *(["data"] if data else [])]
        _require_two_reports(old, new, unused)
        comparison = _compare_reports(old, new, {**options, "force": force}, instructions=instructions)
    _print(comparison, as_json=as_json)
    if lenient:
        for change in comparison.undecided:
            print_warning(f"{change.model}: not decided: {change.remedy}")
    require_no_regression(comparison, lenient=lenient)


def _print(comparison: Comparison, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(comparison.to_dict(), indent=2))
    else:
        from edge_mnist_runtime.commands.compare_table import print_comparison

        print_comparison(comparison)
    stored = map(name_stored_options, comparison.warnings)
    for line in (*comparison.unpaired, *(f"differs: {item}" for item in comparison.unlike), *stored):
        print_warning(line)


def _time_models(
    old: Path, new: Path, options: dict[str, Any], backend: str | None, data: Path | None, *, show_chatter: bool
) -> Comparison:
    from edge_mnist_runtime.bench.sample_digits import load_benchmark_digits
    from edge_mnist_runtime.bench.side_by_side import SideBySideConfig, compare_models
    from edge_mnist_runtime.engines.options import require_backend

    config = SideBySideConfig(**options)
    digits, _ = load_benchmark_digits(data)
    with chatter_silenced(show=show_chatter) as terminal, measuring_progress(terminal) as on_progress:
        return compare_models(old, new, digits, config, backend=require_backend(backend), on_progress=on_progress)


def _count_models(
    old: Path, new: Path, options: dict[str, Any], backend: str | None, data: Path | None, *, show_chatter: bool
) -> Comparison:
    from edge_mnist_runtime.bench.instruction_gate import compare_instructions
    from edge_mnist_runtime.bench.sample_digits import load_benchmark_digits
    from edge_mnist_runtime.engines.options import require_backend

    digits, _ = load_benchmark_digits(data)
    with chatter_silenced(show=show_chatter):
        return compare_instructions(old, new, digits, backend=require_backend(backend), **options)


def _require_two_reports(old: Path, new: Path, unused: list[str]) -> None:
    from edge_mnist_runtime.bench.model_pairs import names_model
    from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
    from edge_mnist_runtime.paths import describe_missing, exists

    for path in (old, new):
        if not names_model(path) and not exists(path):
            what = "model, bundle or report of `bench --json`"
            raise UsageError(f"{describe_missing(path, what)}; built-in models: {', '.join(BUNDLED_MODELS)}")
    for path in (old, new):
        if names_model(path):
            raise UsageError(f"{path} is a model, the other a report; name two models, or two reports")
    if unused:
        raise UsageError(f"`{unused[0]}` is for models; reports are not measured again, so omit it")


def _compare_reports(old: Path, new: Path, options: dict[str, Any], *, instructions: bool) -> Comparison:
    from edge_mnist_runtime.bench.instruction_gate import compare_counted_reports
    from edge_mnist_runtime.bench.regression import compare_reports

    return (compare_counted_reports if instructions else compare_reports)(old, new, **options)
