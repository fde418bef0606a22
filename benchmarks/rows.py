"""How rows of digits are read: docs/results/rows.md.

    python -m benchmarks.rows [--per-kind N] [--processes N] [--model MODEL]

Rows of 2 to 8 digits are rendered (`edge_mnist_trainer/rows.py`) on ten kinds of page, in four spacings: a set with the
development seed, which choices were made on, one with the final seed, and one with the final seed and MNIST's test
digits as ink, which needs `EDGE_MNIST_DATA`. No rendered picture of MNIST's digits is kept.
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
"""By page and spacing: of each row, whether it was read right, and the part of its digits that were."""

HEAD = """# Rows of digits

Written by `benchmarks/rows.py`: rendered rows of 2 to 8 digits, read by `{model}`, picture reading version {version}.

Each cell holds the rows that were read entirely right, and behind it the digits (1 less the edit distance over the
length). `wide` to `tight` are separated: gaps of 0.3 to 0.7, 0.12 to 0.3 and 0.05 to 0.12 of the digits' height. Of
`touching` ones the boxes overlap by up to 0.06. Choices were made on the development seed, and
with MNIST's validation digits as ink: a first run of this page had shown wide test digits cut apart (65 % of separated
rows right). **These are rendered pictures**: how strangers' photographs are read is not known from this page.
"""


def main() -> None:
    """Render, read, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--per-kind", type=int, default=14)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    page = [HEAD.format(model=options.model, version=PICTURE_READING.version)]
    own = "own hands and unseen fonts"
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
    """How the rows of one kind of page are read, whose digits are MNIST's or the project's own."""
    digits = load_digit_set().test if of_mnist else None
    writer = None if digits is None else partial(choose_mnist_writer, digits)
    return judge(DigitClassifier(model), take_rows(per_kind, seed=seed, pages=(page,), choose_writer=writer))


def judge(classifier: DigitClassifier, rows: Iterable[RowPicture]) -> Results:
    """Whether each row was read right, and the part of its digits that were: by page and spacing."""
    found = defaultdict(list)
    for row in rows:
        text = classifier.read_row(row.data).text
        right = 1 - edit_distance(row.text, text) / len(row.text)
        found[row.page, row.spacing].append((text == row.text, max(0.0, right)))
    return found


def edit_distance(one: str, other: str) -> int:
    """Insertions, deletions and replacements between two texts, after Levenshtein (1966)."""
    costs = list(range(len(other) + 1))
    for i, first in enumerate(one, 1):
        diagonal, costs[0] = costs[0], i
        for j, second in enumerate(other, 1):
            diagonal, costs[j] = costs[j], min(costs[j] + 1, costs[j - 1] + 1, diagonal + (first != second))
    return costs[-1]


def choose_mnist_writer(digits: LabelledDigits, rng: np.random.Generator) -> ShapeMaker:
    """Every digit from another of MNIST's writers: harder than a row by one hand."""
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
        f"| | {' | '.join(spacings)} | separated |",
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
