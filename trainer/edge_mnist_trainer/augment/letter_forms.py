"""Handwritten Latin and Greek letters that do not look like a digit: strokes as points in a unit square.

Coordinates are hundredths, `x,y` with y down; strokes are parted by `;`. Catmull-Rom curves pass through the points.
"""

from __future__ import annotations

from functools import cache
from typing import Final

from edge_mnist_trainer.augment.strokes import Point

LATIN: Final[dict[str, str]] = {
    "A": "5,100 50,0;50,0 95,100;22,62 78,62",
    "C": "90,15 55,0 12,30 10,70 50,100 92,85",
    "E": "20,0 20,100;20,0 85,2;20,48 72,48;20,100 88,100",
    "F": "20,0 20,100;20,0 85,2;20,46 70,46",
    "H": "12,0 12,100;88,0 88,100;12,50 88,50",
    "K": "15,0 15,100;85,0 15,55;35,42 88,100",
    "M": "8,100 14,0;14,0 50,70;50,70 86,0;86,0 92,100",
    "N": "12,100 12,0;12,0 88,100;88,100 88,0",
    "P": "18,0 18,100;18,2 65,2 85,25 65,50 18,50",
    "R": "18,0 18,100;18,2 65,2 82,25 60,48 18,48;40,48 88,100",
    "U": "12,0 12,60 30,97 65,97 88,62 88,0",
    "V": "6,0 50,100;50,100 94,0",
    "W": "0,0 25,100;25,100 50,25;50,25 75,100;75,100 100,0",
    "X": "8,0 92,100;92,0 8,100",
    "a": "80,25 45,8 12,40 22,85 55,90 80,50;82,10 80,70 98,98",
    "c": "85,22 55,3 15,30 12,70 50,98 88,80",
    "d": "75,55 45,42 12,65 25,97 60,92 78,65;80,0 78,60 84,100",
    "e": "15,52 82,48 70,12 40,5 12,40 20,85 55,98 88,80",
    "f": "82,10 58,0 42,20 40,100;12,42 75,40",
    "h": "18,0 18,100;18,62 45,42 75,52 80,100",
    "k": "18,0 18,100;75,38 18,70;35,60 82,100",
    "m": "5,20 8,100;8,45 25,15 45,30 48,100;48,45 68,15 90,30 94,100",
    "n": "12,10 14,100;14,45 45,8 78,28 84,100",
    "p": "18,8 16,100;18,25 55,5 85,28 60,58 18,52",
    "r": "22,8 24,100;24,48 48,14 82,18",
    "t": "45,0 42,80 58,98 80,88;12,30 82,28",
    "u": "10,8 12,65 35,95 68,80 82,40;84,8 82,70 98,98",
    "v": "8,5 48,98;48,98 90,5",
    "w": "2,8 18,80 32,95 48,50;50,30 55,85 72,95 92,50 98,8",
    "x": "10,8 90,98;88,8 10,98",
}
"""By letter: those of `negatives.LETTERS`, but for L, which is a 1 with half a foot when it is written in haste."""

GREEK: Final[dict[str, str]] = {
    "\N{GREEK SMALL LETTER ALPHA}": "95,8 70,60 40,92 12,70 15,30 42,10 65,45 80,85 98,95",
    "\N{GREEK SMALL LETTER ETA}": "8,18 20,8 24,30 22,75;23,38 48,10 74,22 76,60 74,100",
    "\N{GREEK SMALL LETTER OMEGA}": "22,10 4,45 12,88 35,92 50,62;50,35 50,62 65,92 90,88 97,45 78,10",
    "\N{GREEK SMALL LETTER PHI}": "38,12 10,40 22,80 60,86 92,55 80,18 55,14 50,50 48,100",
    "\N{GREEK SMALL LETTER TAU}": "6,22 28,8 60,12 96,6;52,12 46,60 54,94 78,88",
    "\N{GREEK SMALL LETTER PI}": "4,20 25,8 60,12 97,8;32,12 28,60 14,98;68,12 66,70 76,98 90,92",
    "\N{GREEK SMALL LETTER LAMDA}": "16,4 34,10 86,98;46,42 12,98",
    "\N{GREEK SMALL LETTER MU}": "20,10 20,60 12,100;20,55 32,78 60,74 74,40;76,10 74,60 82,78 94,70",
    "\N{GREEK SMALL LETTER PSI}": "8,12 14,55 48,76 84,55 90,10;50,0 48,100",
    "\N{GREEK SMALL LETTER CHI}": "8,10 24,8 76,96 94,94;92,8 8,98",
    "\N{GREEK SMALL LETTER KAPPA}": "20,10 18,98;84,12 22,58;38,48 70,94 88,94",
    "\N{GREEK CAPITAL LETTER PHI}": "50,0 50,100;50,22 14,30 8,52 20,76 50,80 82,74 93,50 84,28 50,22",
    "\N{GREEK CAPITAL LETTER OMEGA}": "4,98 34,98;34,98 12,62 12,28 50,2 88,28 88,62 66,98;66,98 96,98",
    "\N{GREEK CAPITAL LETTER PI}": "4,4 96,4;18,4 18,100;82,4 82,100",
    "\N{GREEK CAPITAL LETTER LAMDA}": "6,100 50,0;50,0 94,100",
}
"""By letter, alpha, eta, omega, phi and tau first. Beta, delta, theta, sigma, rho, epsilon and gamma are left out: each
may be a digit."""


@cache
def letter_strokes(letter: str) -> tuple[tuple[Point, ...], ...]:
    """Points (x, y) of each stroke in a unit square, y down."""
    strokes = {**LATIN, **GREEK}[letter].split(";")
    return tuple(tuple((int(x) / 100, int(y) / 100) for x, y in _pairs(stroke)) for stroke in strokes)


def _pairs(stroke: str) -> list[list[str]]:
    return [point.split(",") for point in stroke.split()]
