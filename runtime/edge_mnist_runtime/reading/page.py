"""Segment a picture of one assumed polarity at several scales: subtract background and printed lines, pick the ink."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np

from edge_mnist_runtime.reading.background import measure_darkness
from edge_mnist_runtime.reading.filters import Floats, grey_closing
from edge_mnist_runtime.reading.ink import Ink, darkness_of_ink, outline_on_edges, peak_of, pick_ink
from edge_mnist_runtime.reading.line_removal import remove_ruling
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.ruled_lines import Ruling, find_ruling, measure_thinnest_line
from edge_mnist_runtime.reading.thumbnail import Thumbnail

PAGE: Final = PICTURE_READING.page

NO_LINES: Final = np.zeros((0, 0), np.float32)


@dataclass(frozen=True)
class Segmentation:
    """The ink found at one scale (closing window)."""

    ink: Ink
    darkness: Floats
    """Difference from the background, lines removed, shape (H, W)."""
    lines: int
    """Number of printed lines removed."""
    light_on_dark: bool
    outline: float
    """Fraction of the ink's outline, 0..1, on an edge in the picture. It is low for shadows and for half a stroke."""
    horizontal_lines: Floats = field(default_factory=lambda: NO_LINES)
    """Row of each horizontal line removed in every column, shape (N, W)."""

    @property
    def score(self) -> float:
        """How much the ink looks like pen strokes: long, dark, with a clear outline, neither hairs nor blobs."""
        blob = self.ink.stroke_pixels / self.ink.side_pixels
        return (
            self.ink.length
            * min(1.0, self.ink.stroke_pixels / (PAGE.hair_width * self.ink.side_pixels))
            * self.ink.level**PAGE.darkness_power
            * self.outline**PAGE.outline_power
            * min(1.0, PAGE.blob_width / max(blob, 1e-6))
        )

    @cached_property
    def is_alone(self) -> bool:
        """Whether the strokes are sharp and nothing else is as dark, so that no other window need be tried."""
        if not self.is_sharp:
            return False
        mass = self.ink.mass
        return float(mass.sum() - mass.max()) < PAGE.max_other_mass * float(mass.sum())

    @property
    def is_sharp(self) -> bool:
        """Whether the strokes are clear and a narrower window cannot improve their outline."""
        return self.is_clear and self.outline >= PAGE.sharp_outline

    @property
    def is_clear(self) -> bool:
        """Whether the strokes are dark, have edges all around, and are no blob."""
        return (
            self.outline >= PAGE.clear_outline
            and self.ink.level >= PAGE.clear_darkness
            and self.ink.stroke_pixels < PAGE.blob_width * self.ink.side_pixels
        )


class Page:
    """A picture of one assumed polarity, with its segmentations by window size. Printed lines are found once."""

    def __init__(self, thumbnail: Thumbnail, light_on_dark: bool) -> None:
        self._plane = thumbnail.mix_colours(light_on_dark=light_on_dark)
        self._light_on_dark = light_on_dark
        self._ruling: Ruling | None = None
        self._segmentations: dict[int, Segmentation | None] = {}

    @property
    def n_lines(self) -> int:
        """Number of printed lines found so far."""
        return len(self._ruling or ())

    def find(self, window: int) -> Segmentation | None:
        """Find ink whose strokes are narrower than the window, in pixels; None if there is none."""
        if window not in self._segmentations:
            self._segmentations[window] = self._find(window)
        return self._segmentations[window]

    def _find(self, window: int) -> Segmentation | None:
        background = grey_closing(self._plane[np.newaxis], window)[0]
        darkness, noise = measure_darkness(self._plane, background)
        peak = peak_of(darkness)
        if peak < max(PAGE.min_darkness, PAGE.min_noise_deviations * noise):
            return None
        if self._ruling is None:  # found once, because every window keeps the narrow lines
            # Finding lines takes as long as everything else, so it is skipped if the digit is alone.
            found = None if _reaches_edges(darkness, noise, peak) else self._find_in(darkness, noise, peak)
            if found and found.is_alone:
                return found
            self._ruling = find_ruling(darkness)
            if self._ruling.may_be_strokes and are_strokes(self._ruling, darkness, noise, peak):
                self._ruling = self._ruling.without_lines()
            if found and not self._ruling:
                return found
        if self._ruling:
            darkness = remove_ruling(darkness, self._ruling, peak)
            peak = peak_of(darkness)
        return self._find_in(darkness, noise, peak) if peak >= PAGE.min_darkness else None

    def _find_in(self, darkness: Floats, noise: float, peak: float) -> Segmentation | None:
        ink = pick_ink(darkness, noise, peak=peak)
        if ink is None:
            return None
        outline = outline_on_edges(self._plane, ink)
        horizontal_lines = self._ruling.level if self._ruling else NO_LINES
        return Segmentation(ink, darkness, self.n_lines, self._light_on_dark, outline, horizontal_lines)


def _reaches_edges(darkness: Floats, noise: float, peak: float) -> bool:
    """Whether anything as dark as ink reaches the picture's edges, as printed lines do."""
    low = darkness_of_ink(peak, noise)[1]
    edges = (darkness[0], darkness[-1], darkness[:, 0], darkness[:, -1])
    return sum(int(np.count_nonzero(edge > low)) for edge in edges) > PAGE.max_edge_specks


def are_strokes(ruling: Ruling, darkness: Floats, noise: float, peak: float) -> bool:
    """Whether lines are the digit's own straight strokes from edge to edge: as dark as its ink, and as wide.

    Args:
        ruling: At least one line.
        darkness: Shape (H, W), lines included.
        noise: Standard deviation of its noise.
        peak: The result of `peak_of`.
    """
    ink = pick_ink(darkness, noise, peak=peak)
    dark, width = measure_thinnest_line(darkness, ruling)
    return (
        ink is not None and dark >= PAGE.min_stem_darkness * peak and width >= PAGE.min_stem_width * ink.stroke_pixels
    )
