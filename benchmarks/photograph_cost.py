"""What reading a photograph of one megapixel costs over decoding it: docs/results/photograph-cost.md.

    python -m benchmarks.photograph_cost [--per-kind N] [--rounds N]

JPEGs of 1152 x 864 pixels and quality 90, rendered (`photographs.py`), every kind that a phone takes. Opening and
reading a file takes turns with Pillow's full decoding of it; of each the median of the rounds counts, in processor time
of all threads.
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

HEAD = """# What a photograph costs

Written by `benchmarks/photograph_cost.py`: rendered JPEGs of 1152 x 864 pixels, quality {quality}, read as `auto` does;
picture reading version {version}; {cpu}, load {load:.1f}. Milliseconds of processor time, all threads; ratios are to
Pillow's decoding of the same files at full size. {n} pictures of each kind, {rounds} rounds in turns. At most
{target:g} was aimed at.

| | decoding | reading | ratio | the slowest |
|---|---|---|---|---|"""


def main() -> None:
    """Render, measure, write the page."""
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
        f"\nThe median picture costs {statistics.median(ratios):.2f} times its decoding, nine of ten at most "
        f"{ratios[int(0.9 * (len(ratios) - 1))]:.2f}. Decoding at the reduced scale alone costs {reduced:.2f}."
    )
    rows.insert(0, describe("**all**", everything))
    print(rows[0], tail)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "photograph-cost.md").write_text("\n".join([head, *rows, tail, ""]))


def render(kind: str, n: int) -> Iterator[bytes]:
    """Files of one kind."""
    for number in range(n):
        rng = np.random.default_rng((SEED, list(KINDS).index(kind), number))
        photograph = take_photograph(number % 10, kind, rng, size=SIZES[number % 2])
        buffer = io.BytesIO()
        Image.open(io.BytesIO(photograph.data)).save(buffer, "JPEG", quality=QUALITY)
        yield buffer.getvalue()


def measure(data: bytes, rounds: int) -> tuple[float, float, float]:
    """Milliseconds of decoding at full size, of opening at the reduced scale, and of opening and reading."""
    calls: tuple[Callable[[], object], ...] = (
        lambda: Image.open(io.BytesIO(data)).load(),
        lambda: open_picture(data, origin="bytes"),
        lambda: read_any(data),
    )
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(rounds):
        for call, one in zip(calls, taken, strict=True):
            started = time.process_time()
            call()
            one.append(1e3 * (time.process_time() - started))
    full, reduced, reading = map(statistics.median, taken)
    return full, reduced, reading


def describe(kind: str, times: list[tuple[float, float, float]]) -> str:
    """A row of the table."""
    decoding, _, reading = (statistics.mean(column) for column in zip(*times, strict=True))
    slowest = max(one[2] / one[0] for one in times)
    return f"| {kind} | {decoding:.2f} | {reading:.2f} | {reading / decoding:.2f} | {slowest:.2f} |"


if __name__ == "__main__":
    main()
