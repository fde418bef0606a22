"""Find the polarity of a picture's ink, and the mixture of its colours in which the ink is darkest, on a small copy."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.reading.background import BACKGROUND, Plane, Planes
from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.filters import Floats, grey_closing, quantile_along, roughness
from edge_mnist_runtime.reading.parameters import PICTURE_READING

THUMBNAIL: Final = PICTURE_READING.glance


@dataclass(frozen=True)
class Thumbnail:
    """A small copy of a picture, with its estimated backgrounds for light ink and for dark ink."""

    picture: Image.Image
    """The full picture, mode L or RGB."""
    planes: Planes
    """The small copy, averaged down, shape (C, H, W)."""
    backgrounds: Planes
    """Shape (2 * C, H, W): first the background of the inverted picture (light ink), then for dark ink."""

    @cached_property
    def polarity(self) -> tuple[bool, float]:
        """Whether the ink is lighter than its background, and the certainty of it, 0..1.

        The polarity with the smoother background is chosen. For dark ink a closing removes the strokes and leaves an
        even background, while an opening widens them. Shadows with sharp edges make both rough, so certainty is low.
        """
        light, dark = roughness(self.backgrounds[: len(self.planes)]), roughness(self.backgrounds[len(self.planes) :])
        return light < dark, 1 - min(light, dark) / max(light, dark, 1e-6)

    def mix_colours(self, *, light_on_dark: bool) -> Plane:
        """Mix the colours into one plane in which the ink is darkest: dark ink on light, uint8, shape (H, W)."""
        if self.picture.mode == "L":
            plane = np.asarray(self.picture)
            return 255 - plane if light_on_dark else plane
        weights = self._weigh_colours(light_on_dark)
        # The same step inverts the picture for light ink: white becomes 0.
        matrix = (*-weights, 255 * weights.sum()) if light_on_dark else (*weights, 0)
        return np.asarray(self.picture.convert("L", tuple(map(float, matrix))))

    def _find_agreeing(self, light_on_dark: bool) -> Mask:
        """Which colours do not contradict a polarity, bool, shape (3,).

        Green ink on red is darker than its background in red, and lighter in green. There what the ink encloses would
        look like ink.
        """
        n = len(self.planes)
        light, dark = np.array([roughness(plane[np.newaxis]) for plane in self.backgrounds]).reshape(2, n)
        own, other = (light, dark) if light_on_dark else (dark, light)
        agrees: Mask = own <= THUMBNAIL.max_contradiction * other
        return agrees if (own < other).any() else np.ones(n, np.bool_)

    def _weigh_colours(self, light_on_dark: bool) -> Floats:
        """Weights of the three colours by how much of the ink each shows, shape (3,)."""
        n = len(self.planes)
        background = (self.backgrounds[:n] if light_on_dark else self.backgrounds[n:]).astype(np.float32).reshape(n, -1)
        # Sampled, not averaged: averaging would mix a thin stroke's colour with the background's.
        size = (self.planes.shape[2], self.planes.shape[1])
        few = planes_of(self.picture.resize(size, Image.Resampling.NEAREST)).reshape(n, -1)
        loss = (background - (255 - few if light_on_dark else few)) / np.clip(background, BACKGROUND.darkest_level, 255)
        loss -= quantile_along(loss, THUMBNAIL.paper_quantile)
        np.maximum(loss, 0, out=loss)
        # The pen's colour is what the darkest pixels lack.
        direction = (loss * loss.sum(0) ** THUMBNAIL.colour_power).sum(1)  # a matrix product would start threads
        if self.polarity[1] < PICTURE_READING.photo.certain_polarity:  # else it is not worth its time
            direction *= self._find_agreeing(light_on_dark)
        if not direction.max() > 0:
            direction = np.ones(n, np.float32)
        light = np.maximum(np.float32(BACKGROUND.darkest_level), quantile_along(background, 0.5)[:, 0])
        weights: Floats = (direction / direction.sum() / light).astype(np.float32)
        weights *= np.float32(min(float(light.mean()), 1 / float(weights.sum())))  # white stays within 255
        return weights


def make_thumbnail(picture: Image.Image) -> Thumbnail:
    """Make the thumbnail of a picture of mode L or RGB."""
    step = max(1, min(max(picture.size) // THUMBNAIL.side_pixels, *picture.size))  # at least one pixel in each axis
    planes = planes_of(picture.reduce(step))
    window = round(PICTURE_READING.photo.wide_window * min(picture.size)) // step
    return Thumbnail(picture, planes, grey_closing(np.concatenate([255 - planes, planes]), window))


def planes_of(picture: Image.Image) -> Planes:
    """The colour planes of a picture of mode L or RGB, uint8, shape (C, H, W)."""
    pixels = np.asarray(picture)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)) if pixels.ndim == 3 else pixels[np.newaxis]
