"""Digits as a report shows them: what was read wrong, and what training images look like."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.batches import distort
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.report.web_page import show_picture

MOST_MISTAKES: Final = 24
"""Mistakes that are shown."""

SAMPLES: Final = 12
"""Training images that are shown: of each digit the first, and the second of some."""

VIEWS: Final = 5
"""Distorted views of each of them."""

GAP_PIXELS: Final = 2
"""Between the views of one image."""


@dataclass(frozen=True)
class Mistake:
    """An image that was read wrong."""

    index: int
    """Its place in the split, from 0."""
    label: int
    answer: int
    answer_probability: float
    """What the network gave the answer, in 0..1."""
    label_probability: float
    """What it gave the label, in 0..1."""


def find_mistakes(labels: npt.NDArray[np.uint8], probabilities: npt.NDArray[np.floating]) -> list[Mistake]:
    """Every image that was read wrong, the most confident wrong answer first.

    Args:
        labels: uint8, shape (N,).
        probabilities: Of each digit, shape (N, 10).
    """
    found = probabilities.argmax(axis=1)
    mistakes = [
        Mistake(
            int(index),
            int(labels[index]),
            int(found[index]),
            float(probabilities[index, found[index]]),
            float(probabilities[index, labels[index]]),
        )
        for index in np.flatnonzero(found != labels)
    ]
    return sorted(mistakes, key=lambda mistake: -mistake.answer_probability)


def show_mistakes(digits: LabelledDigits, probabilities: npt.NDArray[np.floating]) -> str:
    """The worst mistakes as pictures with their probabilities, as HTML."""
    mistakes = find_mistakes(digits.labels, probabilities)
    if not mistakes:
        return f"<p>There are no mistakes: all {len(digits):,} validation images are read right.</p>"
    shown = mistakes[:MOST_MISTAKES]
    number = "1 image is" if len(mistakes) == 1 else f"{len(mistakes):,} images are"
    worst = f" These are the {len(shown)} most confident mistakes." if len(shown) < len(mistakes) else ""
    return (
        f"<p>{number} read wrong.{worst} The number of an image is its place in the validation split, from 0.</p>"
        + "<div class='mistakes'>"
        + "".join(_show_mistake(mistake, digits.images[mistake.index]) for mistake in shown)
        + "</div>"
    )


def _show_mistake(mistake: Mistake, image: npt.NDArray[np.uint8]) -> str:
    title = f"label {mistake.label}, read as {mistake.answer}"
    return (
        f"<figure>{show_picture(image, f'Validation image {mistake.index}: {title}')}"
        f"<figcaption><b>{title}</b>{mistake.answer}: {mistake.answer_probability:.1%}, "
        f"{mistake.label}: {mistake.label_probability:.1%}<br>image {mistake.index}</figcaption></figure>"
    )


def show_samples(digits: LabelledDigits, record: dict[str, Any]) -> str:
    """Training images as they are and as the network saw them, as HTML.

    Args:
        digits: The training split.
        record: The content of run.json; a run with a transfer set learnt from the distortions of that.
    """
    lessons = record["transfer_set"]
    settings = lessons or record["config"]
    augmentation = TrainingConfig.from_dict({**record["config"], "augmentation": settings["augmentation"]}).augmentation
    chosen = _choose_samples(digits.labels)
    rng = np.random.default_rng(record["config"]["seed"])
    figures = []
    for image, label in zip(digits.images[chosen], digits.labels[chosen], strict=True):
        views = _show_views(image, augmentation, rng) if augmentation else ""
        original = show_picture(image, f"A training image of a {label}, as it is")
        figures.append(f"<figure>{original}{views}</figure>")
    return f"{_explain_samples(augmentation, lessons)}<div class='samples'>{''.join(figures)}</div>"


def _choose_samples(labels: npt.NDArray[np.uint8]) -> npt.NDArray[np.intp]:
    """The first image of each digit, then the second of each: own digits may come sorted."""
    turns = np.zeros(len(labels), np.intp)
    for digit in range(10):
        places = np.flatnonzero(labels == digit)
        turns[places] = np.arange(len(places))
    return np.lexsort((labels, turns))[:SAMPLES]


def _show_views(image: npt.NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator) -> str:
    views = distort(np.repeat(image[np.newaxis], VIEWS, axis=0), augmentation, rng)[..., 0]
    side = views.shape[1]
    strip = np.zeros((VIEWS * (side + GAP_PIXELS) - GAP_PIXELS, side, 2), np.uint8)  # grey and opacity
    for number, view in enumerate(views):
        top = number * (side + GAP_PIXELS)
        strip[top : top + side] = np.stack([view, np.full_like(view, 255)], axis=2)
    return show_picture(strip, f"{VIEWS} distorted views of it")


def _explain_samples(augmentation: Augmentation | None, lessons: dict[str, Any] | None) -> str:
    sentences = []
    if lessons:
        n_teachers = len(lessons["teachers"])
        whose = "one teacher's answers" if n_teachers == 1 else f"{n_teachers} teachers' answers"
        sentences.append(f"It learnt from {whose} to distorted images, not from labels.")
    if not augmentation:
        sentences.append("Trained on undistorted images.")
        return f"<p>{' '.join(sentences)}</p>"
    anew = "" if lessons else "; each epoch draws new ones"
    sentences.append(f"Training images as they are and, under each, {VIEWS} views of it as training sees them{anew}.")
    if augmentation.corrupted_part:
        sentences.append(f"{augmentation.corrupted_part:.0%} of the views are made poor pictures, too.")
    if augmentation.printed_part:
        sentences.append(
            f"{augmentation.printed_part:.0%} of an epoch's images are printed digits, distorted alike; not shown here."
        )
    return f"<p>{html.escape(' '.join(sentences), quote=False)}</p>"
