"""Numbers of decoding that decide which ink a picture shows; `reading/parameters.py` hashes them with all others."""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["DECODING", "DecodingParameters"]


class DecodingParameters(NamedTuple):
    """How large JPEGs are decoded, and what is put behind transparent pictures."""

    digit_pixels: int = 200
    """Pixels that both sides of a reduced JPEG keep at least. Segmentation sees at most 360 of a side, and decoding
    takes longer than segmentation."""
    detail_pixels: int = 400
    """The same for pictures of several digits, because each digit is read from fewer pixels."""
    light_from: int = 128
    """Mean grey level, weighted by opacity, from which on visible pixels are light and get a black background. It is
    the middle of 0..255."""


DECODING: Final = DecodingParameters()
"""What this version of edge-mnist uses."""
