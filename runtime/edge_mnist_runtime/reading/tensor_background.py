"""Take a raised, tilted or cloudy background away from tensors.

A grey-scale opening (Serra, 1982) by a square that is wider than any stroke gives the background. It is smoothed, and
subtracted. What is left is divided by the root of the range that the background leaves, and stretched. If the opening
took nothing that stands out, there is no ink, and the image becomes black.

A tensor on black keeps every byte: its opening is black.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import Floats, Levels, grey_closing, quantile_along, roughness
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import TENSOR, Pixels

BACKGROUND: Final = PICTURE_READING.tensor_background

WHITE: Final = np.uint8(255)


def take_background_away(images: Pixels) -> Pixels:
    """Subtract the background of every image that has one.

    Args:
        images: uint8, shape (N, 28, 28, 1), bright ink.

    Returns:
        uint8, shape (N, 28, 28, 1). Images on black are unchanged, byte for byte.
    """
    planes = images.reshape(TENSOR[:3])
    bright = np.flatnonzero(_border_fraction(planes) >= BACKGROUND.min_bright_border)
    if not bright.size:
        return images
    opened = _open(planes[bright])
    is_raised = opened.max((1, 2)) >= BACKGROUND.min_level
    changed, raised = planes.copy(), bright[is_raised]
    if raised.size:
        changed[raised] = _subtract(planes[raised], opened[is_raised])
    without: Pixels = changed.reshape(images.shape)
    return without


def take_light_background_away(image: Pixels) -> Pixels:
    """The same for dark ink: the background of an image, uint8, shape (28, 28), becomes white.

    The ink keeps its contrast: the fraction of the background's light that it takes away.
    """
    planes = WHITE - image[np.newaxis]
    ink = take_background_away(planes[..., np.newaxis])[..., 0]
    if np.array_equal(ink, planes):
        return image
    opened = _open(planes)
    contrast = _full_level((planes - opened) / np.maximum(WHITE - opened, PICTURE_READING.ground.darkest_level))
    ink = np.where(ink < BACKGROUND.min_level, 0, ink)  # the rest of a background is no soft edge
    without: Pixels = np.rint(WHITE - ink * contrast)[0].astype(np.uint8)
    return without


def has_bright_ink(image: Pixels) -> bool:
    """Whether the ink of an image, uint8, shape (1, 28, 28, 1), is brighter than its background.

    An opening takes bright strokes away, and widens dark ones; a closing does the opposite. What leaves the smoother
    background took the ink away. In most photographs both are rough, and no ink is found.
    """
    planes = image.reshape(TENSOR[:3])
    return roughness(_open(planes)) < BACKGROUND.max_roughness * roughness(
        grey_closing(planes, BACKGROUND.window_pixels)
    )


def _open(planes: Pixels) -> Pixels:
    """What an opening leaves of planes, shape (N, 28, 28): their background without bright strokes."""
    opened: Pixels = WHITE - grey_closing(WHITE - planes, BACKGROUND.window_pixels)
    return opened


def _border_fraction(planes: Pixels) -> npt.NDArray[np.float64]:
    """Fraction of each image's border pixels that are not black, shape (N,)."""
    fractions: npt.NDArray[np.float64] = (_borders(planes) > 0).mean(1)
    return fractions


def _borders(planes: Pixels) -> Pixels:
    """The border pixels of each image, shape (N, 108)."""
    borders: Pixels = np.concatenate((planes[:, 0], planes[:, -1], planes[:, 1:-1, 0], planes[:, 1:-1, -1]), axis=1)
    return borders


def _subtract(planes: Pixels, background: Pixels) -> Pixels:
    """Subtract backgrounds, smoothed, and stretch what is left; all of shape (N, 28, 28).

    White ink that covers a background loses the background's level; white ink that adds light loses none. The square
    root of the range that the background leaves lies between the two. Where the opening took less than the minimum
    contrast, there is no ink, and the image becomes black: smoothing leaves something of a background's steps.
    """
    is_blank = _full_level(planes - background) < BACKGROUND.min_contrast
    smooth = _SMOOTHING @ background.astype(np.float32) @ _SMOOTHING.T
    rest = np.maximum(planes - smooth, 0)
    rest /= np.sqrt(np.maximum(WHITE - smooth, BACKGROUND.min_range))
    rest *= np.where(is_blank, 0, 255 / np.maximum(_full_level(rest), 1e-6))  # a blank one may have 0
    pixels: Pixels = np.rint(np.minimum(rest, 255)).astype(np.uint8)
    return pixels


def _full_level(ink: Levels) -> Levels:
    """The level of full ink in images, shape (N, 28, 28); shape (N, 1, 1)."""
    levels: Levels = quantile_along(ink.reshape(len(ink), -1), BACKGROUND.full_quantile)[..., np.newaxis]
    return levels


def _gaussian_weights(n: int, sigma: float) -> Floats:
    """Weights that smooth along one axis, shape (n, n), as if the values went on beyond both ends.

    They go on as they came, but turned over (odd reflection), so that an evenly tilted background stays as it is.
    """
    reach = 4 * int(np.ceil(sigma))
    positions = np.arange(-reach, n + reach)
    weights = np.exp(-0.5 * ((np.arange(n)[:, np.newaxis] - positions) / sigma) ** 2)
    weights /= weights.sum(1, keepdims=True)
    ends = np.clip(positions, 0, n - 1)
    is_beyond = (positions != ends)[:, np.newaxis]
    inside: Floats = np.zeros((n, n), np.float32)
    np.add.at(inside.T, ends, weights.T * (1 + is_beyond))
    np.subtract.at(inside.T, 2 * ends - positions, weights.T * is_beyond)
    return inside


_SMOOTHING: Final = _gaussian_weights(TENSOR[1], BACKGROUND.smoothing_sigma)
