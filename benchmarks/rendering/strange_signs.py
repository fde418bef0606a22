"""What is no digit, as strangers publish it: letters by hand, two digits in one tensor, pieces of photographs.

Letters are the middle lines of printed ones, bent and drawn by a pen, in families that train nothing; training draws
its written letters from points of its own (`letter_forms.py`). The photographs are the two that scikit-learn brings,
one for development and one for final figures.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.rendering.papers import encode_jpeg
from benchmarks.rendering.pens import shape_from_font
from benchmarks.rendering.stranger_drawing import Shown, Split, cover, paint
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.fonts import FontFace, font_faces
from edge_mnist_trainer.augment.letter_forms import GREEK
from edge_mnist_trainer.augment.negatives import GREEK_FAMILIES

LOOKALIKES: Final = "aurtceLhndfyVFACUPRk"
"""Letters that a hurried hand makes like digits, and that are none."""

GREEK_LETTERS: Final = "".join(GREEK)

PHOTOGRAPHS: Final[dict[Split, str]] = {"validation": "china.jpg", "test": "flower.jpg"}


@dataclass(frozen=True)
class Signs:
    """What signs are made of."""

    rng: np.random.Generator
    split: Split
    digits: LabelledDigits | None
    """MNIST's digits of that split, for pairs; the project's own if None."""


Draw = Callable[[Signs], Shown]


def take_signs(
    per_kind: int, *, seed: int, split: Split, digits: LabelledDigits, kinds: tuple[str, ...] = ()
) -> Iterator[tuple[Shown, str]]:
    """Render pictures of what is no digit, each with its kind.

    Args:
        per_kind: Pictures of each kind.
        seed: Of everything; a kind's pictures do not depend on which others are rendered.
        split: Whose fonts and photograph are used.
        digits: MNIST's digits of that split.
        kinds: Keys of `SIGNS`; all if empty.
    """
    for kind in kinds or tuple(SIGNS):
        for number in range(per_kind):
            rng = np.random.default_rng((seed, 5000 + list(SIGNS).index(kind), number))
            yield SIGNS[kind](Signs(rng, split, digits)), kind


def _latin(by: Signs) -> Shown:
    return _written(LOOKALIKES, font_faces(by.split), by)


def _greek(by: Signs) -> Shown:
    return _written(GREEK_LETTERS, _greek_faces(by.split), by)


@cache
def _greek_faces(split: Split) -> tuple[FontFace, ...]:
    return tuple(face for face in font_faces("validation") if face.family in GREEK_FAMILIES[split])


def _written(letters: str, faces: tuple[FontFace, ...], by: Signs) -> Shown:
    """A letter by a pen: a drawing, or a tensor that is shrunk from one."""
    rng, letter, side = by.rng, letters[by.rng.integers(len(letters))], int(by.rng.integers(80, 400))
    shape = shape_from_font(faces[rng.integers(len(faces))], letter, rng, has_outline=False)
    pixels = side * rng.uniform(0.5, 0.7)
    ink = cover(shape, (side, side), (side / 2, side / 2), pixels, pixels * rng.uniform(0.04, 0.14))
    if rng.random() < 0.5:
        return paint(ink, rng)
    small = Image.fromarray(np.rint(255 * ink).astype(np.uint8)).resize((28, 28), Image.Resampling.BOX)
    return np.asarray(small)


def _photograph(by: Signs) -> Shown:
    """A square of a photograph, 28 to 200 pixels a side."""
    rng, whole = by.rng, _open_photograph(by.split)
    side = int(np.exp(rng.uniform(np.log(40), np.log(min(whole.size)))))
    left, top = (int(rng.integers(0, length - side + 1)) for length in whole.size)
    to = int(np.exp(rng.uniform(np.log(28), np.log(200))))
    piece = whole.crop((left, top, left + side, top + side)).resize((to, to), Image.Resampling.BOX)
    return encode_jpeg(piece, int(rng.integers(70, 95)))


def _photograph_tensor(by: Signs) -> Shown:
    """A square of a photograph as a grey tensor, white on black as it comes."""
    rng, whole = by.rng, _open_photograph(by.split)
    side = int(np.exp(rng.uniform(np.log(28), np.log(min(whole.size)))))
    left, top = (int(rng.integers(0, length - side + 1)) for length in whole.size)
    piece = whole.crop((left, top, left + side, top + side)).convert("L").resize((28, 28), Image.Resampling.BOX)
    return np.asarray(piece)


@cache
def _open_photograph(split: Split) -> Image.Image:
    from sklearn.datasets import load_sample_image

    return Image.fromarray(load_sample_image(PHOTOGRAPHS[split]))


def _two_in_a_tensor(by: Signs) -> Shown:
    """Two of MNIST's digits side by side in one tensor, as tall as they fit."""
    if by.digits is None:
        raise ValueError("two digits in a tensor need MNIST")
    rng, tensor = by.rng, np.zeros((28, 28), np.uint8)
    room, gap = int(rng.integers(22, 29)), int(rng.integers(0, 4))
    widths = (room - gap) // 2
    height = int(rng.integers(14, 23))
    left = (28 - 2 * widths - gap) // 2
    for number in range(2):
        image = by.digits.images[rng.integers(len(by.digits)), :, :, 0]
        small = _fit(image, height, widths)
        top = (28 - small.shape[0]) // 2 + int(rng.integers(-1, 2))
        at = left + number * (widths + gap) + (widths - small.shape[1]) // 2
        tensor[top : top + small.shape[0], at : at + small.shape[1]] = small
    return tensor


def _fit(image: Pixels, height: int, width: int) -> Pixels:
    """The ink of a digit, as large as it may be in a box."""
    rows, columns = np.flatnonzero(image.any(1)), np.flatnonzero(image.any(0))
    ink = Image.fromarray(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    scale = min(height / ink.height, width / ink.width)
    size = (max(1, round(ink.width * scale)), max(1, round(ink.height * scale)))
    return np.asarray(ink.resize(size, Image.Resampling.BICUBIC))


SIGNS: Final[dict[str, Draw]] = {
    "written lookalike letters": _latin,
    "written Greek letters": _greek,
    "pieces of photographs": _photograph,
    "pieces of photographs, tensors": _photograph_tensor,
    "two digits in one tensor": _two_in_a_tensor,
}
"""Every kind by name. Seeds follow from the order."""
