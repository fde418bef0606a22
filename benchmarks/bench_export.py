"""What the proof costs: `edge-mnist export --int8` against a bare script doing the same conversions and evaluations."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from turns import command, measure_in_turns, print_ratios

ROUNDS = 5


def main() -> None:
    """Measure and print."""
    edge_mnist = Path(sys.executable).with_name("edge-mnist")
    with tempfile.TemporaryDirectory() as folder:
        seconds = measure_in_turns(
            {
                "bare script": command([sys.executable, Path(__file__).with_name("bare_export.py"), folder]),
                "edge-mnist export --int8": command(
                    [edge_mnist, "export", "--int8", "-o", Path(folder) / "bundle"], cwd=folder
                ),
            },
            rounds=ROUNDS,
        )
    print_ratios(seconds, base="bare script")


if __name__ == "__main__":
    main()
