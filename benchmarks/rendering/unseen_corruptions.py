"""What disturbs digits, in kinds that no training sees: they judge networks and the reading of pictures.

Training sees `corruptions.py` and `disturbances.py`. Functions and strengths are as there: float32 images, shape
(N, 28, 28), in 0..255, bright ink on black, and one strength for each image, from mild to hard.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw
from scipy import ndimage

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.corruptions import SIDE, Corruption, apply_corruption
from edge_mnist_trainer.augment.warps import Floats

_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)


def corrupt_unseen(digits: LabelledDigits, name: str, *, seed: int) -> LabelledDigits:
    """All of `digits` with one of `UNSEEN`: a third of them at each severity."""
    corruption = UNSEEN[name]
    strengths = np.resize(np.array(corruption.severities), len(digits))
    rng = np.random.default_rng((seed, 6000 + list(UNSEEN).index(name)))
    images = apply_corruption(digits.images, corruption, strengths, rng)
    return LabelledDigits(f"{digits.name}, {name}", digits.split, images, digits.labels)


def _vignette(images: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """A soft round glow behind the digit, or a dark middle in a bright picture."""
    centres = rng.uniform(4, 24, (len(images), 2, 1, 1)).astype(np.float32)
    radius = rng.uniform(7, 16, (len(images), 1, 1)).astype(np.float32)
    glow = np.exp(-((_Y - centres[:, 0]) ** 2 + (_X - centres[:, 1]) ** 2) / (2 * radius**2))
    inverted = (rng.random(len(images)) < 0.5)[:, np.newaxis, np.newaxis]
    return _veil(images, np.where(inverted, 1 - glow, glow) * _column(levels))


def _haze(images: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """Wisps of many scales over the picture, ink included: contrast is lost where they are thick."""
    scales = (2, 4, 8, 16)
    veils = np.zeros_like(images)
    for index in range(len(images)):
        wisps = sum(ndimage.gaussian_filter(rng.normal(0, scale, (SIDE, SIDE)), scale / 2) * scale for scale in scales)
        low, high = np.min(wisps), np.max(wisps)
        veils[index] = (wisps - low) / (high - low)
    thick = veils * _column(levels) / 255
    hazy: Floats = images * (1 - 0.6 * thick) + 230 * thick
    return hazy


def _checkerboard(images: Floats, levels: Floats, rng: np.random.Generator) -> Floats:
    """A background of squares of two greys."""
    sides = rng.integers(4, 11, (len(images), 1, 1))
    offsets = rng.integers(0, 10, (len(images), 2, 1, 1))
    board = ((_Y.astype(int) + offsets[:, 0]) // sides + (_X.astype(int) + offsets[:, 1]) // sides) % 2
    return _veil(images, board.astype(np.float32) * _column(levels))


def _veil(images: Floats, background: npt.NDArray[np.floating[Any]]) -> Floats:
    laid: Floats = (background + images * (1 - background / 255)).astype(np.float32)
    return laid


def _column(strengths: Floats) -> Floats:
    return np.maximum(strengths, 0)[:, np.newaxis, np.newaxis]


def _inverted_disc(images: Floats, radii: Floats, rng: np.random.Generator) -> Floats:
    """Inside a circle the picture is inverted."""
    centres = rng.uniform(6, 22, (len(images), 2, 1, 1))
    inside = np.hypot(_Y - centres[:, 0], _X - centres[:, 1]) < _column(radii)
    return np.where(inside, 255 - images, images).astype(np.float32)


def _zigzag(images: Floats, widths: Floats, rng: np.random.Generator) -> Floats:
    """A line with corners runs across the picture."""
    spoiled: Floats = images.copy()
    for index, width in enumerate(widths):
        n_corners = int(rng.integers(4, 9))
        along = np.linspace(-0.05, 1.05, n_corners)
        across = rng.uniform(0.3, 0.7) + rng.uniform(0.1, 0.22) * np.where(np.arange(n_corners) % 2, 1, -1)
        points = np.stack([along, across] if rng.random() < 0.5 else [across, along], axis=1)
        spoiled[index] = np.maximum(spoiled[index], 255 * _draw(points, float(width)))
    return spoiled


def _dotted(images: Floats, counts: Floats, rng: np.random.Generator) -> Floats:
    """Rows of round dots cross the picture."""
    spoiled: Floats = images.copy()
    for index, count in enumerate(counts):
        canvas = Image.new("L", (8 * SIDE, 8 * SIDE), 0)
        draw = ImageDraw.Draw(canvas)
        for _ in range(max(1, round(float(count)))):
            ends, radius = rng.uniform(0, 8 * SIDE, (2, 2)), rng.uniform(4, 8)
            for part in np.arange(
                -1, 2, rng.uniform(2.5, 4.5) * radius / max(60.0, float(np.hypot(*(ends[1] - ends[0]))))
            ):
                x, y = ends[0] + part * (ends[1] - ends[0])
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        spoiled[index] = np.maximum(spoiled[index], np.asarray(canvas.reduce(8), np.float32))
    return spoiled


def _spiral(images: Floats, turns: Floats, rng: np.random.Generator) -> Floats:
    """A coil is scribbled over the digit."""
    spoiled: Floats = images.copy()
    for index, turn in enumerate(turns):
        angles = np.linspace(0, 2 * np.pi * float(turn), 80)
        along = np.linspace(0.1, 0.9, 80)
        radius = rng.uniform(0.08, 0.15)
        points = np.stack([along + radius * np.cos(angles), rng.uniform(0.35, 0.65) + radius * np.sin(angles)], axis=1)
        spoiled[index] = np.maximum(spoiled[index], rng.uniform(150, 255) * _draw(points, 1.0))
    return spoiled


def _draw(points: npt.NDArray[np.float64], width: float) -> Floats:
    """How much a line through points (x, y) of the unit square covers, float32, shape (28, 28), 0..1."""
    canvas = Image.new("L", (8 * SIDE, 8 * SIDE), 0)
    line = [(float(x), float(y)) for x, y in points * 8 * SIDE]
    ImageDraw.Draw(canvas).line(line, 255, max(1, round(8 * width)), joint="curve")
    return np.asarray(canvas.reduce(8), np.float32) / 255


def _emboss(images: Floats, depths: Floats, rng: np.random.Generator) -> Floats:
    """What rises from left above to right below is bright, what falls is black: a relief."""
    steps = rng.choice([-1, 1], (len(images), 2))
    shifted = np.stack(
        [np.roll(image, tuple(step), (0, 1)) for image, step in zip(images, steps, strict=True)] or [images]
    )
    relief = images - shifted.reshape(images.shape)
    shown: Floats = np.clip(np.maximum(relief, 0.25 * np.abs(relief)) + images * (1 - _column(depths)), 0, 255)
    return shown.astype(np.float32)


def _shot_noise(images: Floats, weakness: Floats, rng: np.random.Generator) -> Floats:
    """Few photons: noise that grows with the light."""
    photons = 60 / np.maximum(_column(weakness), 0.1)
    counted: Floats = (rng.poisson((images + 12) / 255 * photons) / photons * 255).astype(np.float32)
    return counted


def _motion_blur(images: Floats, lengths: Floats, rng: np.random.Generator) -> Floats:
    """The camera moved along a straight line."""
    spoiled = np.empty_like(images)
    for index, length in enumerate(np.maximum(lengths, 1)):
        angle = rng.uniform(0, np.pi)
        steps = np.linspace(-0.5, 0.5, 9) * float(length)
        moved = [ndimage.shift(images[index], (s * np.sin(angle), s * np.cos(angle)), order=1) for s in steps]
        spoiled[index] = np.mean(moved, axis=0)
    return spoiled


def _shuffled(images: Floats, reaches: Floats, rng: np.random.Generator) -> Floats:
    """Pixels change places with near ones, as behind rough glass."""
    n = len(images)
    reach = _column(reaches)
    rows = np.clip(_Y + np.rint(rng.uniform(-1, 1, images.shape) * reach), 0, SIDE - 1).astype(int)
    columns = np.clip(_X + np.rint(rng.uniform(-1, 1, images.shape) * reach), 0, SIDE - 1).astype(int)
    shuffled: Floats = images[np.arange(n)[:, np.newaxis, np.newaxis], rows, columns]
    return shuffled


def _splashes(images: Floats, counts: Floats, rng: np.random.Generator) -> Floats:
    """Drops of ink lie on the picture."""
    spoiled: Floats = images.copy()
    for index, count in enumerate(counts):
        canvas = Image.new("L", (8 * SIDE, 8 * SIDE), 0)
        draw = ImageDraw.Draw(canvas)
        for _ in range(max(1, round(float(count)))):
            (x, y), radius = rng.uniform(0, 8 * SIDE, 2), rng.uniform(3, 16)
            squash = rng.uniform(0.6, 1.0)
            draw.ellipse((x - radius, y - radius * squash, x + radius, y + radius * squash), fill=255)
        cover = ndimage.gaussian_filter(np.asarray(canvas.reduce(8), np.float32), 0.4)
        spoiled[index] = np.maximum(spoiled[index], cover * rng.uniform(0.5, 1.0))
    return spoiled


def _halftone(images: Floats, periods: Floats, rng: np.random.Generator) -> Floats:
    """Greys become black and white dots, as newspapers print them."""
    spoiled = np.empty_like(images)
    for index, period in enumerate(np.maximum(periods, 1.5)):
        phase = rng.uniform(0, 2 * np.pi, 2)
        screen = np.sin(2 * np.pi * _X / period + phase[0]) * np.sin(2 * np.pi * _Y / period + phase[1])
        soft = ndimage.gaussian_filter(images[index], 0.6) * 0.9 + 12
        spoiled[index] = 255.0 * (soft > 128 + 110 * screen)
    return spoiled


def _missing_blocks(images: Floats, sides: Floats, rng: np.random.Generator) -> Floats:
    """A square of the picture is black, another one grey."""
    spoiled: Floats = images.copy()
    for index, side in enumerate(np.maximum(sides, 1)):
        for level in (0, rng.uniform(60, 160)):
            top, left = rng.integers(3, SIDE - 3 - round(float(side)) + 1, 2)
            spoiled[index, top : top + round(float(side)), left : left + round(float(side))] = level
    return spoiled


def _ripples(images: Floats, pixels: Floats, rng: np.random.Generator) -> Floats:
    """The picture is seen through waves."""
    spoiled = np.empty_like(images)
    for index, strength in enumerate(pixels):
        period, phase = rng.uniform(6, 12, 2), rng.uniform(0, 6, 2)
        rows = _Y + strength * np.sin(2 * np.pi * _X / period[0] + phase[0])
        columns = _X + strength * np.sin(2 * np.pi * _Y / period[1] + phase[1])
        spoiled[index] = ndimage.map_coordinates(images[index], [rows, columns], order=1)
    return spoiled


UNSEEN: Final[dict[str, Corruption]] = {
    "glow behind": Corruption(_vignette, (70, 130, 190), "grey levels between its darkest and brightest place"),
    "haze": Corruption(_haze, (90, 150, 210), "of 255: how thick the thickest wisp is"),
    "checkerboard behind": Corruption(_checkerboard, (50, 90, 140), "grey levels between the squares"),
    "inverted disc": Corruption(_inverted_disc, (4, 6, 8), "pixels of the disc's radius"),
    "zigzag line": Corruption(_zigzag, (0.8, 1.3, 1.8), "pixels of the line's width"),
    "dotted lines": Corruption(_dotted, (1, 2, 3), "lines"),
    "coil over the digit": Corruption(_spiral, (3, 4, 5), "turns"),
    "relief": Corruption(_emboss, (0.6, 0.85, 1.0), "fraction of the flat ink that is lost"),
    "shot noise": Corruption(_shot_noise, (4, 10, 20), "how few photons: of 60 from white, 60 / strength are left"),
    "motion blur": Corruption(_motion_blur, (4, 6, 8), "pixels that the camera moved"),
    "shuffled pixels": Corruption(_shuffled, (0.8, 1.2, 1.7), "pixels that each one moves along either axis at most"),
    "splashes": Corruption(_splashes, (5, 10, 18), "drops"),
    "halftone": Corruption(_halftone, (2.2, 2.9, 3.6), "pixels between dots"),
    "missing blocks": Corruption(_missing_blocks, (4, 6, 8), "pixels of the squares' sides"),
    "ripples": Corruption(_ripples, (0.6, 1.0, 1.5), "pixels that waves move the picture by"),
}
"""Every kind by name; none is in `disturbances.TRAINING_KINDS`. Seeds follow from the order."""
