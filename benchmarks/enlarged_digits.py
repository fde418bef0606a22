"""Measure accuracy on enlarged MNIST digits: writes docs/results/enlarged-digits.md.

    python -m benchmarks.enlarged_digits [--split validation] [--images N] [--processes N] [--model MODEL]

Notebooks, screenshots and apps save digits enlarged, light on dark or dark on light. Here Pillow enlarges MNIST's
digits, and the classifier reads them as Pillow images in the default mode. `EDGE_MNIST_DATA` must name MNIST. Use the
validation images for choices; the page in docs/results is of the test images.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from benchmarks.subjects import load_mnist, open_classifier
from edge_mnist_runtime import DigitClassifier, Prediction
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.reading.parameters import PICTURE_READING

SIDES = (56, 112, 280, 403, 800)
KERNELS = ("nearest", "bilinear", "bicubic")
MOVED_FRAME = 40
"""Side, in pixels, of the frame in which digits are moved before they are enlarged."""

HEAD = """# Accuracy on enlarged MNIST digits

Written by `benchmarks/enlarged_digits.py`: {n:,} of MNIST's {split} images (every {step}th), enlarged by Pillow to
square pictures and read by the int8 ONNX file of `{model}` inside the package. Picture reading version {version}.

| column | meaning |
|---|---|
| right | accepted with the right digit |
| wrong | accepted with another digit; all other pictures are rejected |

The original 28 x 28 tensors give {right:.2%} right and {wrong:.2%} wrong. This is the upper bound for enlarged digits.
"""

MOVED_HEAD = """## Moved digits

The same digits, at a random position in a frame of {frame} x {frame} pixels, which was then enlarged. The classifier
treats these as clean drawings with soft edges: it finds the digit and normalises its size and position as in MNIST.
"""


FIGURES_STEP = 4
"""Figures are drawn of every fourth digit, because matplotlib takes 50 ms for one."""

FIGURES_HEAD = """## Digits in a margin

Every {step}th of the same digits in a white margin, as in saved figures. matplotlib: 640 x 480 pixels, `imshow` and
`savefig`.

| picture | right | wrong |
|---|---|---|"""


@dataclass(frozen=True)
class Enlargement:
    """One way to enlarge digits."""

    kernel: str
    side: int
    inverted: bool
    moved: bool = False

    def draw(self, digit: np.ndarray, rng: np.random.Generator) -> Image.Image:
        """Enlarge a digit, uint8, shape (28, 28)."""
        if self.moved:
            rows, columns = (np.flatnonzero(digit.any(axis)) for axis in (1, 0))
            ink = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            digit = np.zeros((MOVED_FRAME, MOVED_FRAME), np.uint8)
            top, left = (int(rng.integers(1, MOVED_FRAME - side)) for side in ink.shape)
            digit[top : top + ink.shape[0], left : left + ink.shape[1]] = ink
        picture = Image.fromarray(255 - digit if self.inverted else digit)
        return picture.resize((self.side, self.side), Image.Resampling[self.kernel.upper()])


def in_margin(pixels: int) -> Callable[[np.ndarray], Image.Image]:
    """Make a function that draws a digit, light on dark, 280 x 280 pixels, in a white margin."""
    return lambda digit: ImageOps.expand(
        Image.fromarray(digit).resize((280, 280), Image.Resampling.BICUBIC), pixels, 255
    )


def as_figure(colours: str, *, axes: bool = False) -> Callable[[np.ndarray], Image.Image]:
    """Make a function that draws a digit as matplotlib saves it."""

    def draw(digit: np.ndarray) -> Image.Image:
        from matplotlib.figure import Figure

        figure, file = Figure(), io.BytesIO()
        plot = figure.add_subplot()
        plot.imshow(digit, cmap=colours)
        if not axes:
            plot.axis("off")
        figure.savefig(file)
        return Image.open(file)

    return draw


FIGURES = {
    "white margin of 20 pixels": in_margin(20),
    "white margin of 60 pixels": in_margin(60),
    "matplotlib, `gray`, `axis('off')`": as_figure("gray"),
    "matplotlib, `gray_r`, `axis('off')`": as_figure("gray_r"),
    "matplotlib, `gray`, with axes": as_figure("gray", axes=True),
}


def main() -> None:
    """Enlarge and read the digits in every way and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("validation", "test"), default="test")
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--model", default="robust")
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    digits, step = _digits(options.split, options.images)
    right, wrong = judge(DigitClassifier(options.model).predict_batch(digits.images), digits.labels)
    page = [
        HEAD.format(
            n=len(digits),
            split=options.split,
            step=step,
            model=options.model,
            version=PICTURE_READING.version,
            right=right,
            wrong=wrong,
        )
    ]
    with ProcessPoolExecutor(options.processes) as pool:
        read = partial(judge_enlargement, split=options.split, n_images=options.images, model=options.model)
        page += _table(pool.map(read, _ways(moved=False)), moved=False)
        page += ["", MOVED_HEAD.format(frame=MOVED_FRAME)]
        page += _table(pool.map(read, _ways(moved=True)), moved=True)
        page += ["", FIGURES_HEAD.format(step=step * FIGURES_STEP)]
        drawn = partial(judge_figures, split=options.split, n_images=options.images, model=options.model)
        for name, figures in zip(FIGURES, pool.map(drawn, FIGURES), strict=True):
            page.append(f"| {name} | {_cells(figures)} |")
    print("\n".join(page))
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "enlarged-digits.md").write_text("\n".join([*page, ""]))


def _ways(*, moved: bool) -> list[Enlargement]:
    return [
        Enlargement(kernel, side, inverted, moved) for kernel in KERNELS for side in SIDES for inverted in (False, True)
    ]


def judge_enlargement(way: Enlargement, *, split: str, n_images: int, model: str) -> tuple[float, float]:
    """Read all digits enlarged in one way; return what `judge` returns."""
    digits, _ = _digits(split, n_images)
    rng = np.random.default_rng(0)
    pictures = (way.draw(image[..., 0], rng) for image in digits.images)
    return judge(list(open_classifier(model).predict_stream(pictures)), digits.labels)


def judge_figures(name: str, *, split: str, n_images: int, model: str) -> tuple[float, float]:
    """Read all digits drawn as one of `FIGURES`; return what `judge` returns."""
    digits, _ = _digits(split, n_images)
    images, labels = digits.images[::FIGURES_STEP], digits.labels[::FIGURES_STEP]
    pictures = (FIGURES[name](image[..., 0]) for image in images)
    return judge(list(open_classifier(model).predict_stream(pictures)), labels)


def judge(predictions: Sequence[Prediction], labels: np.ndarray) -> tuple[float, float]:
    """Return the fractions of predictions that are right, and that are wrong but accepted."""
    right = sum(prediction.digit == label for prediction, label in zip(predictions, labels, strict=True))
    named = sum(prediction.digit is not None for prediction in predictions)
    return right / len(labels), (named - right) / len(labels)


@lru_cache
def _digits(split: str, n_images: int) -> tuple[LabelledDigits, int]:
    """Return about `n_images` evenly spaced images of a split, and their step."""
    images = load_mnist(split)
    step = max(1, len(images) // n_images)
    return images.take(np.arange(0, len(images), step), split), step


def _table(judged: Iterable[tuple[float, float]], *, moved: bool) -> list[str]:
    figures = dict(zip(_ways(moved=moved), judged, strict=True))
    mean = np.mean(list(figures.values()), axis=0)
    return [
        "| enlarged to | light on dark: right | wrong | dark on light: right | wrong |",
        "|---|---|---|---|---|",
        f"| **all, mean** of both | {mean[0]:.2%} | {mean[1]:.2%} | | |",
        *(
            f"| {side} x {side}, {kernel} | {_cells(figures[Enlargement(kernel, side, False, moved)])} | "
            f"{_cells(figures[Enlargement(kernel, side, True, moved)])} |"
            for kernel in KERNELS
            for side in SIDES
        ),
    ]


def _cells(figures: tuple[float, float]) -> str:
    return " | ".join(f"{figure:.2%}" for figure in figures)


if __name__ == "__main__":
    main()
