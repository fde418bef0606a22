"""Disturb training images: uneven backgrounds, inverted bands, lines, gaps, wrong pixels.

These kinds are for training only. Evaluation uses other kinds (`benchmarks/rendering/unseen_corruptions.py`),
and no kind may be in both. Functions and strengths are as in `corruptions.py`; a strength grows from mild to hard.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from edge_mnist_trainer.augment.corruptions import CORRUPTIONS, SIDE, Corruption, apply_corruption
from edge_mnist_trainer.augment.warps import Floats, warp

UPSAMPLING: Final = 4
"""Enlargement along each axis for finding outlines."""


def _raised(images: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """The background is brighter; the ink is as far above it as before, or as far as white allows."""
    return _over(images, np.broadcast_to(_column(levels), images.shape), rng)


def _tilted(images: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """The background rises from one side to the other."""
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j].astype(np.float32)
    angles = rng.uniform(0, 2 * np.pi, (len(images), 1, 1)).astype(np.float32)
    ramp = (x - 0.5) * np.cos(angles) + (y - 0.5) * np.sin(angles) + np.float32(0.5)
    return _over(images, ramp * _column(levels), rng)


def _cloudy(images: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """The background is smooth noise, coarse or fine."""
    coarse = int(rng.integers(3, 9))
    clouds = _enlarge(rng.random((len(images), coarse, coarse), dtype=np.float32))
    low, high = clouds.min((1, 2), keepdims=True), clouds.max((1, 2), keepdims=True)
    return _over(images, (clouds - low) / (high - low) * _column(levels), rng)


def _over(images: Floats, background: npt.NDArray[np.floating[Any]], rng: np.random.Generator) -> Floats:
    """Put a background behind the ink: added to it, or hidden by it."""
    background = np.clip(background, 0, 235).astype(np.float32)
    hidden = (rng.random(len(images)) < 0.5)[:, np.newaxis, np.newaxis]
    laid = np.where(hidden, background + images * (1 - background / 255), images + background)
    clipped: Floats = np.clip(laid, 0, 255).astype(np.float32)
    return clipped


def _enlarge(grids: Floats, side: int = SIDE) -> Floats:
    """Grids of any size, shape (N, n, n), as smooth fields (N, side, side)."""
    fields = [Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC) for grid in grids]
    return np.array([np.asarray(field) for field in fields], np.float32).reshape(-1, side, side)  # also for no grid


def _shrink(fine: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.floating[Any]]:
    """The mean over the `UPSAMPLING` by `UPSAMPLING` pixels of each pixel."""
    pixels: npt.NDArray[np.floating[Any]] = fine.reshape(SIDE, UPSAMPLING, SIDE, UPSAMPLING).mean((1, 3))
    return pixels


def _inverted_bands(images: Floats, widths: Floats, rng: np.random.Generator) -> Floats:
    """One or two bands of the picture, upright, level or oblique, are inverted."""
    spoiled: Floats = images.copy()
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    for index, width in enumerate(np.maximum(widths, 2)):
        angle = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
        across = x * np.cos(angle) + y * np.sin(angle)
        count = int(rng.integers(1, 3))
        for at in rng.uniform(across.min(), across.max(), count):
            band = np.abs(across - at) < width / (2 * count)
            spoiled[index][band] = 255 - spoiled[index][band]
    return spoiled


def _lines(images: Floats, counts: Floats, rng: np.random.Generator) -> Floats:
    """Straight and bent lines cross the picture, whole or in dashes, bright or dark, up to three pixels wide."""
    spoiled: Floats = images.copy()
    for index, count in enumerate(counts):
        canvas = Image.new("L", (SIDE * UPSAMPLING, SIDE * UPSAMPLING), 0)
        draw = ImageDraw.Draw(canvas)
        for _ in range(max(1, round(float(count)))):
            width = round(UPSAMPLING * rng.uniform(0.7, 2.6))
            for piece in _line_pieces(rng):
                draw.line([(float(x), float(y)) for x, y in piece * SIDE * UPSAMPLING], 255, width)
        cover = np.asarray(canvas.reduce(UPSAMPLING), np.float32) / 255
        level = 0.0 if rng.random() < 0.15 else rng.uniform(110, 255)  # dark ones cut gaps into the digit
        spoiled[index] = np.maximum(spoiled[index], cover * level) if level else spoiled[index] * (1 - cover)
    return spoiled


def _line_pieces(rng: np.random.Generator) -> list[npt.NDArray[np.float64]]:
    """Points (x, y) of one line from edge to edge of the unit square; many short ones of a dashed line."""
    angle, middle = rng.uniform(0, np.pi), rng.uniform(0.2, 0.8, 2)
    along = np.linspace(-0.8, 0.8, 33)
    bend = rng.normal(0, 0.25) * (rng.random() < 0.5)
    direction, across = (np.array([np.cos(a), np.sin(a)]) for a in (angle, angle + np.pi / 2))
    line = middle + along[:, np.newaxis] * direction + bend * (along**2)[:, np.newaxis] * across
    if rng.random() < 0.7:
        return [line]
    dash = int(rng.integers(2, 5))
    return [line[at : at + dash] for at in range(0, len(line), dash + int(rng.integers(1, 3)))]


def _edges(images: Floats, half_widths: Floats, rng: np.random.Generator) -> Floats:
    """Only the outline of each stroke is left."""
    spoiled = np.empty_like(images)
    for index, (fine, half_width) in enumerate(zip(_enlarge(images, SIDE * UPSAMPLING), half_widths, strict=True)):
        ink = fine > rng.uniform(50, 160)
        distance = ndimage.distance_transform_edt(ink) - ndimage.distance_transform_edt(~ink)
        outwards = rng.uniform(0, 2.5)  # else thin strokes would be drawn whole
        line = np.clip(half_width * UPSAMPLING - np.abs(distance + outwards) + 0.5, 0, 1)
        small = _shrink(line)
        if rng.random() < 0.4:  # like an edge detector: pixels are on or off
            small = (small > 0.35).astype(np.float32)
        spoiled[index] = small * (255 / max(1e-3, float(small.max())))
    return spoiled


def _hairline(images: Floats, kept_pixels: Floats, _rng: np.random.Generator) -> Floats:
    """Strokes become hairlines; a strength is how far they are from three pixels."""
    spoiled = np.empty_like(images)
    for index, (fine, thinner) in enumerate(zip(_enlarge(images, SIDE * UPSAMPLING), kept_pixels, strict=True)):
        depth = ndimage.distance_transform_edt(fine > 110)
        middle = (depth > 0.5) & (depth >= ndimage.maximum_filter(depth, 3) - 0.4)
        half_width = UPSAMPLING * max(0.25, 3.0 - float(thinner)) / 2
        line = np.clip(half_width - ndimage.distance_transform_edt(~middle) + 0.5, 0, 1)
        spoiled[index] = 255 * _shrink(line)
    return spoiled


def _impulse_noise(images: Floats, fractions: Floats, rng: np.random.Generator) -> Floats:
    """Some pixels become white and some black."""
    draws = rng.random(images.shape, dtype=np.float32)
    half = _column(np.clip(fractions, 0, 0.5)) / 2
    spoiled: Floats = np.where(draws < half, np.float32(0), np.where(draws > 1 - half, np.float32(255), images))
    return spoiled


def _ghost(images: Floats, strengths: Floats, rng: np.random.Generator) -> Floats:
    """Blend in another image faintly, as from the back of the page, or the same one shifted."""
    others = images[rng.permutation(len(images))][:, :, ::-1]
    spoiled: Floats = images.copy()
    for index, strength in enumerate(strengths):
        other = others[index] if rng.random() < 0.5 else np.roll(images[index], tuple(rng.integers(-4, 5, 2)), (0, 1))
        spoiled[index] = np.maximum(images[index], other * max(0.0, float(strength)))
    return spoiled


def _crumpled(images: Floats, pixels: Floats, rng: np.random.Generator) -> Floats:
    """Strokes are bent this way and that within a few pixels, as on crumpled paper."""
    points = int(rng.integers(8, 13))
    coarse = rng.standard_normal((len(images) * 2, points, points), dtype=np.float32)
    fields = _enlarge(coarse).reshape(len(images), 2, SIDE * SIDE)
    maps = np.tile(np.eye(2, 3, dtype=np.float32), (len(images), 1, 1))
    crumpled: Floats = warp(np.rint(images).astype(np.uint8)[..., np.newaxis], maps, fields * _column(pixels))[..., 0]
    return crumpled


def _worn_ink(images: Floats, fractions: Floats, rng: np.random.Generator) -> Floats:
    """Ink is gone or paler in irregular patches."""
    coarse = int(rng.integers(6, 12))
    fields = _enlarge(rng.random((len(images), coarse, coarse), dtype=np.float32))
    limits = np.array([np.quantile(f, np.clip(p, 0, 1)) for f, p in zip(fields, fractions, strict=True)], np.float32)
    kept = np.clip((fields - _column(limits)) * 12 + 0.5, rng.uniform(0.0, 0.3), 1)
    worn: Floats = images * kept
    return worn


def _column(values: Floats) -> Floats:
    return values[:, np.newaxis, np.newaxis]


DISTURBANCES: Final[dict[str, Corruption]] = {
    "raised background": Corruption(_raised, (50, 100, 170), "grey levels that the background is brighter"),
    "tilted background": Corruption(_tilted, (70, 130, 210), "grey levels between its ends"),
    "cloudy background": Corruption(_cloudy, (70, 130, 200), "grey levels between its darkest and brightest place"),
    "inverted bands": Corruption(_inverted_bands, (5, 9, 14), "pixels of inverted bands, together"),
    "lines": Corruption(_lines, (1, 2, 4), "lines across the picture"),
    "edges": Corruption(_edges, (0.8, 0.55, 0.35), "pixels of half the width of an outline"),
    "hairline": Corruption(_hairline, (1.4, 2.0, 2.6), "pixels below three that strokes are wide"),
    "impulse noise": Corruption(_impulse_noise, (0.06, 0.14, 0.28), "fraction of pixels that are white or black"),
    "ghost": Corruption(_ghost, (0.2, 0.35, 0.5), "brightness of another image that shines through, 0..1"),
    "crumpled": Corruption(_crumpled, (0.6, 0.9, 1.3), "pixels of the bends' standard deviation"),
    "worn ink": Corruption(_worn_ink, (0.08, 0.16, 0.26), "fraction of the picture where ink is gone or paler"),
}
"""Every kind by name."""

TRAINING_KINDS: Final = {**CORRUPTIONS, **DISTURBANCES}
"""All kinds for training. The report of a run evaluates `CORRUPTIONS` only."""

TWICE: Final = ("inverted bands", "lines")
"""Kinds that are drawn twice as often as others, because they are the hardest to learn."""


def draw_corrupted(images: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Give each image one of `TRAINING_KINDS`, drawn at random, at a random strength up to the hardest severity.

    Args:
        images: uint8, shape (N, 28, 28, 1).
        rng: Decides everything.

    Returns:
        uint8, shape (N, 28, 28, 1).
    """
    spoiled: npt.NDArray[Any] = images.copy()
    weights = np.array([2.0 if name in TWICE else 1.0 for name in TRAINING_KINDS])
    kinds = rng.choice(len(TRAINING_KINDS), size=len(images), p=weights / weights.sum())
    for number, corruption in enumerate(TRAINING_KINDS.values()):
        chosen = np.flatnonzero(kinds == number)
        if not len(chosen):
            continue
        mild, _, hard = corruption.severities
        low = mild - (hard - mild) / 2  # milder than the mildest, too
        strengths = rng.uniform(min(low, hard), max(low, hard), len(chosen))
        spoiled[chosen] = apply_corruption(images[chosen], corruption, strengths, rng)
    return spoiled
