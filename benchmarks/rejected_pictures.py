"""Which pictures are rejected before the network sees them: docs/results/rejected-pictures.md.

    python -m benchmarks.rejected_pictures [--per-kind N] [--per-digit N] [--model MODEL]

Readable ones are those of `benchmarks/pictures.py`, drawn by the project; unreadable ones are `unreadable.py`'s. Each
with the development seed, which the rules were chosen on, and with the final seed.
"""

from __future__ import annotations

import argparse
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from benchmarks.rendering.crops import LOST, WIDEST_MARGIN, crop_through, crop_tight
from benchmarks.rendering.photographs import DEVELOPMENT_SEED, FINAL_SEED, take_photographs
from benchmarks.rendering.picture_kinds import KINDS
from benchmarks.rendering.unreadable import PAGES, UNREADABLE, photograph_digit, take_unreadable
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.classifier import read_any
from edge_mnist_runtime.reading.parameters import PICTURE_READING

REASONS = ("blank", "too small", "cut off", "several digits")
SIZES = (5, 6, 7, 8, 9, 10, 12, 14, 17, 20)
SMALL_PAGES = ("drawing", "scan", "photograph", "poor camera")

HEAD = """# Pictures that are rejected before the network sees them

Written by `benchmarks/rejected_pictures.py`: rendered pictures, picture reading version {version}. What the network
itself rejects (`ambiguous`, `no digit`) is not counted here. `two touching digits` are no case for these rules: ink
that hangs together is one digit to them.
"""


def main() -> None:
    """Render, read, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--per-kind", type=int, default=len(PAGES) * 2)
    parser.add_argument("--per-digit", type=int, default=4)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    classifier = DigitClassifier(options.model)
    page = [HEAD.format(version=PICTURE_READING.version)]
    for name, seed in (("development", DEVELOPMENT_SEED), ("final", FINAL_SEED)):
        page += [f"## Readable pictures, {name} seed", judge_readable(classifier, options.per_digit, seed), ""]
        page += [f"## Unreadable pictures, {name} seed", *judge_unreadable(options.per_kind, seed), ""]
        page += [f"## Readable pictures cropped, {name} seed", *judge_crops(classifier, options.per_digit, seed), ""]
        print("\n".join(page[-len(UNREADABLE) - 18 :]), flush=True)
    page += ["## Digits of few pixels", *judge_sizes(classifier), ""]
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "rejected-pictures.md").write_text("\n".join(page))


def judge_readable(classifier: DigitClassifier, per_digit: int, seed: int) -> str:
    """How many readable pictures are read right, and how many are rejected that would have been."""
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
        f"{n:,} pictures, {n // len(KINDS)} of each kind of `benchmarks/pictures.py`: {n_right / n:.2%} read right, "
        f"{rejected.total() / n:.2%} rejected ({reasons}); {n_lost / n:.2%} were rejected although the network would "
        "have read them right."
    )


def judge_crops(classifier: DigitClassifier, per_digit: int, seed: int) -> list[str]:
    """How many digits are rejected that were cropped tight, and how many that were cropped through."""
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
        f"{n:,} pictures of each kind: with 0 to {WIDEST_MARGIN:.0%} of the digit's longer side around it, of which "
        f"{n_right / n:.2%} are read right; and with {LOST[0]:.0%} to {LOST[1]:.0%} of it beyond one edge, however "
        "close the others are. What fills a frame may be whole: such pictures are rejected only where paper is left "
        "at the opposite edge.\n",
        f"| | rejected | {' | '.join(REASONS)} |",
        f"|---|---|{'---|' * len(REASONS)}",
        *(
            f"| {name} | {1 - counts[None] / n:.2%} | {' | '.join(f'{counts[reason] / n:.2%}' for reason in REASONS)} |"
            for name, counts in (("cropped tight", tight), ("cropped through", through))
        ),
    ]


def judge_unreadable(per_kind: int, seed: int) -> list[str]:
    """The part of each kind that is rejected, by reason."""
    found: defaultdict[str, Counter[str | None]] = defaultdict(Counter)
    for picture in take_unreadable(per_kind, seed=seed):
        found[picture.kind][read_any(picture.data).flaw] += 1
    return [
        f"{per_kind} pictures of each kind.\n",
        f"| | rejected | {' | '.join(REASONS)} |",
        f"|---|---|{'---|' * len(REASONS)}",
        *(
            f"| {kind} | {1 - counts[None] / per_kind:.1%} | "
            f"{' | '.join(f'{counts[reason] / per_kind:.1%}' for reason in REASONS)} |"
            for kind, counts in found.items()
        ),
    ]


def judge_sizes(classifier: DigitClassifier, *, n_each: int = 60) -> list[str]:
    """How many digits of each height are read right, whatever would be rejected: why the limit is where it is."""
    lines = [
        f"Read right whatever the rules say, {n_each} pictures in each cell; a box below "
        f"{PICTURE_READING.flaws.min_side_pixels:g} pixels is rejected.\n",
        f"| pixels | {' | '.join(SMALL_PAGES)} |",
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
