"""A row of digits, such as 2026: found in a picture and read one by one, from left to right."""

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
from edge_mnist_runtime.reading.ink import Strokes, strokes_under
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.photo import cut_out
from edge_mnist_runtime.rows.cuts import choose_pieces, find_cuts, mask_between, pieces_between
from edge_mnist_runtime.rows.ink import RowInk, find_other_ink, find_row_ink, usual_height
from edge_mnist_runtime.tensor import Pixels

Answer: TypeAlias = Callable[[Pixels, list[Quality]], list[Prediction]]
"""From tensors, uint8, shape (N, 28, 28, 1), and how well each digit shows, to what the network makes of them."""

REJECTED: Final = "?"
"""What stands in the text for a digit that was rejected."""

ROWS: Final = PICTURE_READING.rows


@dataclass(frozen=True)
class RowDigit:
    """One digit of a row."""

    box: Box
    """Where it is, in the upright picture's own pixels."""
    prediction: Prediction
    """What the network makes of it."""

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
        return {"box": list(self.box), **self.prediction.to_dict()}


@dataclass(frozen=True)
class RowReading:
    """What a picture of a row says."""

    digits: tuple[RowDigit, ...]
    """From left to right; empty where the picture shows no row, or several."""
    reason: Literal["blank", "several rows"] | None = None
    """Why there are none."""

    @property
    def text(self) -> str:
        """The digits; `?` for each that was rejected."""
        return "".join(str(one.prediction.digit) if one.prediction.accepted else REJECTED for one in self.digits)

    @property
    def accepted(self) -> bool:
        """Whether there are digits, and all of them are to be relied on."""
        return bool(self.digits) and all(one.prediction.accepted for one in self.digits)

    def to_dict(self) -> dict[str, Any]:
        """As the command line's JSON has it."""
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
    """In pixels of its group."""
    box: Box
    quality: Quality
    tensor: Pixels


def read_row(picture: Image.Image, answer: Answer) -> RowReading:
    """Read a decoded picture of any mode that shows one row of digits.

    The row may lean, and stand on lines or squares; its digits may touch. Of several rows none is read: which one was
    meant is not for this function to guess.

    Args:
        picture: The picture.
        answer: The network.
    """
    found, size = find_row_ink(picture), upright_size(picture)
    first = RowReading((), "blank") if found is None else _read_ink(found, size, answer)
    if first.accepted and _sureness(first) >= ROWS.sure_row:
        return first
    best, sure = first, [one for one in first.digits if one.prediction.confidence >= ROWS.sure_digit]
    for other in find_other_ink(picture):
        again = _read_ink(other, size, answer)
        if len(again.digits) < ROWS.min_row or (not first.digits and not again.accepted) or not _shows(again, sure):
            continue
        best = max(best, again, key=_sureness)
        if again.accepted and _sureness(again) >= ROWS.sure_row:
            break
    return best


def _sureness(reading: RowReading) -> float:
    """Mean confidence of the digits, 0..1; 0 where there are none."""
    return float(np.mean([one.prediction.confidence for one in reading.digits])) if reading.digits else 0.0


def _shows(reading: RowReading, digits: list[RowDigit]) -> bool:
    """Whether a reading has ink where each of some digits is: what the network was sure of must not get lost."""
    boxes, middles = [one.box for one in reading.digits], [(one.box.left + one.box.right) / 2 for one in digits]
    return all(any(box.left <= middle <= box.right for box in boxes) for middle in middles)


def _read_ink(found: RowInk, size: tuple[int, int], answer: Answer) -> RowReading:
    if _shows_several_rows(found):
        return RowReading((), "several rows")
    wholes = [_whole(found, index, size) for index in range(len(found.glyphs.main))]
    answers = _ask(wholes, answer)
    digits: list[RowDigit] = []
    for index, (piece, prediction) in enumerate(zip(wholes, answers, strict=True)):
        parts = _take_apart(found, index, piece, prediction, size, answer)
        digits += parts or [RowDigit(piece.box, prediction)]
    return RowReading(tuple(digits))


def _shows_several_rows(found: RowInk) -> bool:
    mass = found.ink.mass
    main, other = (
        sum(float(mass[glyph.members].sum()) for glyph in glyphs) for glyphs in (found.glyphs.main, found.glyphs.other)
    )
    return other > ROWS.other_row_mass * main


def _ask(pieces: list[_Piece], answer: Answer) -> list[Prediction]:
    """The network's answers; none is asked about what is too small."""
    tensors = np.stack([piece.tensor for piece in pieces])[..., np.newaxis]
    answers = answer(tensors, [piece.quality for piece in pieces])
    least = PICTURE_READING.flaws.min_side_pixels
    return [
        reject("too small", piece.quality) if piece.quality.side_pixels < least else prediction
        for piece, prediction in zip(pieces, answers, strict=True)
    ]


def _whole(found: RowInk, index: int, size: tuple[int, int]) -> _Piece:
    return _cut_piece(found, index, np.array(True), size)


def _cut_piece(found: RowInk, index: int, part: np.ndarray[Any, np.dtype[np.bool_]], size: tuple[int, int]) -> _Piece:
    """The part of one group that a mask of its box covers."""
    glyph = found.glyphs.main[index]
    is_own = np.isin(found.ink.parts.labels[glyph.box.slices], glyph.members + 1) & part
    strokes = strokes_under(found.ink.page[glyph.box.slices], is_own)
    left, top, right, bottom = np.array(glyph.box[:2] * 2) + strokes.box
    rows = (found.origin[0] + np.array([top, bottom]) * found.pixel[0]) * size[1]
    columns = (found.origin[1] + np.array([left, right]) * found.pixel[1]) * size[0]
    box = Box.around(columns[0], rows[0], columns[1], rows[1])
    quality = Quality(float(max(rows[1] - rows[0], columns[1] - columns[0])), strokes.level)
    return _Piece(strokes, box, quality, normalise_ink(cut_out(strokes)))


def _take_apart(
    found: RowInk, index: int, piece: _Piece, prediction: Prediction, size: tuple[int, int], answer: Answer
) -> list[RowDigit] | None:
    """The digits that a group is made of, where it is made of several; None where it is one."""
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
        part = mask_between(cuts, shape, left, right)
        if (piece.strokes.mask & part).sum() > ROWS.min_piece_mask * piece.strokes.mask.sum():
            bounds.append((left, right))
            pieces.append(_cut_piece(found, index, part, size))
    answers = _ask(pieces, answer)
    prices = [_price(one, said, height) for one, said in zip(pieces, answers, strict=True)]
    # Touching digits share one stroke, across or along it; a cut through two goes through the middle of a 0.
    further = np.maximum(cuts.strokes - ROWS.further_stroke_cut_from, 0)
    cut_price = (ROWS.stroke_cut * cuts.strokes + further + ROWS.any_cut).astype(np.float32)
    chosen = choose_pieces(bounds, len(cuts.strokes), prices.__getitem__, cut_price)
    return [RowDigit(pieces[at].box, answers[at]) for at in chosen] if len(chosen) > 1 else None


def _price(piece: _Piece, prediction: Prediction, height: float) -> float:
    """How unlikely a piece is to be one digit: by the network's doubt, and by its shape."""
    wide, tall = piece.strokes.box.width / height, piece.strokes.box.height / height
    doubt = -float(np.log(max(float(prediction.probabilities.max()), 1e-6)))
    too_wide, too_short = max(0.0, wide - ROWS.wide_from), max(0.0, ROWS.short_below - tall)
    too_narrow = max(0.0, ROWS.narrow_below - wide) if int(prediction.probabilities.argmax()) != 1 else 0.0
    return doubt + ROWS.wide * too_wide + ROWS.narrow * too_narrow + ROWS.short * too_short
