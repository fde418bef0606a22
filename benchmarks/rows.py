"""Measure how well rows of digits are read: writes docs/results/rows.md.

    python -m benchmarks.rows [--per-kind N] [--processes N] [--model MODEL]

Rows of 2 to 8 digits are rendered (`rendering/rows.py`) on ten kinds of page with four spacings. There are three sets:
the development seed, on which rules were chosen; the final seed; and the final seed with MNIST's test digits as ink,
which needs `EDGE_MNIST_DATA`. No rendered picture of MNIST's digits is kept.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.rendering.pens import DigitShape, shape_from_image
from benchmarks.rendering.photographs import DEVELOPMENT_SEED, FINAL_SEED, ShapeMaker
from benchmarks.rendering.rows import PAGES, SPACINGS, RowPicture, take_rows
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.dataset import LabelledDigits, find_mnist_folder
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_trainer.data.sources import load_digit_set

Results = dict[tuple[str, str], list[tuple[bool, float]]]
"""By page and spacing: for each row, whether it was read right, and the fraction of its digits read right."""

HEAD = """# Rows of digits

Written by `benchmarks/rows.py`. Rendered rows of 2 to 8 digits, read by `{model}`. Picture reading version {version}.

Each cell has two figures: the fraction of rows without an error and, in parentheses, the fraction of digits read right
(1 - edit distance / length).

| spacing | gap, as a fraction of the digits' height |
|---|---|
| wide | 0.3 to 0.7 |
| usual | 0.12 to 0.3 |
| tight | 0.05 to 0.12 |
| touching | the boxes overlap by up to 0.06 |
| separated | wide, usual and tight together |

Rules were chosen on the development seed, and later also with MNIST's validation digits as ink: a first run of this
page had cut wide test digits apart, and only 65 % of the separated rows were right.

**These pictures are rendered**, so this page does not show how well photographs from other people are read.
"""


def main() -> None:
    """Render and read every set and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--per-kind", type=int, default=14)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    page = [HEAD.format(model=options.model, version=PICTURE_READING.version)]
    own = "drawn digits and unseen fonts"
    sets = [(f"{own}, development seed", DEVELOPMENT_SEED, False), (f"{own}, final seed", FINAL_SEED, False)]
    if find_mnist_folder(None):
        sets.append(("MNIST's test digits as ink, final seed", FINAL_SEED, True))
    with ProcessPoolExecutor(options.processes) as pool:
        jobs = [
            [pool.submit(judge_page, options.model, options.per_kind, seed, name, of_mnist) for name in PAGES]
            for _, seed, of_mnist in sets
        ]
        for (title, _, _), pages in zip(sets, jobs, strict=True):
            found = {key: results for job in pages for key, results in job.result().items()}
            page += _table(title, found, options.per_kind)
            print("\n".join(page[-len(PAGES) - 6 :]), flush=True)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "rows.md").write_text("\n".join(page))


def judge_page(model: str, per_kind: int, seed: int, page: str, of_mnist: bool) -> Results:
    """Render and read rows on one kind of page, with MNIST's digits or the project's own."""
    digits = load_digit_set().test if of_mnist else None
    writer = None if digits is None else partial(choose_mnist_writer, digits)
    return judge(DigitClassifier(model), take_rows(per_kind, seed=seed, pages=(page,), choose_writer=writer))


def judge(classifier: DigitClassifier, rows: Iterable[RowPicture]) -> Results:
    """Read rows and compare them with their text."""
    found = defaultdict(list)
    for row in rows:
        text = classifier.read_row(row.data).text
        right = 1 - edit_distance(row.text, text) / len(row.text)
        found[row.page, row.spacing].append((text == row.text, max(0.0, right)))
    return found


def edit_distance(one: str, other: str) -> int:
    """Compute the edit distance between two texts (Levenshtein, 1966)."""
    costs = list(range(len(other) + 1))
    for i, first in enumerate(one, 1):
        diagonal, costs[0] = costs[0], i
        for j, second in enumerate(other, 1):
            diagonal, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, diagonal + (first != second))
    return costs[-1]


def choose_mnist_writer(digits: LabelledDigits, rng: np.random.Generator) -> ShapeMaker:
    """Take each digit from a random image of MNIST, so from different writers. That is harder than one handwriting."""
    del rng

    def make(digit: int, rng: np.random.Generator, has_outline: bool) -> DigitShape:
        index = rng.choice(np.flatnonzero(digits.labels == digit))
        return shape_from_image(digits.images[index, :, :, 0], has_outline=has_outline)

    return make


def _table(title: str, found: Results, per_kind: int) -> list[str]:
    spacings = list(SPACINGS)
    separated = [name for name in spacings if name != "touching"]
    lines = [
        f"## {title[0].upper()}{title[1:]}",
        f"{per_kind * len(found):,} rows, {per_kind} in each cell.\n",
        f"| page | {' | '.join(spacings)} | separated |",
        f"|---|{'---|' * (len(spacings) + 1)}",
    ]
    for name, pages in (("**all**", PAGES), *((page, (page,)) for page in PAGES)):
        cells = [[found[page, spacing] for page in pages] for spacing in spacings]
        cells.append([found[page, spacing] for page in pages for spacing in separated])
        lines.append(f"| {name} | {' | '.join(_cell([one for part in cell for one in part]) for cell in cells)} |")
    return [*lines, ""]


def _cell(results: list[tuple[bool, float]]) -> str:
    rows, digits = np.mean(results, axis=0)
    return f"{rows:.1%} ({digits:.1%})"


if __name__ == "__main__":
    main()
