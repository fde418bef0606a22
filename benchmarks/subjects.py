"""Load what many benchmarks use, once a process: MNIST's images, and classifiers by model."""

from __future__ import annotations

from functools import lru_cache

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.data.sources import load_digit_set


@lru_cache
def load_mnist(split: str) -> LabelledDigits:
    """MNIST's test images (`test`), or its validation images (any other name); end the program without MNIST."""
    digits = load_digit_set()
    images = digits.test if split == "test" else digits.validation
    if images is None or images.name != "mnist":
        raise SystemExit("EDGE_MNIST_DATA must name the real MNIST")
    return images


@lru_cache
def open_classifier(model: str) -> DigitClassifier:
    """The classifier of a model, opened once."""
    return DigitClassifier(model)
