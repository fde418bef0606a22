"""Measure `edge-mnist archive` against one process of `predict_stream`, and compare every row with its answers.

    build/archive-venv/bin/python -m benchmarks.archive_rate [--tensors 1000000] [--pictures 200000] [--rounds 1]

The sources are the project's sample digits with noise, the same in every run: tensors in IDX files, and PNG files of
28 x 28 pixels. One process, the engine local and the engine Ray work one after the other. With several rounds each
takes a slice, so that all meet the same disturbance; but its parts are smaller, and Ray takes 20 ms more for each. A
rate counts from the first part of each process on, without the start; `seconds` counts the whole command. All work on
two cores. Without Ray the engine Ray is left out; `make archive-test` installs it. Temporary files need 1 kB for each
tensor and 5 kB for each picture.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from PIL import Image
from pyarrow import parquet

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.dataset import decode_idx, encode_idx

CORES: Final = 2
PICTURES_IN_A_FOLDER: Final = 5_000
COLUMNS: Final = ("digit", "likeliest", "confidence", "reason", "error")


MEASURED: Final = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""
"""Runs a command and prints the memory of its largest process, in kB. A child would inherit that of this process."""


def draw_tensors(n: int, seed: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Sample digits with noise, uint8, shape (N, 28, 28). The first and the last row stay black."""
    random, samples = np.random.default_rng(seed), load_samples().images[..., 0]
    images = samples[np.arange(n) % len(samples)]
    for block in np.array_split(images, max(1, n // 10_000)):  # in place, and in little memory
        noise = random.integers(-90, 90, block.shape, np.int16) * (random.random(block.shape, np.float32) < 0.1)
        noise[:, ::27] = 0
        block[:] = (block + noise).clip(0, 255)
    return images


def make_tensors(source: Path, n: int, seed: int) -> None:
    """Write a slice of tensors as an IDX file."""
    (source / "digits.idx").write_bytes(encode_idx(draw_tensors(n, seed)))


def make_pictures(source: Path, n: int, seed: int) -> None:
    """Write a slice of pictures as PNG files."""
    for index, tensor in enumerate(draw_tensors(n, seed)):
        folder = source / str(index // PICTURES_IN_A_FOLDER)
        if index % PICTURES_IN_A_FOLDER == 0:
            folder.mkdir()
        Image.fromarray(tensor).save(folder / f"{index:07}.png")


def find_pictures(source: Path) -> tuple[list[str], Iterable[Any]]:
    """The ids of a slice, and what the classifier takes for each."""
    idx = source / "digits.idx"
    if idx.exists():
        tensors = decode_idx(idx.read_bytes(), origin=str(idx))
        return [f"{idx}#{row}" for row in range(len(tensors))], tensors
    files = [str(path) for path in sorted(source.rglob("*.png"))]
    return files, files


def run_alone(source: Path) -> tuple[float, dict[str, tuple[Any, ...]]]:
    """Rate of one process of `predict_stream`, and its answers by id."""
    classifier = DigitClassifier()
    ids, pictures = find_pictures(source)
    start = time.perf_counter()
    outcomes = [*classifier.predict_stream(pictures, on_error="return")]
    rate = len(ids) / (time.perf_counter() - start)
    answers = [(found.digit, found.likeliest, found.confidence, found.reason, None) for found in outcomes]  # type: ignore[union-attr]
    return rate, dict(zip(ids, answers, strict=True))


def run_archive(source: Path, out: Path, *options: str) -> dict[str, Any]:
    """Run the command, and return its summary, its seconds, and the memory of its largest process."""
    start = time.perf_counter()
    command = [sys.executable, "-m", "edge_mnist_runtime", "archive", str(source), str(out), "--json", *options]
    done = subprocess.run([sys.executable, "-c", MEASURED, *command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    seconds, largest_kb = time.perf_counter() - start, int(done.stderr.splitlines()[-1])
    return {**json.loads(done.stdout), "command_seconds": seconds, "largest_mb": largest_kb / 1e3}


def compare_rows(out: Path, answers: dict[str, tuple[Any, ...]]) -> dict[str, int]:
    """Count rows that are missing, doubled or different."""
    table = parquet.read_table(out, columns=["id", *COLUMNS])
    rows = dict(
        zip(table["id"].to_pylist(), zip(*(table[name].to_pylist() for name in COLUMNS), strict=True), strict=True)
    )
    return {
        "rows": table.num_rows,
        "missing": len(answers.keys() - rows.keys()),
        "doubled": table.num_rows - len(rows),
        "different": sum(rows.get(name, answer) != answer for name, answer in answers.items()),
    }


@contextmanager
def ray_cluster() -> Iterator[str | None]:
    """Start Ray with two cores; None if it is not installed."""
    if not find_spec("ray"):
        print("Ray is not installed here: left out", file=sys.stderr)
        yield None
        return
    import ray

    yield ray.init(num_cpus=CORES, log_to_driver=False, logging_level=40).address_info["gcs_address"]
    ray.shutdown()


def measure(kind: str, n: int, rounds: int, cluster: str | None) -> dict[str, Any]:
    """Measure one kind of source in interleaved rounds."""
    make = {"tensors": make_tensors, "pictures": make_pictures}[kind]
    engines = {"local": ["--processes", str(CORES)]}
    if cluster:
        engines["ray"] = ["--engine", "ray", "--processes", str(CORES), "--cluster", cluster]
    found: dict[str, Any] = {"alone_per_s": [], **{f"{engine}_per_s": [] for engine in engines}}
    found |= {f"{engine}_seconds": [] for engine in engines} | {"largest_process_mb": 0}
    counts = {engine: dict.fromkeys(("rows", "missing", "doubled", "different"), 0) for engine in engines}
    for index in range(rounds):
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / "source"
            source.mkdir()
            make(source, n // rounds, index)
            alone, answers = run_alone(source)
            found["alone_per_s"].append(round(alone))
            for engine, options in engines.items():
                summary = run_archive(source, Path(name) / engine, *options)
                found[f"{engine}_per_s"].append(round(summary["rows_per_second"] or 0))
                found[f"{engine}_seconds"].append(round(summary["command_seconds"], 1))
                for what, count in compare_rows(Path(name) / engine, answers).items():
                    counts[engine][what] += count
                if engine == "local":
                    found["largest_process_mb"] = max(found["largest_process_mb"], round(summary["largest_mb"]))
        print(f"{kind}, round {index + 1} of {rounds}: {found}", file=sys.stderr, flush=True)
    pairs = zip(found["local_per_s"], found["alone_per_s"], strict=True)
    found["local_of_2_alone"] = round(median(local / (CORES * alone) for local, alone in pairs), 3)
    if cluster:
        both = zip(found["ray_per_s"], found["local_per_s"], strict=True)
        found["ray_of_local"] = round(median(ray / local for ray, local in both), 3)
    return {**found, "counts": counts}


def main() -> None:
    """Measure both kinds, print the figures, and fail if a row is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tensors", type=int, default=1_000_000, help="0 leaves them out")
    parser.add_argument("--pictures", type=int, default=200_000, help="0 leaves them out")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])
    with ray_cluster() as cluster:
        amounts = {"tensors": options.tensors, "pictures": options.pictures}
        found = {kind: measure(kind, n, options.rounds, cluster) for kind, n in amounts.items() if n}
    print(json.dumps(found, indent=2))
    faults = [
        counts[what]
        for kind in found.values()
        for counts in kind["counts"].values()
        for what in ("missing", "doubled", "different")
    ]
    sys.exit(any(faults))


if __name__ == "__main__":
    main()
