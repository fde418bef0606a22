"""Find the digit's ink in a photograph: subtract the background, remove printed lines, pick the ink.

Whether a dark region is ink or shadow depends on the width of the strokes. So the picture is segmented at several
scales (sizes of the closing window), and the segmentation with the best score is kept. Its strokes are long, dark and
surrounded by edges in the picture. A small digit is segmented again at a higher resolution.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.box import Box, Sides
from edge_mnist_runtime.prediction import Reason
from edge_mnist_runtime.reading.filters import Floats
from edge_mnist_runtime.reading.ink import Strokes
from edge_mnist_runtime.reading.page import Page, Segmentation
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.rejection import find_rejection_reason, is_grain
from edge_mnist_runtime.reading.thin_strokes import widen_thin_strokes
from edge_mnist_runtime.reading.thumbnail import make_thumbnail
from edge_mnist_runtime.tensor import Pixels

PHOTO: Final = PICTURE_READING.photo


@dataclass(frozen=True)
class FoundInk:
    """A digit found in a picture."""

    ink: Pixels
    """The digit's crop: bright ink on exactly 0, uint8, shape (H, W)."""
    darkness: Floats
    """Difference from the background in the segmented region, lines removed, shape (H, W)."""
    sides: Sides
    """The digit's box as fractions of the whole picture."""
    light_on_dark: bool
    """Whether the ink is lighter than its background."""
    lines: int
    """Number of printed lines removed."""
    contrast: float
    """Fraction of the background's light that the ink takes away, 0..1."""
    flaw: Reason | None
    """Rejection reason found before the network runs; None if there is none."""

    def draw_darkness(self) -> Pixels:
        """Draw `darkness` for display: full ink is white; uint8, shape (H, W)."""
        levels: Pixels = np.minimum(self.darkness * np.float32(255 / self.contrast), 255).astype(np.uint8)
        return levels


def find_ink(picture: Image.Image, *, full_side_pixels: int) -> FoundInk | None:
    """Find the digit in an upright picture.

    Args:
        picture: Mode L or RGB.
        full_side_pixels: Its longer side before it was reduced.

    Returns:
        None if nothing stands out from the background.
    """
    reduced = reduce_to_working_size(picture)
    whole = segment_picture(reduced)
    if whole is None:
        return None
    best, sides = whole, _as_fractions(whole.ink.box, reduced)
    if best.ink.side_pixels < PHOTO.near_side_pixels and reduced.size != picture.size:
        best, sides = _segment_closer(picture, best, sides) or (best, sides)
    if is_grain(best.ink, outline=best.outline, lines=best.lines):
        return None
    flaw = find_rejection_reason(whole.ink, whole.ink.side_pixels * full_side_pixels / max(reduced.size))
    return FoundInk(cut_out(best.ink), best.darkness, sides, best.light_on_dark, best.lines, best.ink.level, flaw)


def reduce_to_working_size(picture: Image.Image) -> Image.Image:
    """Average a picture down to the size at which a whole picture is segmented."""
    factor = -(-max(picture.size) // PHOTO.side_pixels)
    return picture.reduce(factor) if factor > 1 else picture


def segment_picture(picture: Image.Image, *, is_row: bool = False) -> Segmentation | None:
    """Segment a picture with a wide window, and with other windows and polarities if the strokes are not clear.

    Args:
        picture: Mode L or RGB, from `reduce_to_working_size`.
        is_row: Whether there may be several digits. Then one sharp digit does not end the search.

    Returns:
        The segmentation with the best score; None if no window shows ink.
    """
    thumbnail = make_thumbnail(picture)
    light_on_dark, certainty = thumbnail.polarity
    is_sure = certainty >= PHOTO.sure_polarity
    wide = max(PHOTO.min_wide_window_pixels, round(PHOTO.wide_window * min(picture.size)))
    widest, *narrower = (window_for(fraction, picture) for fraction in PHOTO.narrower_windows)
    page = Page(thumbnail, light_on_dark)
    found = _segment_in_wide_window(page, wide, is_sharp_enough=is_sure and not is_row)
    if found and (found.is_alone or (found.is_clear and is_sure)):
        return found
    if not is_sure and page.n_lines <= PHOTO.max_lines_in_doubt:
        other = Page(thumbnail, not light_on_dark)
        return _segment_both_polarities(page, other, (wide, *narrower, widest), found, is_row=is_row)
    is_small = found is not None and _is_small_and_thin(found, picture, wide)
    windows = narrower if is_small and is_sure else [widest, *narrower]
    found = _segment_in_windows(page, windows, found)
    # Printed lines tell the polarity: ink and lines are both darker, or both lighter, than the background.
    if (found and found.is_alone) or page.n_lines or certainty >= PHOTO.certain_polarity:
        return found
    return _of_likelier_polarity(found, _segment_in_windows(Page(thumbnail, not light_on_dark), windows, None))


def _segment_in_wide_window(page: Page, wide: int, *, is_sharp_enough: bool) -> Segmentation | None:
    """Segment with the wide window, and with one fitted to the strokes if their width differs much; keep the better."""
    found = page.find(wide)
    if found is None or found.is_alone or (found.is_sharp and is_sharp_enough):
        return found
    stroke = found.ink.stroke_pixels
    suited = suited_window(stroke)
    if suited < PHOTO.window_much_too_wide * wide or stroke > PHOTO.window_too_narrow * wide:
        return _better(found, page.find(suited))
    return found


def _is_small_and_thin(found: Segmentation, picture: Image.Image, wide: int) -> bool:
    """Whether a window wider than `wide` would only add shadows, because the digit is small and its strokes thin."""
    is_small = found.ink.side_pixels < PHOTO.small_digit * min(picture.size)
    return is_small and found.ink.stroke_pixels < PHOTO.thin_stroke * wide


def _segment_in_windows(page: Page, sizes: list[int], found: Segmentation | None) -> Segmentation | None:
    """The best of `found` and the segmentations with several windows; stop at the first whose digit is alone."""
    for size in sizes:
        found = _better(found, page.find(size))
        if found and found.is_alone:
            break
    return found


def _segment_both_polarities(
    page: Page, other: Page, sizes: Iterable[int], found: Segmentation | None, *, is_row: bool
) -> Segmentation | None:
    """Segment both polarities with every window and return the better one.

    The wrong polarity scores low in all windows.
    """
    best, found_other = found, None
    for size in sizes:
        found, found_other = _better(found, page.find(size)), _better(found_other, other.find(size))
        best = _of_likelier_polarity(found, found_other)
        if best and best.is_alone:
            break
        if best and best.is_sharp and not is_row and _outdoes(best, found_other if best is found else found):
            break
    return best


def _outdoes(best: Segmentation, rival: Segmentation | None) -> bool:
    """Whether one polarity's score is so much better that the other cannot be ink."""
    return rival is None or best.score > PHOTO.decisive_margin * rival.score


def _of_likelier_polarity(found: Segmentation | None, other: Segmentation | None) -> Segmentation | None:
    """The better of two segmentations; `other`, of the less likely polarity, must win by a margin."""
    margin = PHOTO.other_polarity_margin
    return _better(found, other, margin=1 / margin if other and other.lines else margin)


def _segment_closer(picture: Image.Image, seen: Segmentation, sides: Sides) -> tuple[Segmentation, Sides] | None:
    """Segment the region around the ink again at a higher resolution; None if the digit is not found again."""
    left, top, right, bottom = np.array(sides) * (picture.size * 2)
    side = max(bottom - top, right - left)
    reach = PHOTO.near_reach * side
    box = box_within(picture, (left - reach, top - reach, right + reach, bottom + reach))
    region = picture.crop(box)
    near = reduce_to_working_size(region)
    larger = side / seen.ink.side_pixels * near.width / region.width
    found = segment_again(near, seen, stroke_pixels=seen.ink.stroke_pixels * larger)
    if found is None or found.ink.side_pixels < PHOTO.min_near_side * larger * seen.ink.side_pixels:
        return None
    inner = _as_fractions(found.ink.box, near)
    columns, rows = region.width / picture.width, region.height / picture.height
    x, y = box.left / picture.width, box.top / picture.height
    outer = (x + inner[0] * columns, y + inner[1] * rows, x + inner[2] * columns, y + inner[3] * rows)
    return replace(found, lines=max(found.lines, seen.lines)), outer


def box_within(picture: Image.Image, sides: Sides) -> Box:
    """The box with these sides, in pixels, rounded and limited to the picture."""
    left, top, right, bottom = (
        int(np.clip(round(side), 0, end)) for side, end in zip(sides, picture.size * 2, strict=True)
    )
    return Box(left, top, right, bottom)


def segment_again(region: Image.Image, seen: Segmentation, *, stroke_pixels: float) -> Segmentation | None:
    """Segment a region of a picture that was `seen` whole, with the window suited to strokes of this width in it."""
    return Page(make_thumbnail(region), seen.light_on_dark).find(suited_window(stroke_pixels))


def suited_window(stroke_pixels: float) -> int:
    """Window size in pixels that keeps whole strokes of this width, and little else."""
    return max(PHOTO.min_window_pixels, round(PHOTO.suited_window * stroke_pixels) + PHOTO.suited_window_pixels)


def window_for(fraction: float, picture: Image.Image) -> int:
    """Window size in pixels: this fraction of the picture's shorter side."""
    return max(PHOTO.min_window_pixels, round(fraction * min(picture.size)))


def _better(one: Segmentation | None, other: Segmentation | None, *, margin: float = 1.0) -> Segmentation | None:
    if one is None or other is None:
        return one or other
    return other if other.score > margin * one.score else one


def _as_fractions(box: Box, picture: Image.Image) -> Sides:
    width, height = picture.size
    return box.left / width, box.top / height, box.right / width, box.bottom / height


def cut_out(ink: Strokes) -> Pixels:
    """Crop the digit to its box, stretch its grey levels, and widen thin strokes to MNIST's thinnest.

    Returns:
        uint8, with a margin of `cut_margin_pixels` on each side, or more if strokes were widened.
    """
    margin = PHOTO.cut_margin_pixels
    floor = PHOTO.cut_floor * ink.level
    values = np.zeros((ink.box.height + 2 * margin, ink.box.width + 2 * margin), np.float32)
    inside = (ink.inside - np.float32(floor)) / np.float32(max(PHOTO.cut_full * ink.level - floor, 1e-6))
    np.clip(inside, 0, 1, out=values[margin:-margin, margin:-margin])
    values = widen_thin_strokes(values, stroke_pixels=ink.stroke_pixels, side_pixels=ink.side_pixels)
    pixels: Pixels = np.rint(255 * values).astype(np.uint8)
    return pixels
