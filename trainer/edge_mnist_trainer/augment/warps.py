"""Random distortions of digit images, in NumPy alone so that every Keras back end trains on the same pixels.

What the pen or the hand does differently: rotation, scale, shear, shift, and a smooth elastic field. What the camera or
the scanner does differently is in `corruptions.py`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_trainer.augment.settings import AffineRange

Floats = npt.NDArray[np.float32]

ELASTIC_POINTS: Final = 7
"""Control points along each axis of an elastic field: one every 4.5 pixels."""


def draw_affine_maps(n_images: int, limits: AffineRange, rng: np.random.Generator) -> Floats:
    """Draw one map from output to input coordinates for each image.

    Returns:
        float32, shape (n_images, 2, 3): the linear part and the offset, both about the image centre, in (row, column)
        order and pixels.
    """
    angle = rng.uniform(-limits.rotation_degrees, limits.rotation_degrees, n_images)
    scale = np.exp(rng.uniform(-limits.log_scale, limits.log_scale, (n_images, 2)))
    shear = rng.uniform(-limits.shear, limits.shear, n_images)
    shift = rng.uniform(-limits.shift_pixels, limits.shift_pixels, (n_images, 2))
    return affine_maps(angle, scale, shear, shift)


def affine_maps(
    rotation_degrees: npt.NDArray[np.floating],
    scale: npt.NDArray[np.floating],
    shear: npt.NDArray[np.floating],
    shift_pixels: npt.NDArray[np.floating],
) -> Floats:
    """The map from output to input coordinates of each image.

    Args:
        rotation_degrees: Shape (N,).
        scale: Input pixels in one output pixel along (row, column), shape (N, 2): above 1 the digit becomes smaller.
        shear: Columns moved for each row, shape (N,).
        shift_pixels: Along (row, column), shape (N, 2).

    Returns:
        As `draw_affine_maps`.
    """
    angle = np.deg2rad(rotation_degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    maps = np.empty((len(angle), 2, 3), np.float32)
    maps[:, 0, 0] = cosine * scale[:, 0]
    maps[:, 0, 1] = -sine * scale[:, 1]
    maps[:, 1, 0] = (sine + shear * cosine) * scale[:, 0]
    maps[:, 1, 1] = (cosine - shear * sine) * scale[:, 1]
    maps[:, :, 2] = shift_pixels
    return maps


def draw_elastic_fields(n_images: int, elastic_pixels: float, rng: np.random.Generator, *, side: int = 28) -> Floats:
    """Draw one smooth random displacement field for each image.

    After Simard, Steinkraus and Platt, "Best Practices for Convolutional Neural Networks Applied to Visual Document
    Analysis" (2003), with normal values on a coarse grid of control points instead of a smoothed value at each pixel.

    Returns:
        float32, shape (n_images, 2, side * side): rows and columns to move by, in pixels, each with standard deviation
        `elastic_pixels` at every place.
    """
    basis = _elastic_basis(side)
    points = rng.standard_normal((n_images, 2, ELASTIC_POINTS, ELASTIC_POINTS), dtype=np.float32)
    fields: Floats = (basis @ points @ basis.T).reshape(n_images, 2, side * side) * np.float32(elastic_pixels)
    return fields


@lru_cache(maxsize=4)
def _elastic_basis(side: int) -> Floats:
    """Weights of the control points at each pixel, shape (side, points); each row has length 1."""
    spacing = (side - 1) / (ELASTIC_POINTS - 1)
    distance = (np.arange(side)[:, np.newaxis] - spacing * np.arange(ELASTIC_POINTS)) / (0.8 * spacing)
    weights = np.exp(-(distance**2) / 2)
    basis: Floats = (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
    return basis


def warp(images: npt.NDArray[np.uint8], maps: Floats, fields: Floats | None = None) -> Floats:
    """Resample images through affine maps, bilinearly, with black outside.

    Args:
        images: uint8, shape (N, H, W, 1).
        maps: float32, shape (N, 2, 3), as `draw_affine_maps` returns.
        fields: float32, shape (N, 2, H * W), as `draw_elastic_fields` returns: added to where the maps lead.

    Returns:
        float32, shape (N, H, W, 1), in 0..255.
    """
    n_images, height, width = images.shape[:3]
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    centre = np.array([(height - 1) / 2, (width - 1) / 2], np.float32)
    grid = np.stack([rows.ravel() - centre[0], columns.ravel() - centre[1]])  # (2, H*W)
    source = maps[:, :, :2] @ grid + maps[:, :, 2:] + centre[:, np.newaxis]  # (N, 2, H*W)
    if fields is not None:
        source += fields
    # Pad with black and clip coordinates to the padding. It is one pixel before the image and two after it, so that
    # the last clipped coordinate has a lower neighbour.
    padded = np.pad(images[..., 0], ((0, 0), (1, 2), (1, 2))).reshape(-1)
    row = np.clip(source[:, 0] + 1, 0, height + 1)
    column = np.clip(source[:, 1] + 1, 0, width + 1)
    top, left = row.astype(np.int32), column.astype(np.int32)
    row_part, column_part = row - top.astype(np.float32), column - left.astype(np.float32)
    stride = width + 3
    corner = top * stride + left + (np.arange(n_images, dtype=np.int32) * (height + 3) * stride)[:, np.newaxis]
    upper = padded[corner] * (1 - column_part) + padded[corner + 1] * column_part
    lower = padded[corner + stride] * (1 - column_part) + padded[corner + stride + 1] * column_part
    warped: Floats = upper * (1 - row_part) + lower * row_part
    return warped.reshape(images.shape)
