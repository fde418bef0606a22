"""A picture of one polarity, looked at through windows: what each shows of ground, printed lines and ink."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.reading.filters import close_gaps
from edge_mnist_runtime.reading.glance import Glance
from edge_mnist_runtime.reading.ground import measure_darkness
from edge_mnist_runtime.reading.ink import Ink, darkness_of_ink, outline_on_edges, peak_of, pick_ink
from edge_mnist_runtime.reading.line_removal import remove_ruling
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.ruled_lines import Ruling, find_ruling

Floats = npt.NDArray[np.float32]

PAGE: Final = PICTURE_READING.page


@dataclass(frozen=True)
class Look:
    """Ink that was found through one window."""

    ink: Ink
    darkness: Floats
    lines: int
    light_on_dark: bool
    outline: float
    """Part of the ink's outline, 0..1, where the picture has an edge: a shadow's has not, nor that of half a stroke."""

    @property
    def score(self) -> float:
        """How much the ink looks like strokes of a pen: length and darkness, on a clear outline."""
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
        """Whether strokes are clear, and nothing else is as dark: a narrower window has nothing to tell apart."""
        if not self.is_sharp:
            return False
        mass = self.ink.mass
        return float(mass.sum() - mass.max()) < PAGE.max_other_mass * float(mass.sum())

    @property
    def is_sharp(self) -> bool:
        """Whether strokes are clear, and a narrower window has nothing to add to their outline."""
        return self.is_clear and self.outline >= PAGE.sharp_outline

    @property
    def is_clear(self) -> bool:
        """Whether no other window can show better strokes."""
        return (
            self.outline >= PAGE.clear_outline
            and self.ink.level >= PAGE.clear_darkness
            and self.ink.stroke_pixels < PAGE.blob_width * self.ink.side_pixels
        )


class Page:
    """A picture of one assumed polarity, looked at through windows of several sizes."""

    def __init__(self, glance: Glance, light_on_dark: bool) -> None:
        self._plane = glance.mix_colours(light_on_dark=light_on_dark)
        self._light_on_dark = light_on_dark
        self._ruling: Ruling | None = None
        self._looks: dict[int, Look | None] = {}

    @property
    def n_lines(self) -> int:
        """Printed lines that were found so far."""
        return len(self._ruling or ())

    def find(self, window: int) -> Look | None:
        """The ink that differs from the ground, and is narrower than the window."""
        if window not in self._looks:
            self._looks[window] = self._find(window)
        return self._looks[window]

    def _find(self, window: int) -> Look | None:
        ground = close_gaps(self._plane[np.newaxis], window)[0]
        darkness, noise = measure_darkness(self._plane, ground)
        peak = peak_of(darkness)
        least = max(PAGE.min_darkness, PAGE.min_noise_deviations * noise)
        if peak < least:
            return None
        if self._ruling is None:  # lines are narrow: every window shows the same
            # Looking for lines takes as long as all the rest.
            look = None if _reaches_edges(darkness, noise, peak) else self._find_in(darkness, noise, peak)
            if look and look.is_alone:
                return look
            self._ruling = find_ruling(darkness)
            if look and not self._ruling:
                return look
        if self._ruling:
            darkness = remove_ruling(darkness, self._ruling, peak)
            peak = peak_of(darkness)
        return self._find_in(darkness, noise, peak) if peak >= PAGE.min_darkness else None

    def _find_in(self, darkness: Floats, noise: float, peak: float) -> Look | None:
        ink = pick_ink(darkness, noise, peak=peak)
        if ink is None:
            return None
        outline = outline_on_edges(self._plane, ink)
        return Look(ink, darkness, len(self._ruling or ()), self._light_on_dark, outline)


def _reaches_edges(darkness: Floats, noise: float, peak: float) -> bool:
    """Whether something as dark as ink reaches the picture's edges, as printed lines do."""
    low = darkness_of_ink(peak, noise)[1]
    edges = (darkness[0], darkness[-1], darkness[:, 0], darkness[:, -1])
    return sum(int(np.count_nonzero(edge > low)) for edge in edges) > PAGE.max_edge_specks
