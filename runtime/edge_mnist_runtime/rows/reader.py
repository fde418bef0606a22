"""Read a row of digits, such as 2026, from left to right."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import numpy as np
from PIL import Image

from edge_mnist_runtime.box import Box
from edge_mnist_runtime.images.colours import upright_size
from edge_mnist_runtime.prediction import Prediction, Quality, reject
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.reading.components import Mask
from edge_mnist_runtime.reading.ink import Strokes, strokes_under
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.photo import cut_out
from edge_mnist_runtime.rows.cuts import choose_pieces, find_cuts, mask_between, pieces_between
from edge_mnist_runtime.rows.ink import RowInk, find_other_ink, find_row_ink, usual_height
from edge_mnist_runtime.tensor import Pixels

Classify: TypeAlias = Callable[[Pixels, list[Quality]], list[Prediction]]
"""Classifies tensors, uint8, shape (N, 28, 28, 1), each with the quality of its digit."""

REJECTED: Final = "?"
"""Stands for a rejected digit in the text."""

ROWS: Final = PICTURE_READING.rows


@dataclass(frozen=True)
class RowDigit:
    """One digit of a row."""

    box: Box
    """The digit's box, in the upright picture's own pixels."""
    prediction: Prediction

    def to_dict(self) -> dict[str, Any]:
        """For the command line's JSON output."""
        return {"box": list(self.box), **self.prediction.to_dict()}


@dataclass(frozen=True)
class RowReading:
    """The digits of a row."""

    digits: tuple[RowDigit, ...]
    """From left to right; empty if the picture shows no row, or several."""
    reason: Literal["blank", "several rows"] | None = None
    """Why there are no digits; None if there are."""

    @property
    def text(self) -> str:
        """The digits as text, with `?` for each rejected one."""
        return "".join(str(one.prediction.digit) if one.prediction.accepted else REJECTED for one in self.digits)

    @property
    def accepted(self) -> bool:
        """Whether there are digits and all of them are accepted."""
        return bool(self.digits) and all(one.prediction.accepted for one in self.digits)

    def to_dict(self) -> dict[str, Any]:
        """For the command line's JSON output."""
        return {
            "text": self.text,
            "accepted": self.accepted,
            "reason": self.reason,
            "digits": [one.to_dict() for one in self.digits],
        }


@dataclass(frozen=True)
class _Piece:
    """Ink that may be one digit."""

    strokes: Strokes
    """Its ink, in the pixels of its glyph."""
    box: Box
    """In the upright picture's own pixels."""
    quality: Quality
    tensor: Pixels
    """uint8, shape (28, 28)."""


def read_row(picture: Image.Image, classify: Classify) -> RowReading:
    """Read one row of digits.

    The row may lean, and be on lined or squared paper; its digits may touch. If there are several rows, none is read.

    Args:
        picture: A decoded picture of any mode.
        classify: Classifies the digits' tensors.

    Returns:
        The digits, or the reason why there are none. Other windows are tried if the network is not sure of the first.
    """
    found, size = find_row_ink(picture), upright_size(picture)
    first = RowReading((), "blank") if found is None else _read_ink(found, size, classify)
    if first.accepted and _mean_confidence(first) >= ROWS.sure_row:
        return first
    best, sure = first, [one for one in first.digits if one.prediction.confidence >= ROWS.sure_digit]
    for other in find_other_ink(picture):
        again = _read_ink(other, size, classify)
        if len(again.digits) < ROWS.min_row or (not first.digits and not again.accepted) or not _shows(again, sure):
            continue
        best = max(best, again, key=_mean_confidence)
        if again.accepted and _mean_confidence(again) >= ROWS.sure_row:
            break
    return best


def _mean_confidence(reading: RowReading) -> float:
    """Mean confidence of the digits, 0..1; 0 if there are none."""
    return float(np.mean([one.prediction.confidence for one in reading.digits])) if reading.digits else 0.0


def _shows(reading: RowReading, digits: list[RowDigit]) -> bool:
    """Whether a reading has a digit at the position of each of `digits`, so that no sure digit gets lost."""
    boxes, middles = [one.box for one in reading.digits], [(one.box.left + one.box.right) / 2 for one in digits]
    return all(any(box.left <= middle <= box.right for box in boxes) for middle in middles)


def _read_ink(found: RowInk, size: tuple[int, int], classify: Classify) -> RowReading:
    if _shows_several_rows(found):
        return RowReading((), "several rows")
    wholes = [_cut_piece(found, index, np.array(True), size) for index in range(len(found.glyphs.main))]
    digits: list[RowDigit] = []
    for index, (piece, prediction) in enumerate(zip(wholes, _classify(wholes, classify), strict=True)):
        digits += _split(found, index, piece, prediction, size, classify) or [RowDigit(piece.box, prediction)]
    return RowReading(tuple(digits))


def _shows_several_rows(found: RowInk) -> bool:
    mass = found.ink.mass
    main, other = (
        sum(float(mass[glyph.members].sum()) for glyph in glyphs) for glyphs in (found.glyphs.main, found.glyphs.other)
    )
    return other > ROWS.other_row_mass * main


def _classify(pieces: list[_Piece], classify: Classify) -> list[Prediction]:
    """Classify the pieces; reject those that are too small."""
    tensors = np.stack([piece.tensor for piece in pieces])[..., np.newaxis]
    predictions = classify(tensors, [piece.quality for piece in pieces])
    return [
        reject("too small", piece.quality)
        if piece.quality.side_pixels < PICTURE_READING.flaws.min_side_pixels
        else prediction
        for piece, prediction in zip(pieces, predictions, strict=True)
    ]


def _cut_piece(found: RowInk, index: int, mask: Mask, size: tuple[int, int]) -> _Piece:
    """Cut the piece under a mask, which broadcasts to the glyph's box, out of the glyph with this index."""
    glyph = found.glyphs.main[index]
    is_own = np.isin(found.ink.parts.labels[glyph.box.slices], glyph.members + 1) & mask
    strokes = strokes_under(found.ink.page[glyph.box.slices], is_own)
    left, top, right, bottom = np.array(glyph.box[:2] * 2) + strokes.box
    rows = (found.origin[0] + np.array([top, bottom]) * found.pixel[0]) * size[1]
    columns = (found.origin[1] + np.array([left, right]) * found.pixel[1]) * size[0]
    box = Box.around(columns[0], rows[0], columns[1], rows[1])
    quality = Quality(float(max(rows[1] - rows[0], columns[1] - columns[0])), strokes.level)
    return _Piece(strokes, box, quality, normalise_ink(cut_out(strokes)))


def _split(
    found: RowInk, index: int, piece: _Piece, prediction: Prediction, size: tuple[int, int], classify: Classify
) -> list[RowDigit] | None:
    """Split a glyph into touching digits; None if it is one digit."""
    height, glyph = usual_height(found.glyphs), found.glyphs.main[index]
    if glyph.width < ROWS.sure_width * height and prediction.confidence >= ROWS.sure_digit:
        return None
    ink = np.clip(piece.strokes.darkness / max(piece.strokes.level, 1e-6), 0, 1).astype(np.float32)
    cuts = find_cuts(ink)
    if not len(cuts.strokes):
        return None
    shape = (glyph.height, glyph.width)
    bounds, pieces = [], []
    for left, right in pieces_between(cuts, shape, height):
        mask = mask_between(cuts, shape, left, right)
        if (piece.strokes.mask & mask).sum() > ROWS.min_piece_mask * piece.strokes.mask.sum():
            bounds.append((left, right))
            pieces.append(_cut_piece(found, index, mask, size))
    predictions = _classify(pieces, classify)
    costs = [_piece_cost(*pair, height) for pair in zip(pieces, predictions, strict=True)]
    # Touching digits share one stroke. A cut through two strokes is more likely to split a 0.
    further = np.maximum(cuts.strokes - ROWS.further_stroke_cut_from, 0)
    cut_cost = (ROWS.stroke_cut * cuts.strokes + further + ROWS.any_cut).astype(np.float32)
    chosen = choose_pieces(bounds, len(cuts.strokes), costs.__getitem__, cut_cost)
    return [RowDigit(pieces[at].box, predictions[at]) for at in chosen] if len(chosen) > 1 else None


def _piece_cost(piece: _Piece, prediction: Prediction, height: float) -> float:
    """Cost of a piece as one digit: -log of the highest probability, plus penalties for an unusual width or height."""
    wide, tall = piece.strokes.box.width / height, piece.strokes.box.height / height
    doubt = -float(np.log(max(float(prediction.probabilities.max()), 1e-6)))
    too_wide, too_short = max(0.0, wide - ROWS.wide_from), max(0.0, ROWS.short_below - tall)
    too_narrow = max(0.0, ROWS.narrow_below - wide) if int(prediction.probabilities.argmax()) != 1 else 0.0
    return doubt + ROWS.wide * too_wide + ROWS.narrow * too_narrow + ROWS.short * too_short
