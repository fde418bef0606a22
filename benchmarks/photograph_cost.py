"""Compare the time to read a photograph of one megapixel with decoding it: writes docs/results/photograph-cost.md.

    python -m benchmarks.photograph_cost [--per-kind N] [--rounds N]

The photographs are rendered JPEGs of 1152 x 864 pixels and quality 90, of every kind with a phone camera. Reading a
file and Pillow's full decoding of it run in interleaved rounds. Each figure is the median of the rounds, in processor
time of all threads.
"""

from __future__ import annotations

import argparse
import io
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.rendering.photographs import take_photograph
from benchmarks.rendering.picture_kinds import KINDS
from edge_mnist_runtime.classifier import read_any
from edge_mnist_runtime.images.files import open_picture
from edge_mnist_runtime.machine.environment import describe_environment
from edge_mnist_runtime.reading.parameters import PICTURE_READING

SIZES = ((1152, 864), (864, 1152))
QUALITY = 90
SEED = 77
TARGET = 1.5

HEAD = """# Time to read a photograph

Written by `benchmarks/photograph_cost.py`.

| condition | value |
|---|---|
| pictures | {n} rendered JPEGs of each kind, 1152 x 864 pixels, quality {quality} |
| decoding | Pillow, at full size: ms of processor time, all threads |
| reading | opening and reading in mode `auto`, picture reading version {version}: ms, likewise |
| ratio | reading / decoding; target: {target:g} |
| rounds | {rounds}, interleaved |
| machine | {cpu}, load {load:.1f} |

| kind | decoding | reading | ratio | largest ratio |
|---|---|---|---|---|"""


def main() -> None:
    """Render the pictures, measure them and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--per-kind", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    env = describe_environment()
    rows, everything = [], []
    for kind in (name for name, settings in KINDS.items() if settings.camera == "phone"):
        times = [measure(data, options.rounds) for data in render(kind, options.per_kind)]
        everything += times
        rows.append(describe(kind, times))
        print(rows[-1], flush=True)
    head = HEAD.format(
        quality=QUALITY,
        version=PICTURE_READING.version,
        cpu=env["cpu"],
        load=env["load_average_1min"],
        n=options.per_kind,
        rounds=options.rounds,
        target=TARGET,
    )
    ratios = sorted(reading / decoding for decoding, _, reading in everything)
    reduced = sum(time[1] for time in everything) / sum(time[0] for time in everything)
    tail = (
        "\n| against decoding at full size | ratio |\n|---|---|\n"
        f"| reading, p50 of the pictures | {statistics.median(ratios):.2f} |\n"
        f"| reading, p90 | {ratios[int(0.9 * (len(ratios) - 1))]:.2f} |\n"
        f"| decoding at reduced scale only | {reduced:.2f} |"
    )
    rows.insert(0, describe("**all**", everything))
    print(rows[0], tail)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "photograph-cost.md").write_text("\n".join([head, *rows, tail, ""]))


def render(kind: str, n: int) -> Iterator[bytes]:
    """Render JPEG files of one kind."""
    for number in range(n):
        rng = np.random.default_rng((SEED, list(KINDS).index(kind), number))
        photograph = take_photograph(number % 10, kind, rng, size=SIZES[number % 2])
        buffer = io.BytesIO()
        Image.open(io.BytesIO(photograph.data)).save(buffer, "JPEG", quality=QUALITY)
        yield buffer.getvalue()


def measure(data: bytes, rounds: int) -> tuple[float, float, float]:
    """Measure full decoding, opening at reduced scale, and opening plus reading, in milliseconds."""
    calls: tuple[Callable[[], object], ...] = (
        lambda: Image.open(io.BytesIO(data)).load(),
        lambda: open_picture(data, origin="bytes"),
        lambda: read_any(data),
    )
    times: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, one in zip(calls, times, strict=True):
            started = time.process_time()
            call()
            one.append(1e3 * (time.process_time() - started))
    full, reduced, reading = map(statistics.median, times)
    return full, reduced, reading


def describe(kind: str, times: list[tuple[float, float, float]]) -> str:
    """Format a row of the table."""
    decoding, _, reading = (statistics.mean(column) for column in zip(*times, strict=True))
    slowest = max(one[2] / one[0] for one in times)
    return f"| {kind} | {decoding:.2f} | {reading:.2f} | {reading / decoding:.2f} | {slowest:.2f} |"


if __name__ == "__main__":
    main()
