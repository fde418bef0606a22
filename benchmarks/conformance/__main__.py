"""Compare predictions of other programs and processors with recorded ones: writes docs/results/conformance.md.

    python -m benchmarks.conformance [--only KEY ...] [--emulated-digits N] [--results DIR]

`--only` keeps the rows of all other programs from conformance.json, if files, digits and processor are the same.

Each program is installed in its own environment in build/conformance, from PyPI, npm or Debian. A program that cannot
be installed gets a row with the reason. Exit code 1 if a row differs and no reason is known.

The digits are MNIST's 10,000 test digits if EDGE_MNIST_DATA is set, else scikit-learn's. The page says which.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Final

from benchmarks.conformance.emulated_programs import EMULATED_PROGRAMS
from benchmarks.conformance.javascript_programs import JAVASCRIPT_PROGRAMS
from benchmarks.conformance.python_programs import PYTHON_PROGRAMS
from benchmarks.conformance.recorded import make_model_files
from benchmarks.conformance.results import Results
from benchmarks.conformance.rows import make_rows, write_images
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_trainer.data.sources import load_export_digits

REPOSITORY: Final = Path(__file__).resolve().parents[2]

SUBJECTS: Final = {subject.key: subject for subject in (*PYTHON_PROGRAMS, *EMULATED_PROGRAMS, *JAVASCRIPT_PROGRAMS)}
"""Every program by key, in the order of the tables."""

EMULATED_DIGITS: Final = 2000
"""Default number of digits for an emulated processor. 10,000 take about an hour."""


def main() -> None:
    """Install and run the programs, compare their predictions and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(SUBJECTS), metavar="KEY", help=", ".join(SUBJECTS))
    parser.add_argument("--emulated-digits", type=int, default=EMULATED_DIGITS, metavar="N")
    parser.add_argument("--build", type=Path, default=REPOSITORY / "build" / "conformance")
    parser.add_argument("--results", type=Path, default=REPOSITORY / "docs" / "results")
    options = parser.parse_args()
    root = options.build.resolve()
    root.mkdir(parents=True, exist_ok=True)
    digits = load_export_digits().evaluation
    files = make_model_files(root, tuple(BUNDLED_MODELS), digits)
    everything = write_images(root, digits.images)
    some = write_images(root, digits.images[: options.emulated_digits])
    results = Results(options.results, SUBJECTS, files, digits)
    for subject in (SUBJECTS[key] for key in options.only or SUBJECTS):
        results.replace(subject, make_rows(subject, files, some if subject.emulated else everything, root))
    print(options.results / "conformance.md")
    unexplained = sorted({f"{row.subject.key} {row.file.path.name}" for row in results.rows if row.unexplained})
    if unexplained:
        sys.exit(f"these rows differ for an unknown reason: {', '.join(unexplained)}")


if __name__ == "__main__":
    main()
