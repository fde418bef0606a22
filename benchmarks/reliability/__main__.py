"""What the runtime holds under load, damage and hostility: docs/reliability.md.

    python -m benchmarks.reliability [--tflite MODEL.tflite] [--quick] [--only NAME ...] [--json] [--page PAGE]

Seeds are fixed. `--quick` does a hundredth of it, as the tests do; exit code 1 where a promise is not kept. The TFLite
half needs a .tflite file from an export bundle, the ONNX half takes the model inside the package.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from benchmarks.reliability.bombs import defuse_bombs
from benchmarks.reliability.endurance import endure_files, endure_tensors
from benchmarks.reliability.outcome import CheckReport
from benchmarks.reliability.page import format_page
from benchmarks.reliability.sharing import share_classifier
from benchmarks.reliability.trials import attempt_all
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL

Check = Callable[[], CheckReport]


@dataclass(frozen=True)
class Counts:
    """How often each thing is done."""

    shared: int
    tensors: int
    files: int
    pictures: int
    models: int
    bombs: int


FULL: Final = Counts(shared=100_000, tensors=1_000_000, files=5000, pictures=20_000, models=2000, bombs=10)
QUICK: Final = Counts(shared=3200, tensors=20_000, files=500, pictures=300, models=100, bombs=1)


def main() -> None:
    """Run the checks, each in a process of its own, and write the page or the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflite", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="shared, tensors, files, pictures, models, bombs; or, of one format, as in 'shared onnx'",
    )
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    reports = []
    for name, check in make_checks(QUICK if options.quick else FULL, options.tflite).items():
        if not options.only or {name, name.split()[0]} & {*options.only}:
            reports.append(_in_own_process(check))
            print(f"{name}: {reports[-1]}", file=sys.stderr, flush=True)
            if options.page:
                options.page.write_text(format_page(reports))  # each time: a run that is stopped leaves what it found
    if options.json:
        print(json.dumps([report.to_dict() for report in reports]))
    sys.exit(not all(report.passed for report in reports))


def make_checks(counts: Counts, tflite: Path | None) -> dict[str, Check]:
    """Every check by name; those of TFLite where a file is given."""
    onnx = Path(BUNDLED_MODELS[DEFAULT_MODEL])
    models = {"onnx": str(onnx)} | ({"tflite": str(tflite.resolve())} if tflite else {})
    checks: dict[str, Check] = {}
    for kind, model in models.items():
        what = f"damaged and hostile {'ONNX' if kind == 'onnx' else 'TFLite'} models"
        checks[f"models {kind}"] = partial(attempt_all, what, "models", model, count=counts.models)
    checks["bombs"] = partial(defuse_bombs, counts.bombs)
    checks["pictures"] = partial(
        attempt_all, "damaged picture files of six formats", "pictures", str(onnx), count=counts.pictures
    )
    for kind, model in models.items():
        checks[f"shared {kind}"] = partial(share_classifier, model, predictions=counts.shared)
    for kind, model in models.items():
        checks[f"tensors {kind}"] = partial(endure_tensors, model, predictions=counts.tensors)
    checks["files"] = partial(endure_files, str(onnx), predictions=counts.files)
    return checks


def _in_own_process(check: Check) -> CheckReport:
    """Spawned, not forked: its memory is then its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(check).result()


if __name__ == "__main__":
    main()
