"""How pictures that strangers publish are read: docs/results/strangers.md.

    python -m benchmarks.strangers [--per-kind N] [--processes N] [--kinds KIND ...] [--only development] [MODEL ...]

MODEL is what `edge-mnist classify --model` takes. Pictures are rendered (`rendering/strangers.py`, `strange_signs.py`):
a set with the development seed, which choices may be made on, and one with the final seed. `EDGE_MNIST_DATA` must name
MNIST: half of the shapes are the middle lines of its validation or test digits. No rendered picture of it is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.judging import Judged, judge, part_rejected
from benchmarks.rendering.pens import DigitShape, shape_from_image
from benchmarks.rendering.photographs import draw_own_shape
from benchmarks.rendering.strange_signs import SIGNS, take_signs
from benchmarks.rendering.strangers import DEVELOPMENT, FINAL, KINDS, Split, take_strangers
from benchmarks.subjects import load_mnist, open_classifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.reading.parameters import PICTURE_READING

SETS: Final[dict[str, tuple[int, Split]]] = {"development": DEVELOPMENT, "final": FINAL}

HEAD: Final = f"""# Pictures that strangers publish

Written by `benchmarks/strangers.py`: rendered pictures in the default mode, read by the int8 ONNX files inside the
package. Picture reading version {PICTURE_READING.version}.

- **right**: accepted, and the digit is right. **likeliest**: the likeliest digit is right, also where the picture is
  rejected. **wrong**: of the accepted pictures, those whose digit is wrong.
- Choices are made on the development seed. The final seed is read for this page alone.
- Training draws digits of these forms, too, but with other code from other points: `school_forms.py` and
  `pen_drawings.py` there, `school_hands.py` and `strangers.py` here. Fonts and letters here are of families that train
  nothing. Half of the other shapes are the middle lines of MNIST's validation digits (development) or test digits
  (final); the rest are the hands of `strokes.py`, which trained `robust` and `micro`, and those of the schools.

**These are rendered pictures.** How strangers' own pictures are read is not known from this page.
"""


def main() -> None:
    """Render, read, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[*BUNDLED_MODELS])
    parser.add_argument("--per-kind", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--kinds", nargs="*", default=[])
    parser.add_argument("--only", choices=tuple(SETS))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    kinds = options.kinds or list(KINDS)
    page = [HEAD]
    with ProcessPoolExecutor(options.processes) as pool:
        for name in [options.only] if options.only else SETS:
            read = partial(judge_kind, name, per_kind=options.per_kind, models=tuple(options.models))
            judged = dict(zip(kinds, pool.map(read, kinds), strict=True))
            page += [f"## Digits, {name} seed", *digits_table(judged, options.models), ""]
            print("\n".join(page[-len(judged) - 8 :]), flush=True)
            if not options.kinds:
                reject = partial(judge_signs, name, per_kind=options.per_kind, models=tuple(options.models))
                rejected = dict(zip(SIGNS, pool.map(reject, SIGNS), strict=True))
                page += [f"## What is no digit, {name} seed", *signs_table(rejected, options), ""]
                print("\n".join(page[-len(rejected) - 8 :]), flush=True)
    if not options.kinds and not options.only:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "strangers.md").write_text("\n".join(page), encoding="utf-8")


def judge_kind(name: str, kind: str, *, per_kind: int, models: tuple[str, ...]) -> list[Judged]:
    """How every model reads one kind of picture."""
    seed, split = SETS[name]
    shown = list(take_strangers(per_kind, seed=seed, split=split, find_shape=partial(find_shape, split), kinds=(kind,)))
    pictures, labels = [one.picture for one in shown], [one.label for one in shown]
    return [judge(open_classifier(model), pictures, labels) for model in models]


def judge_signs(name: str, kind: str, *, per_kind: int, models: tuple[str, ...]) -> list[float]:
    """What fraction of one kind that is no digit every model rejects."""
    seed, split = SETS[name]
    pictures = [
        shown for shown, _ in take_signs(per_kind, seed=seed, split=split, digits=load_mnist(split), kinds=(kind,))
    ]
    return [part_rejected(open_classifier(model), pictures) for model in models]


def find_shape(split: Split, digit: int, rng: np.random.Generator) -> DigitShape:
    """The middle line of one of MNIST's digits, or of the project's own hands and unseen fonts."""
    if rng.random() < 0.25:
        return draw_own_shape(digit, rng, has_outline=False)
    digits = load_mnist(split)
    index = rng.choice(np.flatnonzero(digits.labels == digit))
    return shape_from_image(digits.images[index, :, :, 0], has_outline=False)


def digits_table(judged: dict[str, list[Judged]], models: Sequence[str]) -> list[str]:
    """Rows of a table, one a kind, with the sum of all kinds first."""
    totals = [sum(column[1:], column[0]) for column in zip(*judged.values(), strict=True)]
    each = next(iter(judged.values()))[0].n
    head = " | ".join(f"`{model}`: right | likeliest | wrong" for model in models)
    return [
        f"{totals[0].n:,} pictures, {each} of each kind.\n",
        f"| | {head} |",
        f"|---|{'---|' * 3 * len(models)}",
        f"| **all** | {' | '.join(total.cells() for total in totals)} |",
        *(f"| {kind} | {' | '.join(one.cells() for one in row)} |" for kind, row in judged.items()),
    ]


def signs_table(rejected: dict[str, list[float]], options: argparse.Namespace) -> list[str]:
    """Rows of a table, one a kind of what is no digit."""
    means = np.mean(list(rejected.values()), axis=0)
    return [
        f"Rejected; {options.per_kind} pictures of each kind.\n",
        f"| | {' | '.join(f'`{model}`' for model in options.models)} |",
        f"|---|{'---|' * len(options.models)}",
        f"| **mean** | {' | '.join(f'{value:.1%}' for value in means)} |",
        *(f"| {kind} | {' | '.join(f'{value:.1%}' for value in row)} |" for kind, row in rejected.items()),
    ]


if __name__ == "__main__":
    main()
