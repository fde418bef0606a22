"""What the proof costs: `edge-mnist export` against a bare script doing the same conversions and evaluations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.turns import command, measure_in_turns, print_ratios

ROUNDS = 3
PRECISIONS = (("int8",), ("fp32", "fp16", "int8", "int16x8", "dynamic"))


def main() -> None:
    """Measure and print."""
    edge_mnist = Path(sys.executable).with_name("edge-mnist")
    bare = Path(__file__).with_name("bare_export.py")
    for precisions in PRECISIONS:
        with tempfile.TemporaryDirectory() as folder:
            export = [edge_mnist, "export", "edge", "--precision", ",".join(precisions), "-o", Path(folder) / "bundle"]
            seconds = measure_in_turns(
                {
                    f"bare script, {','.join(precisions)}": command([sys.executable, bare, folder, *precisions]),
                    "edge-mnist export": command(export, cwd=folder),
                },
                rounds=ROUNDS,
            )
        print_ratios(seconds, base=next(iter(seconds)))


if __name__ == "__main__":
    main()
