"""`edge-mnist verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import (
    AccuracyDataOption,
    JsonOption,
    KeyOption,
    MinVersionOption,
    OnlyBackendOption,
    load_policy,
)
from edge_mnist_runtime.commands.terminal import print_warning
from edge_mnist_runtime.errors import ManifestError, UsageError
from edge_mnist_runtime.machine.int8_sums import describe_saturation
from edge_mnist_runtime.paths import describe_missing, exists, is_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_mnist_runtime.bundles.accuracy import AccuracyResult
    from edge_mnist_runtime.bundles.signature import SignedStatement
    from edge_mnist_runtime.bundles.verification import ReplayResult

VERIFY_SCHEMA_VERSION: Final = 2


def verify(
    bundle: Annotated[
        Path, typer.Argument(help="Bundle folder, or one model file in a bundle folder.", show_default=False)
    ],
    data: AccuracyDataOption = None,
    min_top1: Annotated[float, typer.Option(metavar="FRACTION", help="Minimum accuracy on --data, 0..1.")] = 0.0,
    backend: OnlyBackendOption = None,
    key: KeyOption = None,
    min_version: MinVersionOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check that a bundle is undamaged and gives its recorded answers on this device.

    With --key, check first who signed it, and whether the signature is valid
    today. Exit code 6: a file is missing or damaged, or the signature is not
    accepted. Exit code 5: the files are undamaged, but answers or accuracy
    differ on this device.
    """
    from edge_mnist_runtime.bundles.accuracy import check_accuracy, require_accuracy
    from edge_mnist_runtime.bundles.bundled_models import find_bundled
    from edge_mnist_runtime.bundles.manifest import MANIFEST_FILE, read_manifest
    from edge_mnist_runtime.bundles.verification import require_replayed, verify_bundle
    from edge_mnist_runtime.engines.options import require_backend

    if not 0 <= min_top1 <= 1:  # NaN among others
        raise UsageError(f"--min-top1 must be 0..1, not {min_top1:g}")
    if min_top1 and data is None:
        raise UsageError("--min-top1 needs --data to measure it on")
    known_backend = require_backend(backend)
    policy = load_policy(key, min_version)
    if find_bundled(bundle):
        raise UsageError(f"{bundle}: a built-in model, not a bundle; edge-mnist doctor replays its golden digits")
    if not exists(bundle):
        missing = describe_missing(bundle, "file or folder")
        raise UsageError(f"{missing}; expected a bundle folder that edge-mnist export wrote, or a model file in it")
    folder, file = (bundle.parent, bundle.name) if is_file(bundle) else (bundle, None)
    if file and not is_file(folder / MANIFEST_FILE):
        raise ManifestError(
            f"{bundle}: not a file of a bundle, as there is no {MANIFEST_FILE} beside it; edge-mnist info describes it"
        )
    statement = policy.check(folder, read_manifest(folder)) if policy else None
    with chatter_silenced(show=debug):
        results = verify_bundle(folder, file=file, backend=known_backend)
        accuracies = check_accuracy(folder, data, file=file, backend=known_backend) if data else ()
    if as_json:
        record = {
            "schema_version": VERIFY_SCHEMA_VERSION,
            "bundle": str(bundle),
            "signature": asdict(statement) if statement else None,
            "files": [{**asdict(result), "passed": None if result.skipped else result.passed} for result in results],
            "accuracy": [{**asdict(result), "passed": result.passed} for result in accuracies],
        }
        print(json.dumps(record, indent=2))
    else:
        _print(folder, statement, results, accuracies)
    require_replayed(results, bundle)
    require_accuracy(accuracies, bundle, min_top1=min_top1)


def _print(
    folder: Path,
    statement: SignedStatement | None,
    results: Iterable[ReplayResult],
    accuracies: Iterable[AccuracyResult],
) -> None:
    if statement:
        print(f"{folder}: {statement}")
    print(f"{folder}: every file has the SHA-256 of the manifest")
    for result in results:
        print(f"{result.file}: {_verdict(result.skipped, result.same_digits, result.n)}")
        if result.can_saturate:
            print_warning(describe_saturation(result.file))
    for accuracy in accuracies:
        print(f"{accuracy.file}: {_accuracy_verdict(accuracy)}")


def _verdict(skipped: str | None, same: int, n: int) -> str:
    return f"not replayed. {skipped}" if skipped else f"{same} of {n} golden digits are as recorded"


def _accuracy_verdict(result: AccuracyResult) -> str:
    if result.top1 is None:
        return f"not measured. {result.skipped}"
    compared = (
        "not the images of the report" if result.recorded_top1 is None else f"{result.recorded_top1:.2%} recorded"
    )
    return f"reads {result.top1:.2%} of {result.n:,} images, {compared}"
