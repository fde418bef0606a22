"""What it gains to take backgrounds away from tensors before the network: docs/results/grey-opening.md.

    python -m benchmarks.grey_opening [--images N] [MODEL ...]

Measured on MNIST's validation images alone, because the rule was chosen on them. `EDGE_MNIST_DATA` must name MNIST.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.disturbed_digits import SEEDS, find_digits
from benchmarks.other_digits import predictor
from benchmarks.rendering.unseen_corruptions import UNSEEN, corrupt_unseen
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.reading.tensor_background import take_background_away
from edge_mnist_trainer.augment.corruptions import apply_corruption
from edge_mnist_trainer.augment.disturbances import DISTURBANCES
from edge_mnist_trainer.augment.fonts import render_digits
from edge_mnist_trainer.augment.pen_drawings import draw_school_digits

HEAD: Final = """# Taking backgrounds away from tensors

Written by `benchmarks/grey_opening.py`: the likeliest digit is right, of {n:,} of MNIST's validation images, a third at
each severity; the int8 ONNX files inside the package. `as is`: the network reads the tensor, as in mode `raw`. `taken
away`: `reading/tensor_background.py`, as in every other mode. `changed`: the fraction of images that it changes. Only
images with a bright border have a background; all others keep every byte.
"""


def main() -> None:
    """Read with and without, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["robust", "edge"])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    digits = find_digits("validation", options.images)
    predictors = [predictor(model) for model in options.models]
    columns = ["changed", *(f"`{model}`, {how}" for model in options.models for how in ("as is", "taken away"))]
    page = [HEAD.format(n=len(digits))]
    page += [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, disturbed in _sets(digits):
        images = (disturbed.images, take_background_away(disturbed.images))
        changed = np.mean((images[0] != images[1]).any((1, 2, 3)))
        right = [np.mean(predict(one).argmax(1) == disturbed.labels) for predict in predictors for one in images]
        page.append(f"| {name} | {' | '.join(f'{value:.1%}' for value in (changed, *right))} |")
        print(page[-1], flush=True)
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "grey-opening.md").write_text("\n".join([*page, ""]), encoding="utf-8")


def _sets(digits: LabelledDigits) -> Iterator[tuple[str, LabelledDigits]]:
    yield "**plain**", digits
    yield "**printed, validation fonts**", render_digits("validation", variants=3)
    yield (
        "**drawn by all pens, broad ones too**",
        LabelledDigits("drawn", "validation", *draw_school_digits(1000, seed=1)),
    )
    seed = SEEDS["development"]
    for name, corruption in DISTURBANCES.items():
        strengths = np.resize(np.array(corruption.severities), len(digits))
        rng = np.random.default_rng((seed, list(DISTURBANCES).index(name)))
        images = apply_corruption(digits.images, corruption, strengths, rng)
        yield f"{name} (trained kind)", LabelledDigits(name, digits.split, images, digits.labels)
    for name in UNSEEN:
        yield name, corrupt_unseen(digits, name, seed=seed)


if __name__ == "__main__":
    main()
