"""Test the runtime under load and with damaged and hostile files: writes docs/reliability.md.

    python -m benchmarks.reliability [--tflite MODEL.tflite] [--quick] [--only NAME ...] [--json] [--page PAGE]

The ONNX checks use the model inside the package. The TFLite checks need a .tflite file from an export bundle. `--quick`
does about a hundredth of the work, as the tests do. Seeds are fixed. Exit code 1 if a check fails.
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

from benchmarks.reliability.bombs import check_bombs
from benchmarks.reliability.memory_growth import check_file_memory, check_tensor_memory
from benchmarks.reliability.outcome import CheckReport
from benchmarks.reliability.page import format_page
from benchmarks.reliability.sharing import check_shared_classifier
from benchmarks.reliability.trials import check_damaged_files
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL

Check = Callable[[], CheckReport]


@dataclass(frozen=True)
class Counts:
    """Number of items in each check."""

    shared: int
    tensors: int
    files: int
    pictures: int
    models: int
    bombs: int


FULL: Final = Counts(shared=100_000, tensors=1_000_000, files=5000, pictures=20_000, models=2000, bombs=10)
QUICK: Final = Counts(shared=3200, tensors=20_000, files=500, pictures=300, models=100, bombs=1)


def main() -> None:
    """Run each check in its own process, and write the page or the JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflite", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument(
        "--only",
        nargs="+",
        metavar="NAME",
        help="shared, tensors, files, pictures, models, bombs; or one format only, such as 'shared onnx'",
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
                options.page.write_text(format_page(reports))  # so that an interrupted run leaves its results
    if options.json:
        print(json.dumps([report.to_dict() for report in reports]))
    sys.exit(not all(report.passed for report in reports))


def make_checks(counts: Counts, tflite: Path | None) -> dict[str, Check]:
    """Make every check, by name; those of TFLite only if a file is given."""
    onnx = Path(BUNDLED_MODELS[DEFAULT_MODEL])
    models = {"onnx": str(onnx)} | ({"tflite": str(tflite.resolve())} if tflite else {})
    checks: dict[str, Check] = {}
    for kind, model in models.items():
        what = f"damaged and hostile {'ONNX' if kind == 'onnx' else 'TFLite'} models"
        checks[f"models {kind}"] = partial(check_damaged_files, what, "models", model, count=counts.models)
    checks["bombs"] = partial(check_bombs, counts.bombs)
    checks["pictures"] = partial(
        check_damaged_files, "damaged picture files of six formats", "pictures", str(onnx), count=counts.pictures
    )
    for kind, model in models.items():
        checks[f"shared {kind}"] = partial(check_shared_classifier, model, predictions=counts.shared)
    for kind, model in models.items():
        checks[f"tensors {kind}"] = partial(check_tensor_memory, model, predictions=counts.tensors)
    checks["files"] = partial(check_file_memory, str(onnx), predictions=counts.files)
    return checks


def _in_own_process(check: Check) -> CheckReport:
    """Run a check in a spawned process. A forked one would share this process's memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(check).result()


if __name__ == "__main__":
    main()
