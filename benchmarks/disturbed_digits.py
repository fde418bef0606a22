"""How digits are read that something disturbs, in kinds that no training sees: docs/results/disturbed-digits.md.

    python -m benchmarks.disturbed_digits [--images N] [--only development] [MODEL ...]

MODEL is what `edge-mnist classify --model` takes. The development set is of MNIST's validation images, the final one
of its test images; `EDGE_MNIST_DATA` must name MNIST.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, ImageOps

from benchmarks.judging import Judged, judge
from benchmarks.rendering.stranger_drawing import Shown
from benchmarks.rendering.unseen_corruptions import UNSEEN, corrupt_unseen
from benchmarks.subjects import load_mnist
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_trainer.augment.corruptions import apply_corruption
from edge_mnist_trainer.augment.disturbances import DISTURBANCES

SEEDS: Final = {"development": 47, "final": 4047}

WAYS: Final[dict[str, ReadingMode]] = {"tensors, auto": "auto", "tensors, raw": "raw", "pictures, auto": "auto"}
"""How a disturbed digit is given, and read."""

HEAD: Final = """# Disturbed digits

Written by `benchmarks/disturbed_digits.py`: the int8 ONNX files inside the package. Picture reading version {version}.
{n:,} of MNIST's images in each kind, a third at each of three severities: validation images (development) or test
images (final).

- **right**: accepted, and the digit is right. **likeliest**: the likeliest digit is right, also of what is rejected.
  **wrong**: of the accepted ones, those whose digit is wrong.
- `tensors`: 28 x 28 pixels, as they are, in mode `auto`, the default, or `raw`. `pictures`: the same, enlarged to 112
  to 400 pixels and saved as a PNG file, every other one dark on light.
- **Judges' kinds train nothing.** Trained kinds are those of `disturbances.py`: {seen}
"""

SEEN: Final = "`robust` and `micro` learned from them, `edge` and `nano` saw neither these nor the judges'."


def main() -> None:
    """Disturb, read, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[*BUNDLED_MODELS])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--only", choices=tuple(SEEDS))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    page = []
    for name in [options.only] if options.only else SEEDS:
        digits = find_digits("test" if name == "final" else "validation", options.images)
        if not page:
            page = [HEAD.format(version=PICTURE_READING.version, n=len(digits), seen=SEEN)]
        for way, mode in WAYS.items():
            judged = {kind: judge_kind(kind, digits, SEEDS[name], way, mode, options.models) for kind in UNSEEN}
            page += [f"## Judges' kinds, {way}, {name} seed", *table(judged, options.models), ""]
            print("\n".join(page[-len(judged) - 6 :]), flush=True)
        judged = {kind: judge_trained(kind, digits, SEEDS[name], options.models) for kind in DISTURBANCES}
        page += [
            f"## Kinds that trained `robust` and `micro`, tensors, auto, {name} seed",
            *table(judged, options.models),
            "",
        ]
        print("\n".join(page[-len(judged) - 6 :]), flush=True)
    if not options.only:
        options.results.mkdir(parents=True, exist_ok=True)
        (options.results / "disturbed-digits.md").write_text("\n".join(page), encoding="utf-8")


def find_digits(split: str, n_images: int) -> LabelledDigits:
    """Every so many-th of MNIST's images."""
    images = load_mnist(split)
    return images.take(np.arange(0, len(images), max(1, len(images) // n_images)), split)


def judge_kind(
    kind: str, digits: LabelledDigits, seed: int, way: str, mode: ReadingMode, models: Sequence[str]
) -> list[Judged]:
    """How every model reads one of the judges' kinds, given in one way."""
    images = corrupt_unseen(digits, kind, seed=seed).images[..., 0]
    shown: list[Shown] = as_pictures(images, seed) if way.startswith("pictures") else list(images)
    labels = digits.labels.tolist()
    return [judge(classifier(model, mode), shown, labels, mode) for model in models]


def judge_trained(kind: str, digits: LabelledDigits, seed: int, models: Sequence[str]) -> list[Judged]:
    """How every model reads one of the kinds that training sees, as tensors in the default mode."""
    corruption, rng = DISTURBANCES[kind], np.random.default_rng((seed, list(DISTURBANCES).index(kind)))
    strengths = np.resize(np.array(corruption.severities), len(digits))
    images = apply_corruption(digits.images, corruption, strengths, rng)[..., 0]
    return [judge(classifier(model, "auto"), list(images), digits.labels.tolist()) for model in models]


def as_pictures(images: np.ndarray, seed: int) -> list[Shown]:
    """Tensors, uint8, shape (N, 28, 28), enlarged and saved as PNG files, every other one dark on light."""
    rng, files = np.random.default_rng((seed, 1)), []
    for number, image in enumerate(images):
        side = int(rng.integers(112, 401))
        picture = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        (ImageOps.invert(picture) if number % 2 else picture).save(file, "PNG")
        files.append(file.getvalue())
    return list(files)


@lru_cache
def classifier(model: str, mode: ReadingMode) -> DigitClassifier:
    """A classifier, loaded once."""
    return DigitClassifier(model, mode=mode)


def table(judged: dict[str, list[Judged]], models: Sequence[str]) -> list[str]:
    """Rows of a table, one a kind; first their mean, and the worst of each column."""
    sums = [sum(column[1:], column[0]) for column in zip(*judged.values(), strict=True)]
    worst = [min(one.likeliest / one.n for one in column) for column in zip(*judged.values(), strict=True)]
    return [
        f"| | {' | '.join(f'`{model}`: right | likeliest | wrong' for model in models)} |",
        f"|---|{'---|' * 3 * len(models)}",
        f"| **mean** | {' | '.join(one.cells() for one in sums)} |",
        f"| **worst kind** | {' | '.join(f' | {value:.1%} | ' for value in worst)} |",
        *(f"| {kind} | {' | '.join(one.cells() for one in row)} |" for kind, row in judged.items()),
    ]


if __name__ == "__main__":
    main()
