"""What reading a picture gives: the tensor, where its digit is, and what is wrong with it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from PIL import Image

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.prediction import Quality, Reason
from edge_mnist_runtime.reading.modes import ReadingMode
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.rejection import min_confidence_despite
from edge_mnist_runtime.tensor import Pixels

Steps = tuple[tuple[str, Image.Image], ...]


@dataclass(frozen=True)
class Reading:
    """The tensor of one picture, and how it was found."""

    pixels: Pixels
    """The tensor: uint8, shape (28, 28), bright ink on black; all 0 without ink."""
    mode: ReadingMode
    """The mode that was used: `raw` (a tensor, also an enlarged or inverted one), `mnist` or `photo`."""
    box: Box | None = None
    """The digit's box, in the upright picture's own pixels; None for tensors and pictures without ink."""
    light_on_dark: bool | None = None
    """Whether the ink is lighter than its background; None for unchanged tensors and pictures without ink."""
    lines_removed: int = 0
    """Number of printed lines removed."""
    quality: Quality | None = None
    """How well the picture shows its digit; None for tensors and pictures without ink."""
    flaw: Reason | None = None
    """Rejection reason found before the network runs; None if there is none."""
    draw_steps: Callable[[], Steps] | None = None
    """Draws `steps` on demand, because most are never shown."""
    is_grain: bool = False
    """Whether the picture is blank, but its grain forms strokes. They are in the tensor, and `box` is around them."""

    @property
    def min_confidence(self) -> float:
        """Confidence from which the network's answer counts in spite of the flaw; infinite if none does."""
        if self.is_grain:
            return PICTURE_READING.reader.sure_of_grain
        return min_confidence_despite(self.flaw)

    @property
    def steps(self) -> Steps:
        """Name and picture (mode L or RGB) of each intermediate step."""
        return self.draw_steps() if self.draw_steps else ()

    def require_ink(self, origin: str) -> Pixels:
        """Return the tensor of a picture that is not blank; messages name the picture `origin`.

        Raises:
            PictureError: The picture is blank, or its strokes are grain.
        """
        if self.flaw == "blank":
            raise PictureError(f"{origin}: blank, no ink found; expected a picture of one digit")
        return self.pixels

    def to_dict(self) -> dict[str, Any]:
        """For the command line's JSON output."""
        return {
            "mode": self.mode,
            "box": self.box and list(self.box),
            "light_on_dark": self.light_on_dark,
            "lines_removed": self.lines_removed,
            "quality": self.quality and self.quality.to_dict(),
            "flaw": self.flaw,
            "min_confidence": self.min_confidence if math.isfinite(self.min_confidence) else None,
        }
