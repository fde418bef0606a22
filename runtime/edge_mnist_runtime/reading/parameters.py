"""How pictures are read: the parameters of finding a digit's ink, apart from what models depend on.

A model depends on the tensor that ink becomes (`preprocess.PREPROCESS`), whatever found the ink. So finding can get
better, under a version of its own, and every model stays valid.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from edge_mnist_runtime.reading.modes import READING_MODES, ReadingMode, require_mode

__all__ = ["PICTURE_READING", "READING_MODES", "PictureReadingDefinition", "ReadingMode", "require_mode"]


@dataclass(frozen=True)
class PictureReadingDefinition:
    """Everything that decides which ink is found in a picture."""

    version: int = 7
    """Raised with every change of the steps or of a parameter. Version 1 was the reading that `mnist` still is."""
    look_side_pixels: int = 360
    """Longest side of what is looked at at once."""
    near_side_pixels: int = 72
    """A digit whose longer side is below this is looked at again, nearer, where the picture holds more pixels."""
    detail_side_pixels: int = 1000
    """Larger pictures are averaged down until their long side is below twice this, before anything else."""
    widest_stroke_part: float = 0.3
    """Of a picture's shorter side: a stroke this wide is still ink, a shadow wider than it is ground."""
    further_window_parts: tuple[float, ...] = (0.6, 0.15, 0.075, 0.04)
    """Of a picture's shorter side: what counts as wide where the first look saw no clear strokes."""
    clear_outline: float = 0.95
    """Part of the ink's outline that must lie on edges of the picture for strokes to be clear."""
    clear_darkness: float = 0.3
    """Part of the ground's light that clear strokes take away at least."""
    sure_polarity: float = 0.3
    """How much smoother the ground must be for dark ink than for light ink, or the other way round, to be sure."""
    certain_polarity: float = 0.9
    """...and to look for no ink of the less likely polarity at all."""
    other_polarity_margin: float = 1.5
    """How much better ink of the less likely polarity must look..."""
    decisive_margin: float = 4.0
    """...and how much better than that of the other polarity sharp strokes look where no doubt is left."""
    least_darkness: float = 0.05
    """Part of the ground's light that any ink takes away at least..."""
    least_noise_deviations: float = 5.0
    """...and how many times the noise's standard deviation."""
    blob_part: float = 0.25
    """Strokes wider than this part of the digit's longer side are less and less likely strokes."""
    hair_part: float = 0.02
    """Strokes narrower than this part of the digit's longer side are less and less likely strokes, too: they are the
    edges of wider ones, or grain."""
    strips: int = 32
    """Strips that a picture is cut into to look for printed lines..."""
    shown_part: float = 0.7
    """...and the part of them in which a line must show."""
    steepest_line: float = 0.27
    """Greatest slope of a line, rows a column: 15 degrees."""
    line_fanning: float = 0.1
    """How far the slopes of one family of lines may differ, as perspective makes them."""
    faintest_line: float = 0.015
    """Part of the ground's light below which a line is none."""
    narrow_frame: float = 1.6
    """Along a picture this many times as long as it is broad, a single line is none."""
    even_levels: int = 6
    """Grey levels by which an even ground may differ from its median, as JPEG makes it differ."""
    soft_edge_pixels: int = 3
    """So far from strokes grey is their soft edge..."""
    soft_edge_part: float = 0.05
    """...or so far, as a part of the picture's longer side: small pictures that were enlarged have edges that wide."""
    max_stroke_part: float = 0.5
    """Part of a clean drawing that its strokes cover at most; what covers more is a framed sheet."""
    enlargement_levels: float = 5.0
    """Grey levels, root mean square, by which an enlarged tensor may differ from its tensor enlarged anew..."""
    enlargement_centre_pixels: float = 0.75
    """...and pixels by which its ink's centre may be off the frame's: MNIST's are within half a pixel."""
    clear_levels: int = 64
    """Grey levels by which the ink of a clean drawing differs from its ground at least."""
    least_photo_side_pixels: int = 40
    """In smaller pictures paper, lines and shadows cannot be told from strokes; they are read as drawings."""
    peak_part: float = 0.0012
    """Part of all pixels that even a small digit's ink covers."""
    group_gap: float = 0.35
    """Parts of a digit are no further apart than this part of its longer side."""
    least_side_pixels: float = 9.0
    """A digit whose longer side is below this, in the picture's own pixels, is too small to be read."""
    filled_frame_part: float = 0.15
    """Ink that crosses an edge is cut off where this part of the digit's longer side is free at the opposite edge."""
    crossing_width: float = 0.65
    """Ink at an edge that is narrower than this part of a stroke, or of what is half a stroke inside, ends there."""
    crossing_depth: float = 1.6
    """Strokes' widths inside the edge at which a stroke that crosses it is still seen..."""
    crossing_goes_on: float = 0.5
    """...and how wide at least, as a part of its width at the edge."""
    grain_signs: int = 4
    """So many signs of paper and shade together make what was found no ink."""
    least_glyph_part: float = 0.5
    """Ink this much as tall as the digits around it, at least, is a digit of its own."""
    other_row_part: float = 0.3
    """Ink in other rows, as a part of a row's own, from which on a picture shows several rows."""
    cut_price: float = 0.15
    """What it costs to cut touching digits through one stroke, where the network's doubt is -log of its confidence."""
    thinnest_stroke_part: float = 0.1
    """Width that thinner strokes are brought to, as a part of the digit's longer side."""

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical JSON of all parameters."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {"version": self.version, "sha256": self.sha256}


PICTURE_READING: Final = PictureReadingDefinition()
"""The definition that this version of edge-mnist uses."""
