"""Kinds of rendered pictures: pen, background, light and camera of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from benchmarks.rendering.papers import Colour, Light, Ruling

Pen = Literal["pen", "thin", "pencil", "marker", "chalk"]
Ground = Literal["paper", "coloured", "board", "whiteboard", "desk"]
Camera = Literal["phone", "poor", "scanner", "drawing"]

PEN_WIDTHS: Final[dict[Pen, tuple[float, float]]] = {
    "pen": (0.05, 0.09),
    "thin": (0.018, 0.035),
    "pencil": (0.025, 0.05),
    "marker": (0.12, 0.2),
    "chalk": (0.06, 0.12),
}
"""Smallest and largest stroke width of each pen, as a fraction of the digit's height."""

INKS: Final[tuple[Colour, ...]] = ((0.08, 0.08, 0.1), (0.1, 0.12, 0.4), (0.05, 0.05, 0.05))
COLOURED_INKS: Final[tuple[Colour, ...]] = (
    (0.8, 0.12, 0.12),
    (0.25, 0.55, 0.85),
    (0.1, 0.55, 0.25),
    (0.9, 0.5, 0.1),
    (0.85, 0.3, 0.6),
    (0.5, 0.3, 0.7),
)
"""Red, light blue, green, orange, pink and violet."""


@dataclass(frozen=True)
class PictureKind:
    """One kind of picture. Everything not fixed here is random."""

    pen: Pen = "pen"
    ground: Ground = "paper"
    ruling: Ruling = "none"
    light: Light = "uneven"
    camera: Camera = "phone"
    is_coloured: bool = False
    """Whether the ink is one of `COLOURED_INKS`."""
    height: tuple[float, float] = (0.3, 0.65)
    """Smallest and largest height of the digit, as a fraction of the picture's shorter side."""
    tilt_degrees: float = 6.0
    is_centred: bool = True
    """Whether the digit is near the middle; otherwise it is anywhere in the picture."""


KINDS: Final[dict[str, PictureKind]] = {
    "drawing": PictureKind(light="flat", camera="drawing", tilt_degrees=0),
    "drawing, light on dark": PictureKind(pen="chalk", ground="board", light="flat", camera="drawing", tilt_degrees=0),
    "scan": PictureKind(light="flat", camera="scanner", tilt_degrees=2),
    "scan of squared paper": PictureKind(ruling="squared", light="flat", camera="scanner", tilt_degrees=2),
    "photograph": PictureKind(),
    "shadow": PictureKind(light="shadow"),
    "lamp": PictureKind(light="lamp"),
    "paper on a desk": PictureKind(ground="desk", height=(0.25, 0.5)),
    "lined paper": PictureKind(ruling="lined"),
    "lined paper, shadow": PictureKind(ruling="lined", light="shadow"),
    "lined paper, margin": PictureKind(ruling="margin", tilt_degrees=10),
    "squared paper": PictureKind(ruling="squared"),
    "squared paper, pencil": PictureKind(pen="pencil", ruling="squared"),
    "dotted paper": PictureKind(ruling="dots"),
    "box of a form": PictureKind(ruling="box", height=(0.35, 0.5), tilt_degrees=3),
    "thin pen": PictureKind(pen="thin"),
    "pencil": PictureKind(pen="pencil", light="shadow"),
    "thick marker": PictureKind(pen="marker"),
    "coloured ink": PictureKind(is_coloured=True),
    "coloured ink on lines": PictureKind(is_coloured=True, ruling="lined"),
    "coloured paper": PictureKind(ground="coloured"),
    "chalk on a board": PictureKind(pen="chalk", ground="board"),
    "whiteboard": PictureKind(pen="marker", ground="whiteboard", light="glare", is_coloured=True, height=(0.2, 0.5)),
    "tilted": PictureKind(tilt_degrees=12),
    "poor camera": PictureKind(camera="poor", light="shadow"),
    "tiny": PictureKind(height=(0.08, 0.14), is_centred=False),
    "off centre": PictureKind(height=(0.18, 0.35), is_centred=False),
    "filling the frame": PictureKind(height=(0.86, 0.97), tilt_degrees=4),
}
"""Every kind by name."""
