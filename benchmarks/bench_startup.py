"""Measure cold start and memory of `DigitClassifier` and the command line.

A cold start is a new process with imports, loading and a first prediction. The baseline imports NumPy and onnxruntime
and opens the same session by hand.
"""

from __future__ import annotations

import compileall
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.interleaved import command, measure_interleaved, print_ratios
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL

ROUNDS = 25

BY_HAND = """
import sys
import numpy as np, onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.add_session_config_entry("session.intra_op.allow_spinning", "0")
session = onnxruntime.InferenceSession(sys.argv[1], options, providers=["CPUExecutionProvider"])
session.run(["probabilities"], {"image": np.zeros((1, 28, 28, 1), np.uint8)})
"""

CLASSIFIER = """
import sys
import numpy as np
from edge_mnist_runtime import DigitClassifier
DigitClassifier(sys.argv[1]).predict(np.zeros((28, 28), np.uint8))
"""

PRINT_MEMORY = """
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def main() -> None:
    """Measure and print the ratios."""
    model = Path(BUNDLED_MODELS[DEFAULT_MODEL])
    compileall.compile_dir(model.parents[1], quiet=1)  # as pip does; a source tree may have no bytecode
    programs = {"session by hand, first run": BY_HAND, "DigitClassifier, first predict": CLASSIFIER}
    starts = {name: command([sys.executable, "-c", program, model]) for name, program in programs.items()}
    print_ratios(measure_interleaved(starts, rounds=ROUNDS), base="session by hand, first run")
    if Path("/proc/self/status").exists():
        print_memory(programs, model)
    print()
    measure_command_line()


def print_memory(programs: dict[str, str], model: Path) -> None:
    """Print resident memory at the end of each program, median of five runs."""
    base = None
    for name, program in programs.items():
        arguments = [sys.executable, "-c", program + PRINT_MEMORY, str(model)]
        runs = [subprocess.run(arguments, check=True, capture_output=True, text=True).stdout for _ in range(5)]
        megabytes = statistics.median(int(text) * 1024 / 1e6 for text in runs)
        base = base or megabytes
        print(f"{name:46}{megabytes:9.1f} MB resident   {megabytes / base:5.2f} x")


def measure_command_line() -> None:
    """Time `--help` and a cold `classify` of one picture against the imports that they need."""
    edge_mnist = Path(sys.executable).with_name("edge-mnist")
    with tempfile.TemporaryDirectory() as folder:
        name, data = next(iter(read_samples().items()))
        picture = Path(folder) / name
        picture.write_bytes(data)
        bare = "import onnxruntime, PIL.Image, numpy"
        seconds = measure_interleaved(
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
