"""Measure accuracy on rendered photographs, scans and drawings: writes docs/results/pictures.md.

    python -m benchmarks.pictures [--per-digit N] [--processes N] [MODEL ...]

MODEL is anything that `edge-mnist classify --model` accepts. `SETS` lists the sets of pictures. Those with MNIST's
digits as ink need `EDGE_MNIST_DATA` and are skipped without it. No rendered picture of MNIST's digits is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.rendering.pens import DigitShape, shape_from_image
from benchmarks.rendering.photographs import DEVELOPMENT_SEED, FINAL_SEED, Photograph, take_photographs
from benchmarks.rendering.picture_kinds import KINDS
from benchmarks.subjects import load_mnist, open_classifier
from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.dataset import find_mnist_folder
from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Source = Literal["own", "mnist"]
READINGS = ("mnist", "photo", "auto", "true ink")

HEAD = f"""# Accuracy on rendered photographs, scans and drawings

Written by `benchmarks/pictures.py`: fraction of rendered JPEG and PNG files whose top-1 digit is right, with the int8
ONNX files inside the package. Picture reading version {PICTURE_READING.version}.

| column | reading mode |
|---|---|
| `mnist` | the plain pipeline of version 1: median of the border, one threshold, bounding box, centre of mass |
| `photo` | separates background, lines and ink |
| `auto` | the default: `photo`, except for clean drawings and tensors |
| `true ink` | upper bound: the network reads the ink that the renderer drew |

The development seed was used to choose the rules of picture reading. The final seed was rendered only for this page.
The two are not independent. They share the renderer, the handwriting styles of `strokes.py`, on which `robust` was
trained, and the test fonts of `fonts.py`. These fonts were not used for training, but were seen during development.

**These pictures are rendered. No real photographs were available**, so this page does not show how well photographs
from other people are read.
"""


@dataclass(frozen=True)
class PictureSet:
    """A set of pictures to render."""

    title: str
    source: Source
    seed: int
    split: Literal["validation", "test"]
    """Split of MNIST that the ink is from, if `source` is `mnist`."""


SETS = (
    PictureSet("drawn digits and unseen fonts, development seed", "own", DEVELOPMENT_SEED, "validation"),
    PictureSet("MNIST's validation digits as ink, development seed", "mnist", DEVELOPMENT_SEED, "validation"),
    PictureSet("drawn digits and unseen fonts, final seed", "own", FINAL_SEED, "test"),
    PictureSet("MNIST's test digits as ink, final seed", "mnist", FINAL_SEED, "test"),
)


def main() -> None:
    """Render and classify every set and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["robust", "edge"])
    parser.add_argument("--per-digit", type=int, default=5)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    sets = [one for one in SETS if one.source == "own" or find_mnist_folder(None)]
    page = [HEAD]
    with ProcessPoolExecutor(options.processes) as pool:
        for picture_set in sets:
            judge = partial(judge_kind, picture_set, per_digit=options.per_digit, models=tuple(options.models))
            right = dict(zip(KINDS, pool.map(judge, KINDS), strict=True))
            page += _table(picture_set, right, options.models, 10 * options.per_digit)
            print("\n".join(page[-len(KINDS) - 6 :]))
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "pictures.md").write_text("\n".join([*page, ""]))


def judge_kind(picture_set: PictureSet, kind: str, *, per_digit: int, models: tuple[str, ...]) -> list[int]:
    """Count the pictures of one kind that are read right, for each reading mode and each model."""
    tensors, labels = _read_kind(picture_set, kind, per_digit)
    right = []
    for reading in READINGS:
        for model in models:
            predictions = [one.digit for one in open_classifier(model).predict_batch(tensors[reading])]
            right.append(int((np.array(predictions) == labels).sum()))
    return right


def _read_kind(picture_set: PictureSet, kind: str, per_digit: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    photographs = list(_render(picture_set, kind, per_digit))
    tensors = {reading: np.stack([_read(photograph, reading) for photograph in photographs]) for reading in READINGS}
    return tensors, np.array([photograph.label for photograph in photographs])


def _render(picture_set: PictureSet, kind: str, per_digit: int) -> Iterator[Photograph]:
    make_shape = partial(_mnist_shape, split=picture_set.split) if picture_set.source == "mnist" else None
    return take_photographs(per_digit, seed=picture_set.seed, kinds=(kind,), make_shape=make_shape)


def _mnist_shape(digit: int, rng: np.random.Generator, has_outline: bool, *, split: str) -> DigitShape:
    digits = load_mnist(split)
    index = rng.choice(np.flatnonzero(digits.labels == digit))
    return shape_from_image(digits.images[index, :, :, 0], has_outline=has_outline)


def _read(photograph: Photograph, reading: str) -> np.ndarray:
    """Read a photograph as a tensor. A picture that is refused becomes black, so it nearly always counts as wrong."""
    try:
        if reading == "true ink":
            return normalise_ink(np.rint(255 * photograph.ink).astype(np.uint8))
        return to_pixels(photograph.data, reading).reshape(28, 28)  # type: ignore[arg-type]
    except PictureError:
        return np.zeros((28, 28), np.uint8)


def _table(picture_set: PictureSet, right: dict[str, list[int]], models: list[str], n_each: int) -> list[str]:
    columns = [f"{reading}, `{model}`" for reading in READINGS for model in models]
    totals = np.sum(list(right.values()), axis=0)
    lined = [values for kind, values in right.items() if "lined" in kind or "squared" in kind or "lines" in kind]
    rows = [
        ("**all**", totals, n_each * len(right)),
        ("**lined and squared paper**", np.sum(lined, axis=0), n_each * len(lined)),
        *((kind, values, n_each) for kind, values in right.items()),
    ]
    return [
        f"## {picture_set.title[0].upper()}{picture_set.title[1:]}",
        f"{n_each * len(right):,} pictures, {n_each} of each kind.\n",
        f"| kind | {' | '.join(columns)} |",
        f"|---|{'---|' * len(columns)}",
        *(f"| {name} | {' | '.join(f'{value / n:.1%}' for value in values)} |" for name, values, n in rows),
        "",
    ]


if __name__ == "__main__":
    main()
