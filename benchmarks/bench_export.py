"""Measure the cost of audit and gates: time `edge-mnist export` against a bare script (`bare_export.py`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.interleaved import command, measure_interleaved, print_ratios

ROUNDS = 3
PRECISIONS = (("int8",), ("fp32", "fp16", "int8", "int16x8", "dynamic"))


def main() -> None:
    """Measure both and print their ratio."""
    edge_mnist = Path(sys.executable).with_name("edge-mnist")
    bare = Path(__file__).with_name("bare_export.py")
    for precisions in PRECISIONS:
        with tempfile.TemporaryDirectory() as folder:
            export = [edge_mnist, "export", "edge", "--precision", ",".join(precisions), "-o", Path(folder) / "bundle"]
            seconds = measure_interleaved(
                {
                    f"bare script, {','.join(precisions)}": command([sys.executable, bare, folder, *precisions]),
                    "edge-mnist export": command(export, cwd=folder),
                },
                rounds=ROUNDS,
            )
        print_ratios(seconds, base=next(iter(seconds)))


if __name__ == "__main__":
    main()
