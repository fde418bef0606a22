"""Which 28 x 28 pixels the network reads as they are: by the four corners, or by the mode."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_runtime.reading.modes import READING_MODES, find_tensor, find_tensors
from edge_mnist_runtime.tensor import DARK

CORNERS = [(0, 0), (0, 27), (27, 0), (27, 27)]


def judged(image: np.ndarray, mode: str) -> bool:
    """What is said of one image alone; of it among others the same must be said."""
    alone = find_tensor(image.tobytes(), mode) is not None
    black = np.zeros((28, 28), np.uint8)
    batch = np.stack([black, image, black])[..., np.newaxis]
    assert (find_tensors(batch, mode) is not None) == alone
    return alone


@pytest.mark.parametrize("mode", ["auto", "mnist"])
def test_image_with_dark_corners_is_a_tensor(mode: str) -> None:
    image = np.full((28, 28), 255, np.uint8)
    assert not judged(image, mode)
    for corner in CORNERS:
        assert not judged(image, mode)
        image[corner] = DARK - 1
    assert judged(image, mode)
    for corner in CORNERS:
        brighter = image.copy()
        brighter[corner] = DARK
        assert not judged(brighter, mode), corner


def test_raw_takes_anything_and_photo_nothing() -> None:
    for level in (0, 255):
        image = np.full((28, 28), level, np.uint8)
        assert judged(image, "raw")
        assert not judged(image, "photo")


@pytest.mark.parametrize("mode", READING_MODES)
def test_no_images_hold_nothing_but_tensors(mode: str) -> None:
    assert (find_tensors(np.zeros((0, 28, 28, 1), np.uint8), mode) is not None) == (mode != "photo")
