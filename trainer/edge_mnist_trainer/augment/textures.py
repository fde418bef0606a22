"""Patches that look like parts of photographs, made by rule: leaves and stones that hide each other, grain, light.

Things of all sizes that hide one another give the statistics of natural images (Lee, Mumford and Huang, "Occlusion
Models for Natural Images", 2001); so does noise whose amplitude falls with frequency (Field, 1987).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.tensor import Pixels

SIDE: Final = PREPROCESS.side_pixels

FINE_SIDE: Final = 4 * SIDE

Field = npt.NDArray[np.float64]


def draw_patch(rng: np.random.Generator) -> Pixels:
    """Draw one patch, uint8, shape (28, 28): things, ground and light, in any contrast."""
    kinds = (_things, _things, _grain, _scene, _weave, _branches)
    field = kinds[rng.integers(len(kinds))](rng)
    if rng.random() < 0.5:
        field = field + rng.uniform(0.05, 0.3) * spectral_noise(rng, SIDE, rng.uniform(0.6, 1.6))
    if rng.random() < 0.4:  # light falls off
        y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
        field = field * (1 + rng.normal(0, 0.4) * x + rng.normal(0, 0.4) * y)
    if rng.random() < 0.3:
        field = ndimage.gaussian_filter(field, rng.uniform(0.4, 1.5))
    low, high = np.quantile(field, (0.02, 0.98))
    unit = np.clip((field - low) / max(1e-6, high - low), 0, 1) ** np.exp(rng.normal(0, 0.4))
    span = rng.uniform(60, 255)
    base = rng.uniform(0, 255 - span)
    if rng.random() < 0.25:  # as tensors are made of pictures: what is dark becomes black
        unit, base, span = np.clip(unit * 1.5 - 0.5, 0, 1), 0.0, 255.0
    pixels: Pixels = np.rint(np.clip(base + span * unit, 0, 255)).astype(np.uint8)
    return pixels


def spectral_noise(rng: np.random.Generator, side: int, power: float) -> Field:
    """Noise of unit deviation, shape (side, side), whose amplitude falls as frequency to the `-power`."""
    down, across = np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij")
    frequency = np.hypot(down, across)
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(0, 1, (side, side))) / frequency**power
    noise = np.fft.irfft2(spectrum, s=(side, side))
    unit: Field = noise / noise.std()
    return unit


def _things(rng: np.random.Generator) -> Field:
    """Ellipses and polygons of all sizes, the nearer ones in front of the others."""
    canvas = Image.new("L", (FINE_SIDE, FINE_SIDE), int(rng.integers(256)))
    draw = ImageDraw.Draw(canvas)
    largest = rng.uniform(20, 70)
    for _ in range(int(rng.integers(12, 120))):
        radius = min(largest, 4 * rng.pareto(1.5) + 4)
        x, y = rng.uniform(-10, FINE_SIDE + 10, 2)
        grey = int(rng.integers(256))
        if rng.random() < 0.5:
            squash = rng.uniform(0.4, 1)
            draw.ellipse((x - radius, y - radius * squash, x + radius, y + radius * squash), fill=grey)
        else:
            angles = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 7))))
            draw.polygon([(float(x + radius * np.cos(a)), float(y + radius * np.sin(a))) for a in angles], fill=grey)
    return _reduce(canvas)


def _grain(rng: np.random.Generator) -> Field:
    """Noise as in clouds, bark or cloth, stretched along one direction."""
    field = spectral_noise(rng, SIDE, rng.uniform(0.7, 2.0))
    if rng.random() < 0.5:
        field = ndimage.gaussian_filter1d(field, rng.uniform(1, 4), axis=int(rng.integers(2)))
    folded: Field = np.abs(field) if rng.random() < 0.2 else field
    return folded


def _scene(rng: np.random.Generator) -> Field:
    """Sky above ground, with things that stand on the horizon."""
    y, x = np.mgrid[0 : 1 : SIDE * 1j, 0 : 1 : SIDE * 1j]
    horizon = rng.uniform(0.3, 0.8) + 0.08 * np.sin(rng.uniform(2, 9) * x + rng.uniform(0, 6)) * rng.random()
    field = np.where(y < horizon, rng.uniform(0.5, 1.0) - 0.3 * y, rng.uniform(0.0, 0.5) + 0.2 * y)
    for _ in range(int(rng.integers(0, 4))):
        at, width, height = rng.uniform(0, 1), rng.uniform(0.05, 0.25), rng.uniform(0.15, 0.6)
        inside = (np.abs(x - at) < width / 2) & (y < horizon + 0.08) & (y > horizon - height)
        field = np.where(inside, rng.uniform(0, 0.9), field)
    rough: Field = field + rng.uniform(0.02, 0.15) * spectral_noise(rng, SIDE, 1.0)
    return rough


def _weave(rng: np.random.Generator) -> Field:
    """Bricks, tiles, cloth: two waves across each other, or rows of blocks."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    angle = rng.choice([0.0, rng.uniform(0, np.pi)])
    u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    long, high = rng.uniform(3, 12), rng.uniform(2, 8)
    if rng.random() < 0.5:
        waves: Field = np.sin(2 * np.pi * u / long) + rng.uniform(0.3, 1) * np.sin(2 * np.pi * v / high)
        return waves
    row = np.floor(v / high)
    column = np.floor(u / long + 0.5 * (row % 2))
    joint = (v % high < 1.0) | ((u + long / 2 * (row % 2)) % long < 1.0)
    levels = rng.uniform(0.4, 1.0, 512)
    blocks: Field = levels[(37 * row + 11 * column).astype(np.intp) % 512]
    return np.where(joint, rng.uniform(0, 0.5), blocks)


def _branches(rng: np.random.Generator) -> Field:
    """Branches, wires and blades of grass before a soft background."""
    canvas = Image.new("L", (FINE_SIDE, FINE_SIDE), 0)
    draw = ImageDraw.Draw(canvas)
    for _ in range(int(rng.integers(3, 14))):
        steps = rng.normal(0, 10, (8, 2)) + rng.normal(0, 14, 2)
        points = rng.uniform(0, FINE_SIDE, 2) + np.cumsum(steps, axis=0)
        draw.line([(float(a), float(b)) for a, b in points], int(rng.integers(80, 256)), int(rng.integers(2, 12)))
    branches: Field = _reduce(canvas) / 255 + rng.uniform(0.05, 0.4) * spectral_noise(rng, SIDE, 2.0)
    return branches


def _reduce(canvas: Image.Image) -> Field:
    return np.asarray(canvas.reduce(FINE_SIDE // SIDE), np.float64)
