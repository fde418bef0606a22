"""What it gains to take a background away from tensors before the network: docs/results/grey-opening.md.

    python -m benchmarks.grey_opening [--images N] [MODEL ...]

An experiment, on MNIST's validation images alone: a grey opening finds the background, whatever is wider than a
stroke; smoothed, it is subtracted, and the rest stretched. `EDGE_MNIST_DATA` must name MNIST.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from benchmarks.disturbed_digits import SEEDS, find_digits
from benchmarks.other_digits import predictor
from benchmarks.rendering.unseen_corruptions import UNSEEN, corrupt_unseen
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.corruptions import apply_corruption
from edge_mnist_trainer.augment.disturbances import DISTURBANCES
from edge_mnist_trainer.augment.fonts import render_digits
from edge_mnist_trainer.augment.pen_drawings import draw_school_digits

SIDES: Final = (9, 13, 17)
"""Pixels of the opening's square: a stroke that is wider is taken for background."""

SMOOTHING_SIGMA: Final = 3.0
"""Pixels of the Gaussian that smooths the background."""

FULL_PERCENTILE: Final = 99.0
"""The percentile of what is left that becomes white, where it is more than..."""
LEAST_CONTRAST: Final = 24.0
"""...so many grey levels; less is nothing but grain."""

HEAD: Final = """# Taking backgrounds away from tensors: an experiment

Written by `benchmarks/grey_opening.py`: the likeliest digit is right, of {n:,} of MNIST's validation images, a third at
each severity; the int8 ONNX files inside the package. A grey opening of so many pixels along each side, of the image
padded by its edge, smoothed by a Gaussian of {sigma:g} pixels, is subtracted; what is left is stretched so that its
{full:g}th percentile is white. **Nothing in the package does this.**
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
    columns = [f"`{model}`, {how}" for model in options.models for how in ("as is", *map(str, SIDES))]
    page = [HEAD.format(n=len(digits), sigma=SMOOTHING_SIGMA, full=FULL_PERCENTILE)]
    page += [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for name, disturbed in _sets(digits):
        images = [disturbed.images, *(take_background_away(disturbed.images, side) for side in SIDES)]
        right = [np.mean(predict(one).argmax(1) == disturbed.labels) for predict in predictors for one in images]
        page.append(f"| {name} | {' | '.join(f'{value:.1%}' for value in right)} |")
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


def take_background_away(images: Pixels, side: int) -> Pixels:
    """Subtract from each image what is wider than a stroke, and stretch the rest.

    Args:
        images: uint8, shape (N, 28, 28, 1), bright ink.
        side: Pixels of the opening's square.

    Returns:
        uint8, shape (N, 28, 28, 1).
    """
    padded = np.pad(images[..., 0], ((0, 0), (side, side), (side, side)), mode="edge").astype(np.float32)
    opened = ndimage.grey_opening(padded, size=(1, side, side))
    background = ndimage.gaussian_filter(opened, (0, SMOOTHING_SIGMA, SMOOTHING_SIGMA))
    rest: npt.NDArray[np.float32] = np.maximum(padded - background, 0)[:, side:-side, side:-side]
    white = np.maximum(np.percentile(rest, FULL_PERCENTILE, axis=(1, 2), keepdims=True), LEAST_CONTRAST)
    pixels: Pixels = np.rint(np.clip(rest / white, 0, 1) * 255).astype(np.uint8)[..., np.newaxis]
    return pixels


if __name__ == "__main__":
    main()
