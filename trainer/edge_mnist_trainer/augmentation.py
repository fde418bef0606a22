"""Random affine distortions of digit images, in NumPy alone so that every Keras back end trains on the same pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class AffineRange:
    """How far a digit may be distorted; every quantity is drawn uniformly and independently for each image."""

    rotation_degrees: float = 12.0
    """Rotation about the centre, +- this many degrees."""
    log_scale: float = 0.13
    """Natural logarithm of the scale of each axis, +- this much."""
    shear: float = 0.18
    """Horizontal shear: columns moved for each row, +- this much."""
    shift_pixels: float = 2.4
    """Translation along each axis, +- this many pixels."""


def draw_affine_maps(n_images: int, limits: AffineRange, rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Draw one map from output to input coordinates for each image.

    Returns:
        float32, shape (n_images, 2, 3): the linear part and the offset, both about the image centre, in (row, column)
        order and pixels.
    """
    angle = np.deg2rad(rng.uniform(-limits.rotation_degrees, limits.rotation_degrees, n_images))
    scale = np.exp(rng.uniform(-limits.log_scale, limits.log_scale, (n_images, 2)))
    shear = rng.uniform(-limits.shear, limits.shear, n_images)
    shift = rng.uniform(-limits.shift_pixels, limits.shift_pixels, (n_images, 2))
    cosine, sine = np.cos(angle), np.sin(angle)
    maps = np.empty((n_images, 2, 3), np.float32)
    maps[:, 0, 0] = cosine * scale[:, 0]
    maps[:, 0, 1] = -sine * scale[:, 1]
    maps[:, 1, 0] = (sine + shear * cosine) * scale[:, 0]
    maps[:, 1, 1] = (cosine - shear * sine) * scale[:, 1]
    maps[:, :, 2] = shift
    return maps


def warp(images: npt.NDArray[np.uint8], maps: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Resample images through affine maps, bilinearly, with black outside.

    Args:
        images: uint8, shape (N, H, W, 1).
        maps: float32, shape (N, 2, 3), as `draw_affine_maps` returns.

    Returns:
        float32, shape (N, H, W, 1), in 0..255.
    """
    n_images, height, width = images.shape[:3]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    centre = np.array([(height - 1) / 2, (width - 1) / 2], np.float32)
    grid = np.stack([rows.ravel() - centre[0], columns.ravel() - centre[1]])  # (2, H*W)
    source = maps[:, :, :2] @ grid + maps[:, :, 2:] + centre[:, np.newaxis]  # (N, 2, H*W)
    # Black all round stands for the infinite black ground: coordinates are clipped onto it. One pixel before the image
    # and two behind it, so that the lower neighbour of the last clipped coordinate is there too.
    padded = np.pad(images[..., 0], ((0, 0), (1, 2), (1, 2))).reshape(-1)
    row = np.clip(source[:, 0] + 1, 0, height + 1)
    column = np.clip(source[:, 1] + 1, 0, width + 1)
    top, left = row.astype(np.int32), column.astype(np.int32)
    row_part, column_part = row - top.astype(np.float32), column - left.astype(np.float32)
    stride = width + 3
    corner = top * stride + left + (np.arange(n_images, dtype=np.int32) * (height + 3) * stride)[:, np.newaxis]
    upper = padded[corner] * (1 - column_part) + padded[corner + 1] * column_part
    lower = padded[corner + stride] * (1 - column_part) + padded[corner + stride + 1] * column_part
    warped: npt.NDArray[np.float32] = upper * (1 - row_part) + lower * row_part
    return warped.reshape(images.shape)
