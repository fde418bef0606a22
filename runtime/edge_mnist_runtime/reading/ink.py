"""Pick the digit's ink from everything dark: leave out specks, frames, shadows and residue of printed lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.preprocess import mask_box
from edge_mnist_runtime.reading.components import Components, Mask, label_components
from edge_mnist_runtime.reading.filters import Floats, erode, max_within, min_within, quantile
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import Pixels

INK: Final = PICTURE_READING.ink

PEAK_SAMPLE: Final = (5, 0.97)
"""Step and quantile of a sample that is surely below the peak. It saves sorting, and does not change the result."""


@dataclass(frozen=True)
class Strokes:
    """One digit's ink."""

    inside: Floats
    """Darkness inside the box; 0 outside the mask."""
    mask: Mask
    """The digit's pixels in the picture, shape (H, W)."""
    box: Box
    """The box around the mask."""
    level: float
    """Darkness of full ink."""
    stroke_pixels: float
    """Mean width of the strokes, in pixels."""

    @property
    def darkness(self) -> Floats:
        """Darkness of the digit in the picture, 0 outside the mask, shape (H, W)."""
        own = np.zeros(self.mask.shape, np.float32)
        own[self.box.slices] = self.inside
        return own

    @property
    def length(self) -> float:
        """Length of all strokes in pixels, weighted by darkness."""
        return float(self.inside.sum()) / max(1.0, self.stroke_pixels)

    @property
    def side_pixels(self) -> int:
        """Longer side of the box, in pixels."""
        return self.box.long_side


@dataclass(frozen=True)
class Ink(Strokes):
    """The digit's ink, and everything else in the picture that is as dark."""

    page: Floats
    """Darkness of the whole picture, lines removed, shape (H, W)."""
    parts: Components
    """All connected components as dark as ink: those of the digit and those left out."""
    mass: npt.NDArray[np.float64]
    """Mass of ink of each component: the sum of its darkness. Shape (N,)."""

    @property
    def is_own(self) -> Mask:
        """Which components belong to the digit; bool, shape (N,)."""
        return self.parts.meet(self.mask)

    def with_mask(self, mask: Mask) -> Ink:
        """The same picture with other pixels as the digit."""
        return Ink(**vars(strokes_under(self.page, mask)), page=self.page, parts=self.parts, mass=self.mass)


def peak_of(darkness: Floats) -> float:
    """The darkness that even a small digit's ink reaches: a high quantile, see `peak_fraction`."""
    rank = darkness.size - 1 - int((1 - INK.peak_fraction) * (darkness.size - 1))
    # Sort only values above a sample's quantile, because few are near the peak.
    step, share = PEAK_SAMPLE
    bright = darkness[darkness > quantile(darkness[::step, ::step], share)]
    values = bright if len(bright) > rank else darkness.reshape(-1)
    return float(np.partition(values, len(values) - 1 - rank)[len(values) - 1 - rank])


def darkness_of_ink(peak: float, noise: float) -> tuple[float, float]:
    """The two thresholds of darkness: above the first a pixel is surely ink, above the second it may be ink."""
    return (
        max(INK.surely_ink * peak, INK.surely_ink_noise * noise),
        max(INK.maybe_ink * peak, INK.maybe_ink_noise * noise),
    )


def pick_ink(darkness: Floats, noise: float, *, peak: float | None = None) -> Ink | None:
    """Find the digit's ink.

    Args:
        darkness: Shape (H, W), lines removed.
        noise: Standard deviation of its noise.
        peak: The result of `peak_of`, if known.

    Returns:
        The ink; None if nothing stands out.
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
    return Ink(**vars(own), page=darkness, parts=parts, mass=mass)


def strokes_under(darkness: Floats, mask: Mask) -> Strokes:
    """The ink under a mask, which must not be empty; both arrays have shape (H, W)."""
    return _strokes_in(darkness, mask, mask_box(mask))


def _strokes_in(darkness: Floats, mask: Mask, box: Box) -> Strokes:
    """Like `strokes_under`, with the known box around the mask."""
    inside, covered = darkness[box.slices], mask[box.slices]
    level = float(quantile(inside[covered], INK.level_quantile))
    inside = inside * covered
    return Strokes(inside, mask, box, level, _stroke_width(inside, level))


def _stroke_width(ink: Floats, level: float) -> float:
    """Mean width of strokes in pixels: twice their area over the length of their outline. Full ink is `level`."""
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
    """Weigh each component as a digit, shape (N,): its mass, less at the picture's edge, 0 for specks and frames."""
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
    """Choose the digit's components: the heaviest, and all that are near and heavy enough. Bool, shape (N,)."""
    weight = weigh_parts(parts, mass, shape)
    chosen = np.zeros(len(parts), np.bool_)
    if not weight.max(initial=0) > 0:
        return chosen
    main = weight.argmax()
    chosen[main] = True
    if np.count_nonzero(weight >= INK.min_mass * mass[main]) == 1:
        return chosen  # all others are specks
    widths = stroke_widths(parts)
    are_blots = widths > INK.blob_breadths * widths[main]
    while True:
        around = box_around(parts.boxes[chosen])
        joins = _belong(parts.boxes, around) & (weight >= INK.min_mass * mass[chosen].sum())
        joins &= ~chosen & ~are_blots & ~_are_residue(parts.boxes, around, widths, widths[main])
        if not joins.any():
            return chosen
        chosen |= joins


def _belong(boxes: npt.NDArray[np.intp], around: Box) -> Mask:
    """Which components are near the digit's box `around`, and large enough to belong to it; bool, shape (N,)."""
    heights, widths = sides_of(boxes)
    is_near = np.hypot(*gaps_to(boxes, around)) <= INK.group_gap * around.long_side
    return is_near & (np.maximum(heights, widths) >= INK.min_own_side * around.long_side)


def _are_residue(boxes: npt.NDArray[np.intp], around: Box, strokes: npt.NDArray[np.float64], usual: float) -> Mask:
    """Which components are residue of a frame or printed line; bool, shape (N,).

    They lie beside the digit, and are thin, straight and as long as it.
    """
    heights, widths = sides_of(boxes)
    gap_down, gap_right = gaps_to(boxes, around)
    is_beside = gap_right > INK.rest_gap * around.long_side
    is_upright = is_beside & (heights > INK.rest_thinness * widths) & (heights > INK.rest_length * around.height)
    is_level = (gap_down > 0) & (widths > INK.rest_thinness * heights) & (widths > INK.rest_length * around.width)
    return (is_upright | is_level) & (strokes < INK.rest_breadth * usual)


def sides_of(boxes: npt.NDArray[np.intp]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Heights and widths, each of shape (N,), of boxes in the order of `Box`, shape (N, 4)."""
    return boxes[:, 3] - boxes[:, 1], boxes[:, 2] - boxes[:, 0]


def gaps_to(boxes: npt.NDArray[np.intp], one: Any) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Number of empty rows and of empty columns between boxes, shape (N, 4), and one box; each of shape (N,)."""
    left, top, right, bottom = one
    down = np.maximum(np.maximum(top - boxes[:, 3], boxes[:, 1] - bottom), 0)
    across = np.maximum(np.maximum(left - boxes[:, 2], boxes[:, 0] - right), 0)
    return down, across


def stroke_widths(parts: Components) -> npt.NDArray[np.float64]:
    """Mean stroke width of each component in pixels: twice its area over its outline; shape (N,)."""
    inside = parts.sums(parts.pick(erode(parts.mask)).astype(np.float32))
    return 2 * parts.areas / np.maximum(parts.areas - inside, 1)


def outline_on_edges(plane: Pixels, ink: Ink) -> float:
    """Fraction of the ink's outline, 0..1, that lies on an edge in the picture.

    An edge is where the light falls by at least half of the ink's darkness within `outline_reach_pixels`. Outline near
    the picture's border does not count, because there are no pixels beyond it to compare.

    Args:
        plane: The picture, dark ink on light, uint8, shape (H, W).
        ink: The ink found in it.
    """
    reach = INK.outline_reach_pixels
    around = reach + 1
    left, top = max(0, ink.box.left - around), max(0, ink.box.top - around)
    near = Box(left, top, ink.box.right + around, ink.box.bottom + around)
    mask, light = ink.mask[near.slices], plane[near.slices]
    outline = mask & ~erode(mask)
    height, width = plane.shape
    outline[: max(0, reach - top)] = outline[height - reach - top :] = False
    outline[:, : max(0, reach - left)] = outline[:, width - reach - left :] = False
    lightest = max_within(light, reach)[outline].astype(np.float32)
    drop = lightest - min_within(light, reach)[outline]
    drop /= np.maximum(lightest, PICTURE_READING.ground.darkest_level)
    return float(np.count_nonzero(drop > INK.outline_drop * ink.level) / max(1, len(drop)))


def find_frames(parts: Components, mass: npt.NDArray[np.float64]) -> Mask:
    """Which components are frames; bool, shape (N,).

    A frame covers three sides of its box and has a component inside, or is thin and covers all four sides. A circle
    has a component inside, too, as have outlines of digits, but stays away from its middle.
    """
    found, boxes = np.zeros(len(parts), np.bool_), parts.boxes
    order = np.argsort(-mass)[: INK.frame_candidates]
    left, top, right, bottom = boxes[order].T[..., np.newaxis]
    heights, _ = sides_of(boxes)
    inside = (boxes[:, 0] > left) & (boxes[:, 1] > top) & (boxes[:, 2] < right) & (boxes[:, 3] < bottom)
    inside &= (heights >= INK.framed_height * (bottom - top)) & (mass > INK.framed_mass * mass[order, np.newaxis])
    holds_something = inside.any(1)
    tall, wide = (bottom - top)[:, 0], (right - left)[:, 0]
    is_round = np.minimum(tall, wide) > INK.min_roundness * np.maximum(tall, wide)
    sparse = parts.areas[order] < INK.sparse_area * tall * wide
    for which in np.flatnonzero(holds_something | sparse):
        index = order[which]
        covered = _covered_sides(parts, index)
        if holds_something[which]:
            may_be_circle = is_round[which] and covered[0] > INK.circle_cover
            found[index] = covered[1] > INK.framing_cover or (may_be_circle and _is_ellipse(parts, index))
        else:
            found[index] = covered[0] > INK.sparse_cover
    return found


def _is_ellipse(parts: Components, index: int) -> bool:
    """Whether nearly all of a component is far from the middle of its box, in halves of its sides."""
    own = _own_pixels(parts, index)
    rows, columns = np.nonzero(own)
    height, width = own.shape
    away = np.hypot((2 * rows + 1) / height - 1, (2 * columns + 1) / width - 1)
    return bool((away >= INK.circle_inside).mean() >= INK.circle_part)


def _covered_sides(parts: Components, index: int) -> list[float]:
    """Fraction of each side of a component's box that its ink covers, 0..1, in ascending order."""
    own = _own_pixels(parts, index)
    depth = max(1, round(INK.frame_depth * max(own.shape)))
    sides = (own[:depth].any(0), own[-depth:].any(0), own[:, :depth].any(1), own[:, -depth:].any(1))
    return sorted(float(side.mean()) for side in sides)


def _own_pixels(parts: Components, index: int) -> Mask:
    """A component's pixels in its box, bool, shape (H, W) of the box."""
    own: Mask = parts.labels[Box(*parts.boxes[index]).slices] == index + 1
    return own


def box_around(boxes: npt.NDArray[np.intp]) -> Box:
    """The smallest box around several boxes, shape (N, 4)."""
    return Box(*map(int, boxes[:, :2].min(0)), *map(int, boxes[:, 2:].max(0)))


def touches_edge(boxes: npt.NDArray[np.intp], shape: tuple[int, ...]) -> Mask:
    """Which boxes, shape (N, 4), touch an edge of a picture of `shape` (H, W); bool, shape (N,)."""
    touches: Mask = (boxes[:, :2] == 0).any(1) | (boxes[:, 2:] == shape[::-1]).any(1)
    return touches
