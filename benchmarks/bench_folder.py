"""Time `predict_stream` and `edge-mnist classify` on a folder of pictures against decoding alone (Pillow).

    python -m benchmarks.bench_folder [--files N]

The pictures are 28 x 28 PNG files, which the script renders. Decoding is measured with a process for each core, and
with a thread for each core. Processes decode more files: with small files, threads mostly wait for the interpreter.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.interleaved import measure_interleaved, print_ratios
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half
from edge_mnist_runtime.machine.environment import usable_cores

ROUNDS = 7
CHUNK = 64


def main() -> None:
    """Render the files, time every way to read them, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    cores = usable_cores()
    edge_mnist = Path(sys.executable).with_name("edge-mnist")
    with tempfile.TemporaryDirectory() as name:
        files = render(Path(name), options.files)
        classifier = DigitClassifier()
        arguments = [str(edge_mnist), "classify", name]
        with ThreadPoolExecutor(cores) as threads, ProcessPoolExecutor(cores) as processes:
            by_threads, by_processes = f"decode, {cores} threads", f"decode, {cores} processes"
            seconds = measure_interleaved(
                {
                    by_threads: lambda: decode_all(files, threads),
                    by_processes: lambda: decode_all(files, processes),
                    "predict_stream, 1 process": lambda: [*classifier.predict_stream(files)],
                    f"predict_stream, {cores} processes": lambda: [*classifier.predict_stream(files, processes=cores)],
                    "edge-mnist classify FOLDER": lambda: subprocess.run(arguments, check=False, capture_output=True),
                },
                rounds=options.rounds,
            )
    print(f"{len(files)} files of 28 x 28, {cores} cores, load {os.getloadavg()[0]:.1f}; seconds for all files\n")
    for base in (by_threads, by_processes):
        print_ratios(seconds, base=base)
        print()
    for what, values in seconds.items():
        print(f"{what:46}{len(files) / statistics.median(values):9,.0f} files a second")


def render(folder: Path, n: int) -> list[str]:
    """Write digits as PNG files: MNIST's test digits if available, else the samples, each with different noise."""
    found = find_mnist_folder()
    digits = load_mnist_half(found, "t10k") if found else load_samples()
    noise = np.random.default_rng(0)
    files = []
    for index in range(n):
        pixels = digits.images[index % len(digits), ..., 0].copy()
        if not found:
            pixels[10:18, 10:18] |= noise.integers(0, 64, (8, 8), np.uint8)
        files.append(str(folder / f"{index:05}.png"))
        Image.fromarray(pixels).save(files[-1])
    return files


def decode_all(files: list[str], pool: Executor) -> None:
    """Decode every file in a pool."""
    for _ in pool.map(decode, [files[start : start + CHUNK] for start in range(0, len(files), CHUNK)]):
        pass


def decode(files: list[str]) -> None:
    """Decode some files."""
    for file in files:
        with Image.open(file) as picture:
            picture.load()


if __name__ == "__main__":
    main()
