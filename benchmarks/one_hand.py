"""Draw one person's digits, to fine-tune a network on them: see docs/fine-tuning.md.

    python -m benchmarks.one_hand FOLDER [--per-digit N]

FOLDER/learn and FOLDER/judge get a sub-folder for each digit, with N pictures. The hand is one that networks trained on
MNIST misread: a 1 with a long flag, an open 4, a 6 with a flat top, a crossed 7 and a hooked 9. A third of the pictures
are drawings, the others photographs of paper. The same N gives the same pictures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.rendering.papers import look_at_page
from benchmarks.rendering.pens import shape_from_curves
from benchmarks.rendering.photographs import photograph_ink
from benchmarks.rendering.picture_kinds import KINDS
from benchmarks.rendering.school_hands import EUROPEAN, TROUBLESOME, Habits, write_form
from benchmarks.rendering.strangers import cover, paint

SEEDS: Final = {"learn": 51, "judge": 3051}
"""Seed of each half."""

HABITS: Final = Habits(width=0.75, slant=0.18, angle_degrees=-3, bend=1.15)

FORMS: Final = {
    **{digit: forms[0] for digit, forms in EUROPEAN.items()},
    1: "0,36 56,0;56,0 60,100",
    **{digit: TROUBLESOME[name][1][0] for name, digit in (("open 4", 4), ("6 with a flat top", 6), ("hooked 9", 9))},
    7: "12,28 12,8;12,8 90,4;90,4 52,98;30,46 88,52",
}
"""The person's form of each digit."""

PAPERS: Final = ("photograph", "lined paper", "shadow", "squared paper")


def main() -> None:
    """Draw both halves."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--per-digit", type=int, default=50)
    options = parser.parse_args()
    for half, seed in SEEDS.items():
        for digit in range(10):
            folder = options.folder / half / str(digit)
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(options.per_digit):
                data = draw_digit(digit, np.random.default_rng((seed, digit, number)))
                suffix = "png" if data.startswith(b"\x89PNG") else "jpg"
                (folder / f"{number:03}.{suffix}").write_bytes(data)


def draw_digit(digit: int, rng: np.random.Generator) -> bytes:
    """One digit of this hand: the bytes of a PNG or JPEG file."""
    shape = shape_from_curves(write_form(FORMS[digit], rng, HABITS))
    side = int(rng.integers(200, 500))
    size, pixels, width = (side, side), side * rng.uniform(0.4, 0.65), rng.uniform(0.04, 0.09)
    centre = (side * rng.uniform(0.42, 0.58), side * rng.uniform(0.42, 0.58))
    if rng.random() < 1 / 3:
        return paint(cover(shape, size, centre, pixels, pixels * width), rng)
    view = look_at_page(size, centre, pixels, rng, tilt_degrees=4)
    ink = shape.coverage(view.u, view.v, width=width, pixels=pixels)
    return photograph_ink(ink, view, KINDS[PAPERS[rng.integers(len(PAPERS))]], rng)


if __name__ == "__main__":
    main()
