"""Measure which pictures are rejected before the network runs: writes docs/results/rejected-pictures.md.

    python -m benchmarks.rejected_pictures [--per-kind N] [--per-digit N] [--model MODEL]

Readable pictures are from `rendering/photographs.py`, unreadable ones from `rendering/unreadable.py`. Both are rendered
with the development seed, on which the rules were chosen, and with the final seed.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.rendering.crops import LOST, WIDEST_MARGIN, crop_through, crop_tight
from benchmarks.rendering.photographs import DEVELOPMENT_SEED, FINAL_SEED, take_photographs
from benchmarks.rendering.picture_kinds import KINDS
from benchmarks.rendering.unreadable import PAGES, photograph_digit, take_unreadable
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.classifier import read_any
from edge_mnist_runtime.reading.parameters import PICTURE_READING

REASONS = ("blank", "too small", "cut off", "several digits")
SIZES = (5, 6, 7, 8, 9, 10, 12, 14, 17, 20)
SMALL_PAGES = ("drawing", "scan", "photograph", "poor camera")

HEAD = """# Pictures that are rejected before the network runs

Written by `benchmarks/rejected_pictures.py`: rendered pictures, picture reading version {version}. Rejections by the
network are counted in the column `in the end` alone. The rules cannot reject `two touching digits`, because connected
ink counts as one digit. They leave digits to the network whose ink was picked as one.
"""


def main() -> None:
    """Render and read every set and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--per-kind", type=int, default=len(PAGES) * 2)
    parser.add_argument("--per-digit", type=int, default=4)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    classifier = DigitClassifier(options.model)
    page = [HEAD.format(version=PICTURE_READING.version)]
    for name, seed in (("development", DEVELOPMENT_SEED), ("final", FINAL_SEED)):
        readable = judge_readable(classifier, options.per_digit, seed)
        cropped = judge_crops(classifier, options.per_digit, seed)
        section = [f"## Readable pictures, {name} seed", readable, ""]
        section += [f"## Unreadable pictures, {name} seed", *judge_unreadable(classifier, options.per_kind, seed), ""]
        section += [f"## Readable pictures after cropping, {name} seed", *cropped, ""]
        print("\n".join(section), flush=True)
        page += section
    page += ["## Small digits", *judge_sizes(classifier), ""]
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "rejected-pictures.md").write_text("\n".join(page))


def judge_readable(classifier: DigitClassifier, per_digit: int, seed: int) -> str:
    """Measure how many readable pictures are read right, are rejected, and are rejected without need."""
    n = n_right = n_lost = 0
    rejected: Counter[str] = Counter()
    for photograph in take_photographs(per_digit, seed=seed):
        reading = read_any(photograph.data)
        is_right = _answer(classifier, reading.pixels) == photograph.label
        n += 1
        n_right += is_right and reading.flaw is None
        n_lost += is_right and reading.flaw is not None
        rejected[str(reading.flaw)] += reading.flaw is not None
    reasons = ", ".join(f"{count} as {reason}" for reason, count in rejected.items() if count)
    return (
        f"{n:,} pictures, {n // len(KINDS)} of each kind in [pictures.md](pictures.md).\n\n"
        "| result | fraction |\n|---|---|\n"
        f"| read right | {n_right / n:.2%} |\n"
        f"| rejected | {rejected.total() / n:.2%} ({reasons}) |\n"
        f"| rejected, but the network would have read them right | {n_lost / n:.2%} |"
    )


def judge_crops(classifier: DigitClassifier, per_digit: int, seed: int) -> list[str]:
    """Measure how many digits are rejected after a tight crop and after a crop through the digit."""
    rng = np.random.default_rng((seed, 6))
    tight: Counter[str | None] = Counter()
    through: Counter[str | None] = Counter()
    n_right = 0
    for photograph in take_photographs(per_digit, seed=seed, kinds=PAGES):
        reading = read_any(crop_tight(photograph, rng))
        tight[reading.flaw] += 1
        n_right += reading.flaw is None and _answer(classifier, reading.pixels) == photograph.label
        through[read_any(crop_through(photograph, rng)).flaw] += 1
    n = tight.total()
    return [
        f"{n:,} pictures of each kind of crop.\n",
        "| crop | what is left |",
        "|---|---|",
        f"| tight | the digit and a margin of 0 to {WIDEST_MARGIN:.0%} of its longer side; {n_right / n:.2%} are read "
        "right |",
        f"| through | {LOST[0]:.0%} to {LOST[1]:.0%} of the digit are cut off at one edge |",
        "",
        "A digit that fills the frame may be whole. It is rejected as cut off only if the opposite edge shows "
        "background.\n",
        f"| crop | rejected | {' | '.join(REASONS)} |",
        f"|---|---|{'---|' * len(REASONS)}",
        *(
            f"| {name} | {1 - counts[None] / n:.2%} | {' | '.join(f'{counts[reason] / n:.2%}' for reason in REASONS)} |"
            for name, counts in (("tight", tight), ("through", through))
        ),
    ]


def judge_unreadable(classifier: DigitClassifier, per_kind: int, seed: int) -> list[str]:
    """Measure the fraction of each unreadable kind that is rejected, by reason, and with the network's word."""
    found: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    in_the_end: Counter[str] = Counter()
    for picture in take_unreadable(per_kind, seed=seed):
        found[picture.kind][read_any(picture.data).flaw] += 1
        in_the_end[picture.kind] += classifier.predict(picture.data).reason is not None
    return [
        f"{per_kind} pictures of each kind.\n",
        f"| kind | rejected | {' | '.join(REASONS)} | in the end |",
        f"|---|---|{'---|' * len(REASONS)}---|",
        *(
            f"| {kind} | {1 - counts[None] / per_kind:.1%} | "
            f"{' | '.join(f'{counts[reason] / per_kind:.1%}' for reason in REASONS)} | "
            f"{in_the_end[kind] / per_kind:.1%} |"
            for kind, counts in found.items()
        ),
    ]


def judge_sizes(classifier: DigitClassifier, *, n_each: int = 60) -> list[str]:
    """Measure accuracy by height of the digit, ignoring rejections. It justifies the limit for `too small`."""
    lines = [
        f"Fraction read right if nothing is rejected; {n_each} pictures in each cell. A digit whose longer side is "
        f"below {PICTURE_READING.flaws.min_side_pixels:g} pixels is rejected as too small.\n",
        f"| height in pixels | {' | '.join(SMALL_PAGES)} |",
        f"|---|{'---|' * len(SMALL_PAGES)}",
    ]
    for pixels in SIZES:
        cells = []
        for page in SMALL_PAGES:
            rng = np.random.default_rng((DEVELOPMENT_SEED, 5, pixels))
            right = 0
            for _ in range(n_each):
                size = (int(rng.integers(30, 120)), int(rng.integers(30, 120)))
                data, label = photograph_digit(KINDS[page], size, pixels, rng)
                right += _answer(classifier, read_any(data).pixels) == label
            cells.append(f"{right / n_each:.0%}")
        lines.append(f"| {pixels} | {' | '.join(cells)} |")
    return lines


def _answer(classifier: DigitClassifier, pixels: np.ndarray) -> int:
    return int(classifier.engine.run(pixels.reshape(1, 28, 28, 1))[0].argmax())


if __name__ == "__main__":
    main()
