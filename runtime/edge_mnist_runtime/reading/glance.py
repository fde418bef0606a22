"""A picture from afar: whether its ink is dark or light, and in which mixture of its colours it is darkest."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

from edge_mnist_runtime.reading.filters import close_gaps, quantile_along
from edge_mnist_runtime.reading.ground import GROUND, Plane, Planes
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Floats = npt.NDArray[np.float32]

GLANCE: Final = PICTURE_READING.glance


@dataclass(frozen=True)
class Glance:
    """A small copy of a picture, and what its ground would be for dark ink and for light ink."""

    picture: Image.Image
    """The picture itself, mode L or RGB."""
    planes: Planes
    """Averaged down, shape (C, H, W)."""
    grounds: Planes
    """First for light ink, of the picture turned round, then for dark ink: shape (2 * C, H, W)."""

    @cached_property
    def polarity(self) -> tuple[bool, float]:
        """Whether the ink is lighter than its ground, and how little doubt there is, 0..1.

        Of two explanations the one with the smoother ground holds: a closing takes dark strokes away and leaves even
        paper, an opening leaves the strokes, and wider ones. Where shadows have edges neither ground is smooth.
        """
        light, dark = _roughness(self.grounds[: len(self.planes)]), _roughness(self.grounds[len(self.planes) :])
        return light < dark, 1 - min(light, dark) / max(light, dark, 1e-6)

    def mix_colours(self, *, light_on_dark: bool) -> Plane:
        """One plane, dark ink on light ground, in which the ink is darkest, whatever its colour."""
        if self.picture.mode == "L":
            plane = np.asarray(self.picture)
            return 255 - plane if light_on_dark else plane
        weights = self._weigh_colours(light_on_dark)
        # Turned round in the same step: white then becomes 0.
        matrix = (*-weights, 255 * weights.sum()) if light_on_dark else (*weights, 0)
        return np.asarray(self.picture.convert("L", tuple(map(float, matrix))))

    def _weigh_colours(self, light_on_dark: bool) -> Floats:
        """How much each of the three colours shows of the ink, shape (3,)."""
        n = len(self.planes)
        ground = (self.grounds[:n] if light_on_dark else self.grounds[n:]).astype(np.float32).reshape(n, -1)
        # Not averaged: a thin stroke would lose its colour.
        size = (self.planes.shape[2], self.planes.shape[1])
        few = planes_of(self.picture.resize(size, Image.Resampling.NEAREST)).reshape(n, -1)
        loss = (ground - (255 - few if light_on_dark else few)) / np.clip(ground, GROUND.darkest_level, 255)
        loss -= quantile_along(loss, GLANCE.paper_quantile)
        np.clip(loss, 0, GLANCE.max_loss, out=loss)
        # The pen's colour: what the darkest points lack. Cubes, because paper has many points and ink has few.
        direction = (loss * loss.sum(0) ** 2).sum(1)  # no matrix product, which starts threads
        if not direction.max() > 0:
            direction = np.ones(n, np.float32)
        light = np.maximum(np.float32(GROUND.darkest_level), quantile_along(ground, 0.5)[:, 0])
        weights: Floats = (direction / direction.sum() / light).astype(np.float32)
        weights *= np.float32(min(float(light.mean()), 1 / float(weights.sum())))  # white stays within 255
        return weights


def glance_at(picture: Image.Image) -> Glance:
    """See from afar a picture of mode L or RGB."""
    step = max(1, min(max(picture.size) // GLANCE.side_pixels, *picture.size))  # a strip stays a strip
    planes = planes_of(picture.reduce(step))
    window = round(PICTURE_READING.photo.wide_window * min(picture.size)) // step
    return Glance(picture, planes, close_gaps(np.concatenate([255 - planes, planes]), window))


def planes_of(picture: Image.Image) -> Planes:
    """The colour planes of a picture of mode L or RGB."""
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if pixels.ndim == 3 else pixels[np.newaxis]


def _roughness(planes: Planes) -> float:
    values = planes.astype(np.float32)  # squares: the edges of strokes are sharp, light's are not
    down, right = values[:, 1:] - values[:, :-1], values[:, :, 1:] - values[:, :, :-1]
    return float((down * down).sum() + (right * right).sum())
