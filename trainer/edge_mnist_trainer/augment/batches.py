"""Make shuffled batches of training images, distorted again in each epoch, repeatable by seed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.disturbances import draw_corrupted
from edge_mnist_trainer.augment.fonts import render_digits
from edge_mnist_trainer.augment.negatives import NO_DIGIT, draw_training_no_digits
from edge_mnist_trainer.augment.pen_drawings import draw_school_digits
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.augment.strokes import draw_other_hands
from edge_mnist_trainer.augment.warps import draw_affine_maps, draw_elastic_fields, warp

PRINTED_VARIANTS: Final = 16
"""Pictures of each digit in each training face, before they are distorted like any other image."""

DRAWN_VARIANTS: Final = 50
"""Number of drawings of each digit in each handwriting style of `strokes.py`."""

SCHOOL_DIGITS: Final = 14_000
"""Number of drawings in the forms of `school_forms.py`, by all pens."""

NO_DIGIT_PICTURES: Final = 16_000
"""Number of negatives."""

TARGETS: Final = np.vstack([np.eye(10), np.full(10, 0.1)]).astype(np.float32)
"""Target probabilities of each label, float32, shape (11, 10); equal for all digits for `NO_DIGIT`."""


@dataclass(frozen=True)
class PixelBatch:
    """A batch of distorted images, uint8, shape (B, 28, 28, 1), with their labels."""

    images: npt.NDArray[np.uint8]
    """What the network is shown."""
    undisturbed: npt.NDArray[np.uint8]
    """The same images before the disturbance that some of them have."""
    labels: npt.NDArray[np.uint8]
    """Shape (B,): 0..9, or `NO_DIGIT`."""


class SeededBatches(keras.utils.PyDataset):  # type: ignore[misc]  # keras ships no types
    """Shuffled batches. The order in an epoch depends only on the seed and the epoch's number."""

    _order: npt.NDArray[np.intp]

    def __init__(self, *, batch_size: int, seed: int) -> None:
        super().__init__()
        self._batch_size, self._seed, self._epoch = batch_size, seed, 0

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._batch_size)

    def on_epoch_end(self) -> None:
        """Shuffle for the next epoch."""
        self.skip_epochs(1)

    def skip_epochs(self, n_epochs: int) -> None:
        """Advance the shuffle by `n_epochs` epochs."""
        self._epoch += n_epochs
        self._shuffle()

    def _shuffle(self) -> None:
        raise NotImplementedError

    def _chosen(self, index: int) -> npt.NDArray[np.intp]:
        """Indices of the images in batch `index`."""
        return self._order[index * self._batch_size : (index + 1) * self._batch_size]


class DistortedBatches(SeededBatches):
    """Batches of shuffled digits, distorted anew in each epoch, repeatable by seed."""

    def __init__(
        self, digits: LabelledDigits, augmentation: Augmentation | None, *, batch_size: int, seed: int
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self._augmentation = augmentation
        self._images, self._labels, self._n_written = digits.images, digits.labels, len(digits)
        self._added: list[tuple[int, int, int]] = []  # first index, end, number in an epoch
        if augmentation:
            rest = 1 - augmentation.printed_part - augmentation.drawn_part - augmentation.no_digit_part
            if augmentation.printed_part:
                printed = render_digits("train", variants=PRINTED_VARIANTS, varied=True)
                self._add(printed.images, printed.labels, round(len(digits) * augmentation.printed_part / rest))
            if augmentation.drawn_part:
                drawn = (draw_other_hands(DRAWN_VARIANTS, seed=0), draw_school_digits(SCHOOL_DIGITS, seed=0))
                images, labels = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
                self._add(images, labels, round(len(digits) * augmentation.drawn_part / rest))
            if augmentation.no_digit_part:
                images = draw_training_no_digits(NO_DIGIT_PICTURES, seed=0)
                labels = np.full(len(images), NO_DIGIT, np.uint8)
                self._add(images, labels, round(len(digits) * augmentation.no_digit_part / rest))
        self._shuffle()

    @property
    def n_images(self) -> int:
        """Number of images in an epoch: the digits and the generated images."""
        return len(self._order)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Batch `index`: images float32 (B, 28, 28, 1) in 0..1, target probabilities float32 (B, 10)."""
        batch = self.pixels(index)
        return batch.images / np.float32(255), TARGETS[batch.labels]

    def pixels(self, index: int) -> PixelBatch:
        """Batch `index` in whole grey levels, as a device would see them."""
        chosen = self._chosen(index)
        rng = np.random.default_rng((self._seed, self._epoch, index))
        images = undisturbed = self._images[chosen]
        if self._augmentation:
            undisturbed = deform(images, self._augmentation, rng)
            images = disturb(undisturbed, self._augmentation, rng)
        return PixelBatch(images, undisturbed, self._labels[chosen])

    def made(self, index: int) -> npt.NDArray[np.bool_]:
        """Which images of batch `index` the project generated, bool, shape (B,). Their labels are certain."""
        return self._chosen(index) >= self._n_written

    def _add(self, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8], n_in_epoch: int) -> None:
        start = len(self._labels)
        self._images = np.concatenate([self._images, images])
        self._labels = np.concatenate([self._labels, labels])
        self._added.append((start, len(self._labels), n_in_epoch))

    def _shuffle(self) -> None:
        rng = np.random.default_rng((self._seed, self._epoch))
        drawn = [rng.integers(start, end, n_in_epoch) for start, end, n_in_epoch in self._added]
        self._order = rng.permutation(np.concatenate([np.arange(self._n_written), *drawn]))


def distort(
    images: npt.NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Deform each image at random, then disturb some.

    Args:
        images: uint8, shape (N, 28, 28, 1).
        augmentation: How far.
        rng: Decides everything.

    Returns:
        uint8, shape (N, 28, 28, 1): whole grey levels, as a device sees them.
    """
    return disturb(deform(images, augmentation, rng), augmentation, rng)


def deform(
    images: npt.NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Rotate, scale, shear, shift and bend each image at random; arrays as in `distort`."""
    maps = draw_affine_maps(len(images), augmentation.affine, rng)
    fields = None
    if augmentation.elastic_pixels:
        fields = draw_elastic_fields(len(images), augmentation.elastic_pixels, rng)
    deformed: npt.NDArray[np.uint8] = np.rint(warp(images, maps, fields)).astype(np.uint8)
    return deformed


def disturb(
    images: npt.NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """Give some images one corruption each; arrays as in `distort`."""
    if not augmentation.corrupted_part:
        return images
    disturbed: npt.NDArray[np.uint8] = images.copy()
    chosen = np.flatnonzero(rng.random(len(images)) < augmentation.corrupted_part)
    disturbed[chosen] = draw_corrupted(disturbed[chosen], rng)
    return disturbed
