"""The digit's ink among everything else that is dark: specks, frames, shadows, what is left of lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.preprocess import mask_box
from edge_mnist_runtime.reading.components import Components, Mask, label_components
from edge_mnist_runtime.reading.filters import quantile
from edge_mnist_runtime.reading.parameters import PICTURE_READING

Floats = npt.NDArray[np.float32]
Levels = npt.NDArray[np.uint8]

INK: Final = PICTURE_READING.ink

PEAK_SAMPLE: Final = (5, 0.97)
"""Step and quantile of a sample below which no peak is: saves sorting, and changes no result."""

OUTLINE_REACH: Final = 2
"""Pixels around an outline in which the light is compared, to each side: soft edges are as wide."""


@dataclass(frozen=True)
class Strokes:
    """One digit's ink."""

    inside: Floats
    """Darkness inside the box: as measured where the digit is, 0 elsewhere."""
    mask: Mask
    """Where the digit is, shape (H, W)."""
    box: Box
    """Around the mask."""
    level: float
    """Darkness of full ink."""
    stroke_pixels: float
    """Mean width of the strokes."""

    @property
    def darkness(self) -> Floats:
        """As measured where the digit is, 0 elsewhere, shape (H, W)."""
        own = np.zeros(self.mask.shape, np.float32)
        own[self.box.slices] = self.inside
        return own

    @property
    def length(self) -> float:
        """Length of all strokes in pixels, times their darkness."""
        return float(self.inside.sum()) / max(1.0, self.stroke_pixels)

    @property
    def side_pixels(self) -> int:
        """Longer side of the box."""
        return self.box.long_side


@dataclass(frozen=True)
class Ink(Strokes):
    """The digit's own ink, and what else was found."""

    page: Floats
    """Darkness of the whole picture, lines removed, shape (H, W)."""
    parts: Components
    """All that is as dark as ink, and hangs together: the digit and what is left out."""
    mass: npt.NDArray[np.float64]
    """Ink of each part, shape (N,)."""

    def with_mask(self, mask: Mask) -> Ink:
        """Other parts of the same picture as the digit's own."""
        return _among(strokes_under(self.page, mask), self.page, self.parts, self.mass)


def peak_of(darkness: Floats) -> float:
    """Darkness that the ink of even a small digit reaches."""
    rank = darkness.size - 1 - int((1 - INK.peak_fraction) * (darkness.size - 1))
    # Few values are near the peak: what is below most of a sample needs no sorting.
    step, share = PEAK_SAMPLE
    bright = darkness[darkness > quantile(darkness[::step, ::step], share)]
    values = bright if len(bright) > rank else darkness.reshape(-1)
    return float(np.partition(values, len(values) - 1 - rank)[len(values) - 1 - rank])


def darkness_of_ink(peak: float, noise: float) -> tuple[float, float]:
    """Darkness from which on a point is surely ink, and from which on it may be."""
    return (
        max(INK.surely_ink * peak, INK.surely_ink_noise * noise),
        max(INK.maybe_ink * peak, INK.maybe_ink_noise * noise),
    )


def pick_ink(darkness: Floats, noise: float, *, peak: float | None = None) -> Ink | None:
    """Find the digit.

    Args:
        darkness: Shape (H, W), lines removed.
        noise: Standard deviation of its noise.
        peak: What `peak_of` says of it, where that is known.

    Returns:
        None where nothing stands out.
    """
    peak = peak_of(darkness) if peak is None else peak
    high, low = darkness_of_ink(peak, noise)
    parts = label_components(darkness > low)
    if peak <= 0:
        return None
    picked = parts.pick(darkness)
    mass = parts.sums(np.where(picked > high, picked, 0))
    chosen = choose_parts(parts, mass, darkness.shape)
    if not chosen.any():
        return None
    own = _strokes_in(darkness, parts.mask_of(chosen), box_around(parts.boxes[chosen]))
    return _among(own, darkness, parts, mass)


def _among(own: Strokes, page: Floats, parts: Components, mass: npt.NDArray[np.float64]) -> Ink:
    return Ink(own.inside, own.mask, own.box, own.level, own.stroke_pixels, page, parts, mass)


def strokes_under(darkness: Floats, mask: Mask) -> Strokes:
    """The ink under a mask that is not empty; both of shape (H, W)."""
    return _strokes_in(darkness, mask, mask_box(mask))


def _strokes_in(darkness: Floats, mask: Mask, box: Box) -> Strokes:
    """As `strokes_under`, where the box around the mask is known: a digit fills a small part of its picture."""
    part, covered = darkness[box.slices], mask[box.slices]
    level = float(quantile(part[covered], INK.level_quantile))
    inside = part * covered
    return Strokes(inside, mask, box, level, _stroke_width(inside, level))


def _stroke_width(ink: Floats, level: float) -> float:
    """Mean width of strokes, in pixels: twice the area over the outline; full ink is `level`, shape (H, W)."""
    soft = np.zeros((ink.shape[0] + 2, ink.shape[1] + 2), np.float32)
    full = soft[1:-1, 1:-1]
    np.clip(np.divide(ink, np.float32(max(level, 1e-6)), out=full), 0, 1, out=full)
    down, right = soft[1:, :-1] - soft[:-1, :-1], soft[:-1, 1:] - soft[:-1, :-1]
    down *= down
    right *= right
    down += right
    steps = np.sqrt(down, out=down)  # several times as fast as hypot
    return float(2 * soft.sum() / max(float(steps.sum()), 1e-6))


def weigh_parts(parts: Components, mass: npt.NDArray[np.float64], shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """How much each part counts as a digit, shape (N,): its mass; less at an edge, nothing for specks and frames."""
    boxes = parts.boxes
    heights, widths = sides_of(boxes)
    weight = (
        mass
        * np.where(touches_edge(boxes, shape), INK.edge_weight, 1.0)
        * (np.maximum(heights, widths) >= INK.min_side * min(shape))
    )
    weight[find_frames(parts, mass)] = 0
    return weight


def choose_parts(parts: Components, mass: npt.NDArray[np.float64], shape: tuple[int, ...]) -> Mask:
    """Which parts are the digit: the heaviest one, and what is near enough and heavy enough to belong to it."""
    weight = weigh_parts(parts, mass, shape)
    chosen = np.zeros(len(parts), np.bool_)
    if not weight.max(initial=0) > 0:
        return chosen
    main = weight.argmax()
    chosen[main] = True
    if np.count_nonzero(weight >= INK.min_mass * mass[main]) == 1:
        return chosen  # all else is specks
    breadths = _breadths(parts)
    are_blots = breadths > INK.blob_breadths * breadths[main]
    while True:
        around = box_around(parts.boxes[chosen])
        joins = _belong(parts.boxes, around) & (weight >= INK.min_mass * mass[chosen].sum())
        joins &= ~chosen & ~are_blots & ~_are_rests(parts.boxes, around, breadths, breadths[main])
        if not joins.any():
            return chosen
        chosen |= joins


def _belong(boxes: npt.NDArray[np.intp], around: Box) -> Mask:
    """Which parts are near enough to the digit, whose box is `around`, and large enough beside it; shape (N,)."""
    heights, widths = sides_of(boxes)
    is_near = np.hypot(*gaps_to(boxes, around)) <= INK.group_gap * around.long_side
    return is_near & (np.maximum(heights, widths) >= INK.min_own_side * around.long_side)


def _are_rests(boxes: npt.NDArray[np.intp], around: Box, breadths: npt.NDArray[np.float64], usual: float) -> Mask:
    """Which parts stand beside the digit, thin, straight and as long as it: rests of a frame or a line; shape (N,)."""
    heights, widths = sides_of(boxes)
    gap_down, gap_right = gaps_to(boxes, around)
    is_beside = gap_right > INK.rest_gap * around.long_side
    is_upright = is_beside & (heights > INK.rest_thinness * widths) & (heights > INK.rest_length * around.height)
    is_level = (gap_down > 0) & (widths > INK.rest_thinness * heights) & (widths > INK.rest_length * around.width)
    return (is_upright | is_level) & (breadths < INK.rest_breadth * usual)


def sides_of(boxes: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Heights and widths of boxes in the order of `Box`, shape (N, 4)."""
    return boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]


def gaps_to(boxes: npt.NDArray[np.intp], one: Any) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Empty rows and empty columns between boxes, shape (N, 4), and one box."""
    left, top, right, bottom = one
    down = np.maximum(np.maximum(top - boxes[:, 3], boxes[:, 1] - bottom), 0)
    across = np.maximum(np.maximum(left - boxes[:, 2], boxes[:, 0] - right), 0)
    return down, across


def _breadths(parts: Components) -> npt.NDArray[np.float64]:
    """Mean width of each part's strokes, in pixels: twice the area over the outline; shape (N,)."""
    inside = parts.sums(parts.pick(inner(parts.mask)).astype(np.float32))
    return 2 * parts.areas / np.maximum(parts.areas - inside, 1)


def inner(mask: Mask) -> Mask:
    """Pixels of a mask, shape (H, W), whose four neighbours are in it, too."""
    inside = np.zeros_like(mask)
    inside[1:-1, 1:-1] = mask[2:, 1:-1] & mask[:-2, 1:-1] & mask[1:-1, 2:] & mask[1:-1, :-2] & mask[1:-1, 1:-1]
    return inside


def outline_on_edges(plane: Levels, ink: Ink) -> float:
    """Part of the ink's outline, 0..1, around which the light, shape (H, W), falls by half of what the ink takes.

    Where ink leaves the picture, or the picture was cut close to it, there is nothing around it to tell from.
    """
    around = OUTLINE_REACH + 1
    left, top = max(0, ink.box.left - around), max(0, ink.box.top - around)
    near = Box(left, top, ink.box.right + around, ink.box.bottom + around)
    mask, light = ink.mask[near.slices], plane[near.slices]
    outline = mask & ~inner(mask)
    height, width = plane.shape
    reach = OUTLINE_REACH
    outline[: max(0, reach - top)] = outline[max(0, height - reach - top) :] = False
    outline[:, : max(0, reach - left)] = outline[:, max(0, width - reach - left) :] = False
    most = _over_neighbours(light, np.maximum)[outline].astype(np.float32)
    drop = (most - _over_neighbours(light, np.minimum)[outline]) / np.maximum(
        most, PICTURE_READING.ground.darkest_level
    )
    return float(np.count_nonzero(drop > INK.outline_drop * ink.level) / max(1, len(drop)))


def _over_neighbours(plane: Levels, function: Any) -> Levels:
    """`function` over the 5 x 5 pixels around each one; beyond its edges the picture goes on as it ends."""
    for _ in range(2):
        padded = np.empty((len(plane) + 4, plane.shape[1]), plane.dtype)  # np.pad takes as long as all the rest
        padded[2:-2], padded[:2], padded[-2:] = plane, plane[0], plane[-1]
        pairs = function(padded[:-1], padded[1:])
        plane = function(function(pairs[:-3], pairs[2:-1]), padded[4:]).T
    return plane


def find_frames(parts: Components, mass: npt.NDArray[np.float64]) -> Mask:
    """Which parts are drawn around another one: ink on all four sides of the box, and something inside; shape (N,)."""
    found, boxes = np.zeros(len(parts), np.bool_), parts.boxes
    order = np.argsort(-mass)[: INK.frame_candidates]
    left, top, right, bottom = boxes[order].T[..., np.newaxis]
    heights, _ = sides_of(boxes)
    inside = (boxes[:, 0] > left) & (boxes[:, 1] > top) & (boxes[:, 2] < right) & (boxes[:, 3] < bottom)
    inside &= (heights >= INK.framed_height * (bottom - top)) & (mass > INK.framed_mass * mass[order, np.newaxis])
    holds_something = inside.any(1)
    sparse = parts.areas[order] < INK.sparse_area * ((bottom - top) * (right - left))[:, 0]
    for which in np.flatnonzero(holds_something | sparse):
        index = order[which]
        covered = _covered_sides(parts, index)
        found[index] = covered[1] > INK.framing_cover if holds_something[which] else covered[0] > INK.sparse_cover
    return found


def _covered_sides(parts: Components, index: int) -> list[float]:
    """How much of each side of a part's box its ink covers, 0..1, the least first."""
    own = parts.labels[Box(*parts.boxes[index]).slices] == index + 1
    depth = max(1, round(INK.frame_depth * max(own.shape)))
    sides = (own[:depth].any(0), own[-depth:].any(0), own[:, :depth].any(1), own[:, -depth:].any(1))
    return sorted(float(side.mean()) for side in sides)


def box_around(boxes: npt.NDArray[np.intp]) -> Box:
    """The box around several ones, shape (N, 4)."""
    return Box(*map(int, boxes[:, :2].min(0)), *map(int, boxes[:, 2:].max(0)))


def touches_edge(boxes: npt.NDArray[np.intp], shape: tuple[int, ...]) -> Mask:
    """Which of several boxes, shape (N, 4), touch an edge of a picture, shape (H, W); bool, shape (N,)."""
    touches: Mask = (boxes[:, :2] == 0).any(1) | (boxes[:, 2:] == shape[::-1]).any(1)
    return touches
