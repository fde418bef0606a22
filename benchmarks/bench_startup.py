"""How long a person waits: `edge-mnist --help`, and a cold `classify` of one picture against the bare imports."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from turns import command, measure_in_turns, print_ratios

from edge_mnist_runtime.sample_digits import read_samples

ROUNDS = 25


def main() -> None:
    """Measure and print."""
    edge_mnist = Path(sys.executable).with_name("edge-mnist")
    with tempfile.TemporaryDirectory() as folder:
        name, data = next(iter(read_samples().items()))
        picture = Path(folder) / name
        picture.write_bytes(data)
        bare = "import onnxruntime, PIL.Image, numpy"
        seconds = measure_in_turns(
            {
                bare: command([sys.executable, "-c", bare]),
                "edge-mnist classify ONE.png": command([edge_mnist, "classify", picture]),
                "edge-mnist --help": command([edge_mnist, "--help"]),
            },
            rounds=ROUNDS,
        )
    print_ratios(seconds, base=bare)


if __name__ == "__main__":
    main()
