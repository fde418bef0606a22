"""Ten corruptions of digits, as by cameras, scanners and unusual pens, each with three severities.

After Mu and Gilmer, "MNIST-C: A Robustness Benchmark for Computer Vision" (2019), written anew. Every function takes
and gives float32 images, shape (N, 28, 28), in 0..255, bright ink on black, and one strength for each image.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.augment.warps import Floats, affine_maps, warp

SIDE: Final = PREPROCESS.side_pixels

Corrupt = Callable[[Floats, Floats, np.random.Generator], Floats]
"""From images (N, 28, 28) and strengths (N,) to images (N, 28, 28)."""


@dataclass(frozen=True)
class Corruption:
    """One kind of corruption."""

    apply: Corrupt
    severities: tuple[float, float, float]
    """Strengths from mild to hard, as evaluations use them."""
    unit: str
    """What a strength is."""


def apply_corruption(
    images: npt.NDArray[np.uint8],
    corruption: Corruption,
    strengths: npt.NDArray[np.floating],
    rng: np.random.Generator,
) -> npt.NDArray[np.uint8]:
    """Corrupt images.

    Args:
        images: uint8, shape (N, 28, 28, 1).
        corruption: The kind.
        strengths: Shape (N,), in the corruption's unit.
        rng: Draws signs, positions and noise.

    Returns:
        uint8, shape (N, 28, 28, 1).
    """
    spoiled = corruption.apply(images[..., 0].astype(np.float32), strengths.astype(np.float32), rng)
    pixels: npt.NDArray[np.uint8] = np.clip(np.rint(spoiled), 0, 255).astype(np.uint8)[..., np.newaxis]
    return pixels


def corrupt_digits(digits: LabelledDigits, name: str, *, seed: int = 0) -> LabelledDigits:
    """All of `digits` with one corruption: a third of them at each severity."""
    severities = np.resize(np.array(CORRUPTIONS[name].severities), len(digits))
    rng = np.random.default_rng((seed, len(name), len(digits)))
    images = apply_corruption(digits.images, CORRUPTIONS[name], severities, rng)
    return LabelledDigits(f"{digits.name}, {name}", digits.split, images, digits.labels)


def _blur(images: Floats, sigma_pixels: Floats, _rng: np.random.Generator) -> Floats:
    offsets = np.arange(SIDE, dtype=np.float32)[:, np.newaxis] - np.arange(SIDE, dtype=np.float32)
    weights = np.exp(-((offsets / np.maximum(sigma_pixels, 0.1)[:, np.newaxis, np.newaxis]) ** 2) / 2)
    weights /= weights.sum(axis=2, keepdims=True)
    blurred: Floats = weights @ images @ weights.transpose(0, 2, 1)
    return blurred


def _low_resolution(images: Floats, steps_coarser: Floats, _rng: np.random.Generator) -> Floats:
    matrices = [_coarsening(SIDE - round(float(steps))) for steps in steps_coarser]
    coarse = np.array(matrices, np.float32).reshape(-1, SIDE, SIDE)  # also for no image
    coarsened: Floats = np.rint(coarse @ images @ coarse.transpose(0, 2, 1) / 16) * np.float32(16)
    return coarsened


@lru_cache(maxsize=SIDE)
def _coarsening(n_pixels: int) -> Floats:
    """Matrix (28, 28) that averages onto `n_pixels` pixels and interpolates linearly back."""
    edges = np.linspace(0, SIDE, n_pixels + 1)
    starts, ends = edges[:-1, np.newaxis], edges[1:, np.newaxis]
    pixels = np.arange(SIDE)
    overlap = np.clip(np.minimum(ends, pixels + 1) - np.maximum(starts, pixels), 0, None)  # (n_pixels, 28)
    down = overlap / overlap.sum(axis=1, keepdims=True)
    centres = (edges[:-1] + edges[1:]) / 2
    up = np.stack([np.interp(pixels + 0.5, centres, row) for row in np.eye(n_pixels)], axis=1)  # (28, n_pixels)
    matrix: Floats = (up @ down).astype(np.float32)
    return matrix


def _noise(images: Floats, deviation: Floats, rng: np.random.Generator) -> Floats:
    noise = rng.standard_normal(images.shape, dtype=np.float32)
    noisy: Floats = np.clip(images + np.maximum(deviation, 0)[:, np.newaxis, np.newaxis] * noise, 0, 255)
    return noisy


def _contrast(images: Floats, lost_part: Floats, rng: np.random.Generator) -> Floats:
    kept = (1 - np.clip(lost_part, 0, 1))[:, np.newaxis, np.newaxis]
    ground = rng.uniform(0, 0.2, (len(images), 1, 1)).astype(np.float32) * 255 * (1 - kept)
    return images * kept + ground


def _rotation(images: Floats, degrees: Floats, rng: np.random.Generator) -> Floats:
    return _move(images, rotation_degrees=degrees * _signs(len(images), rng))


def _scale(images: Floats, log_factor: Floats, rng: np.random.Generator) -> Floats:
    # Larger digits leave the image sooner than smaller ones become illegible: half as far that way.
    signs = _signs(len(images), rng)
    return _move(images, log_scale=log_factor * np.where(signs > 0, 1, -0.5).astype(np.float32))


def _shear(images: Floats, columns_a_row: Floats, rng: np.random.Generator) -> Floats:
    return _move(images, shear=columns_a_row * _signs(len(images), rng))


def _move(images: Floats, *, rotation_degrees: Any = 0, log_scale: Any = 0, shear: Any = 0) -> Floats:
    """Map the images; each quantity has shape (N,) or is one number for all."""
    angle, scale, shear = (
        np.broadcast_to(np.float32(values), len(images)) for values in (rotation_degrees, np.exp(log_scale), shear)
    )
    maps = affine_maps(angle, np.stack([scale, scale], axis=1), shear, np.zeros((len(images), 2), np.float32))
    moved: Floats = warp(np.rint(images).astype(np.uint8)[..., np.newaxis], maps)[..., 0]
    return moved


def _signs(n: int, rng: np.random.Generator) -> Floats:
    signs: Floats = rng.choice(np.array([-1, 1], np.float32), n)
    return signs


def _thickness(images: Floats, pixels: Floats, rng: np.random.Generator) -> Floats:
    # Grey morphology with a 3x3 cross, at most twice; a part of a pixel blends two results. Thinning at half strength:
    # most of MNIST's strokes are two or three pixels wide.
    thinner = rng.random(len(images)) < 0.5
    spoiled: npt.NDArray[Any] = images.copy()
    cross = ndimage.generate_binary_structure(2, 1)[np.newaxis]
    for chosen, grow, strength in (
        (np.flatnonzero(~thinner), ndimage.grey_dilation, np.maximum(pixels, 0)),
        (np.flatnonzero(thinner), ndimage.grey_erosion, np.maximum(pixels, 0) / 2),
    ):
        once = grow(images[chosen], footprint=cross)
        steps = [images[chosen], once, grow(once, footprint=cross)]
        whole = np.minimum(strength[chosen].astype(np.intp), 1)
        part = (strength[chosen] - whole)[:, np.newaxis, np.newaxis]
        stack, index = np.stack(steps), np.arange(len(chosen))
        spoiled[chosen] = stack[whole, index] * (1 - part) + stack[whole + 1, index] * part
    return spoiled


def _stripes(images: Floats, brightness: Floats, rng: np.random.Generator) -> Floats:
    period = rng.integers(5, 9, len(images))[:, np.newaxis]
    lines = (np.arange(SIDE) + rng.integers(0, 8, (len(images), 1))) % period == 0  # (N, 28)
    upright = rng.random(len(images)) < 0.5
    mask = np.where(upright[:, np.newaxis, np.newaxis], lines[:, np.newaxis, :], lines[:, :, np.newaxis])
    striped: Floats = np.maximum(images, mask * np.maximum(brightness, 0)[:, np.newaxis, np.newaxis])
    return striped


def _jpeg(images: Floats, lost_quality: Floats, _rng: np.random.Generator) -> Floats:
    spoiled = np.empty_like(images)
    for index, (image, lost) in enumerate(zip(np.rint(images).astype(np.uint8), lost_quality, strict=True)):
        packed = io.BytesIO()
        Image.fromarray(image).save(packed, "JPEG", quality=max(1, 100 - round(float(lost))))
        spoiled[index] = np.asarray(Image.open(packed))
    return spoiled


CORRUPTIONS: Final[dict[str, Corruption]] = {
    "blur": Corruption(_blur, (0.8, 1.2, 1.6), "pixels of a Gaussian's standard deviation"),
    "low resolution": Corruption(_low_resolution, (16, 18, 20), "pixels fewer than 28 along each axis, 16 greys"),
    "noise": Corruption(_noise, (25, 45, 65), "grey levels of a normal distribution's standard deviation"),
    "contrast": Corruption(_contrast, (0.4, 0.6, 0.75), "part of the contrast lost, on a ground up to 51 brighter"),
    "rotation": Corruption(_rotation, (12, 20, 28), "degrees to either side"),
    "scale": Corruption(_scale, (0.15, 0.3, 0.45), "logarithm of the factor smaller, or half of it larger"),
    "shear": Corruption(_shear, (0.2, 0.35, 0.5), "columns for each row to either side"),
    "thickness": Corruption(_thickness, (0.6, 1.1, 1.6), "pixels thicker at each edge, or half of it thinner"),
    "stripes": Corruption(_stripes, (60, 110, 160), "grey level of lines every 5 to 8 pixels"),
    "JPEG": Corruption(_jpeg, (75, 87, 94), "steps of quality below 100"),
}
"""Every corruption by name."""
