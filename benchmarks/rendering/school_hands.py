"""Digits as schools in Europe, America and East Asia teach them: hands that judge, and that no training draws.

Training draws forms from ranges (`school_forms.py`); these are drawn by eye, point by point, apart from those.
Coordinates are hundredths, `x,y` with y down; strokes are parted by `;`. Catmull-Rom curves pass through the points.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.rendering.pens import DigitShape, shape_from_curves
from edge_mnist_trainer.augment.strokes import catmull_rom

EUROPEAN: Final[dict[int, tuple[str, ...]]] = {
    0: ("55,0 18,18 8,52 22,88 50,100 80,84 92,48 80,14 52,1",),
    1: ("8,46 36,22 66,0;66,0 65,50 63,100", "22,34 45,16 62,0;62,0 61,55 60,100", "12,40 60,0;60,0 60,100"),
    2: (
        "10,24 28,4 60,0 84,18 76,44 40,72 6,100;6,100 50,98 94,100",
        "12,22 36,0 78,8 80,38 44,76 18,94 8,84 24,78 52,92 78,99 98,86",
    ),
    3: (
        "12,10 46,0 80,14 74,38 42,46;42,46 82,56 88,80 54,100 8,90",
        "14,2 86,0;86,0 46,40;46,40 84,54 86,82 50,100 10,92",
    ),
    4: (
        "44,0 26,32 4,66;4,66 46,67 94,66;66,34 62,66 58,100",
        "56,0 34,30 6,62;6,62 92,60;64,38 60,100",
    ),
    5: (
        "82,2 30,0;30,0 22,42;22,42 52,36 86,54 80,86 44,100 6,90",
        "24,4 20,42 54,38 88,62 72,94 36,100 6,86;22,3 90,0",
    ),
    6: (
        "70,4 40,12 14,46 10,78 36,100 72,92 86,68 62,50 28,58 12,78",
        "60,0 30,30 10,64 22,94 58,100 84,78 70,54 36,54 14,72",
    ),
    7: (
        "8,6 48,4 92,2;92,2 66,44 44,100;34,50 84,46",
        "6,8 90,4;90,4 60,52 50,100;30,56 58,50 88,48",
        "10,24 10,6;10,6 92,4;92,4 58,50 46,100;34,52 78,50",
    ),
    8: (
        "76,14 46,0 18,18 46,44 80,66 58,100 18,88 24,62 58,42 82,20 72,10",
        "60,2 26,8 22,32 56,48 84,72 52,100 14,80 34,54 72,34 74,8 56,1",
    ),
    9: (
        "80,18 50,0 16,16 20,44 54,50 80,22;80,10 84,60 70,92 40,100 12,90",
        "82,14 44,2 14,26 34,50 70,40 82,16;82,16 80,66 58,98 22,96 10,84",
    ),
}
AMERICAN: Final[dict[int, tuple[str, ...]]] = {
    0: ("50,0 16,16 6,50 18,84 50,100 82,84 94,50 84,16 50,0", "60,4 28,2 8,40 20,90 60,98 90,60 84,20 54,2"),
    1: ("50,0 50,100", "34,14 52,0;52,0 52,100;26,100 78,100", "38,16 56,0 52,50 48,100"),
    2: ("8,20 34,0 78,8 82,34 50,64 8,98;8,98 92,98", "10,26 40,2 80,14 70,46 30,80 6,98 40,92 66,100 94,92"),
    3: ("14,14 50,0 84,18 68,42 40,48;40,48 84,58 84,88 48,100 8,86",),
    4: (
        "18,0 10,56;10,56 90,54;78,0 76,50 74,100",
        "66,0 6,66;6,66 96,66;66,0 66,100",
        "24,4 16,34 14,56 40,60 76,54;80,6 76,50 70,100",
    ),
    5: ("84,0 26,2;26,2 22,40;22,40 60,36 88,64 66,96 10,94", "26,2 22,44 62,40 86,68 60,98 12,92;26,2 86,4"),
    6: ("62,0 26,36 8,70 30,100 74,94 84,68 52,56 14,74", "44,0 20,34 10,74 36,100 76,90 76,62 42,56 14,74"),
    7: ("6,4 94,4;94,4 40,100", "10,8 50,2 90,6 62,50 52,100"),
    8: ("74,16 42,0 20,22 50,46 82,74 50,100 16,76 48,48 80,24 70,10",),
    9: ("76,24 48,0 14,20 24,48 62,46 78,20;80,4 78,100", "74,16 40,2 18,28 44,48 72,28;78,6 70,54 60,100"),
}
EAST_ASIAN: Final[dict[int, tuple[str, ...]]] = {
    0: ("52,0 24,14 14,50 24,88 50,100 78,86 86,48 76,12 48,1",),
    1: ("50,0 50,100", "52,0 50,50 46,100"),
    2: ("12,28 26,6 58,0 82,16 74,42 40,74 10,100;10,100 90,98", "16,20 50,0 80,16 62,52 10,96;10,96 52,94 90,99"),
    3: ("12,14 46,0 78,14 70,40 40,46;40,46 78,54 88,76 60,99 10,88",),
    4: (
        "56,0 8,72;8,72 96,70;70,36 68,100",
        "60,0 4,64;4,64 90,64;62,2 62,100",
        "52,2 30,34 6,66;6,66 94,62;66,30 64,100",
    ),
    5: ("28,6 22,46;22,46 56,38 86,60 74,90 40,100 8,86;28,6 88,2", "30,10 26,48 62,44 84,70 58,98 10,88;24,4 84,0"),
    6: ("54,0 28,24 12,60 18,92 50,100 80,84 78,62 48,54 18,70", "78,6 50,0 22,22 10,60 24,96 60,98 82,76 62,54 24,64"),
    7: (
        "12,34 14,6;14,6 88,4;88,4 62,44 54,100",
        "10,30 12,4;12,4 50,6 86,4;86,4 66,50 62,100",
        "8,6 90,4;90,4 58,54 50,100",
    ),
    8: ("72,12 40,2 22,22 50,44 82,70 56,100 18,84 30,58 64,38 76,14 68,6",),
    9: ("76,10 40,4 16,26 36,48 74,34;76,8 76,50 74,100", "70,4 30,6 18,34 48,46 78,20;78,10 74,60 62,100"),
}

HANDS: Final = {"European": EUROPEAN, "American": AMERICAN, "East Asian": EAST_ASIAN}
"""Each school's digits, in the forms that it knows."""

TROUBLESOME: Final[dict[str, tuple[int, tuple[str, ...]]]] = {
    "1 with a flag": (1, ("6,42 38,22 62,0;62,0 62,100", "20,30 58,0;58,0 57,50 54,100", "0,36 56,0;56,0 60,100")),
    "1 with a foot": (
        1,
        ("52,0 52,100;12,100 92,100", "30,18 54,0;54,0 54,100;20,100 90,99", "50,0 50,98;24,97 50,99 84,101"),
    ),
    "1 with a flag and a foot": (
        1,
        (
            "14,34 52,0;52,0 52,100;16,100 88,100",
            "26,22 50,0;50,0 50,100;30,100 72,100",
            "8,40 56,0;56,0 54,99;10,98 96,100",
        ),
    ),
    "hooked 9": (
        9,
        (
            "78,16 46,0 14,20 24,46 58,46 80,20;82,4 84,64 66,96 30,98 8,82",
            "80,10 40,2 16,24 40,46 74,34;82,6 82,70 56,100 20,94 8,76",
            "76,22 44,2 18,22 32,46 74,30;78,14 86,52 76,88 40,100 4,92",
        ),
    ),
    "open 4": (
        4,
        (
            "10,0 6,60;6,60 92,58;74,10 72,100",
            "30,2 12,40 8,62 40,64 90,56;78,14 70,100",
            "20,4 14,40 30,56 72,50;76,0 72,50 60,100",
        ),
    ),
    "closed 4": (
        4,
        (
            "60,0 4,68;4,68 98,68;60,0 60,100",
            "64,0 20,40 4,62;4,62 88,62;66,0 64,100",
            "56,2 30,34 8,62;8,62 86,64;60,0 64,50 58,100",
        ),
    ),
    "crossed 7": (
        7,
        (
            "4,6 94,4;94,4 48,100;26,54 84,50",
            "12,28 12,8;12,8 90,4;90,4 52,98;30,46 88,52",
            "8,4 88,8;88,8 60,40 50,100;36,44 86,40",
        ),
    ),
    "6 with a flat top": (
        6,
        (
            "84,4 24,4;24,4 12,40 8,72 34,100 74,94 84,70 52,52 14,64",
            "78,10 50,0 24,8 12,46 12,80 44,100 82,86 76,60 42,52 14,68",
            "90,0 40,2 18,20 10,60 28,98 70,96 80,72 58,56 16,64",
        ),
    ),
}
"""Digits whose form misleads networks that know MNIST's hands, each in several forms."""


def shape_from_school(digit: int, school: str, rng: np.random.Generator) -> DigitShape:
    """A digit in one school's hand, a little different each time."""
    forms = HANDS[school][digit]
    return shape_from_form(forms[rng.integers(len(forms))], rng)


def shape_from_form(form: str, rng: np.random.Generator) -> DigitShape:
    """A form as one hand writes it, without a pen."""
    return shape_from_curves(write_form(form, rng))


@dataclass(frozen=True)
class Habits:
    """What one writer gives to every digit."""

    width: float
    """Of the digit's height."""
    slant: float
    angle_degrees: float
    bend: float
    """Above 1: large tops, small loops below."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> Habits:
        """Habits as different as those of writers."""
        width, slant, angle = rng.uniform(0.32, 1.0), rng.normal(0.06, 0.15), rng.normal(0, 6)
        return cls(width, slant, angle, np.exp(rng.normal(0, 0.2)))


def write_form(form: str, rng: np.random.Generator, habits: Habits | None = None) -> list[npt.NDArray[np.float64]]:
    """The pen's way through a form, points (x, y) of each stroke, a little different each time.

    Args:
        form: The strokes.
        rng: Of the differences.
        habits: The writer's; None for another writer each time.
    """
    own = habits or Habits.draw(rng)
    angle = np.radians(own.angle_degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    curves = []
    for stroke in form.split(";"):
        points = _read_points(stroke)
        points[:, 1] = np.sign(points[:, 1]) * np.abs(points[:, 1]) ** own.bend
        curve = catmull_rom(points + rng.normal(0, 0.028, points.shape))
        x = own.width * (curve[:, 0] - 0.5 + own.slant * (0.5 - curve[:, 1]))
        curves.append(np.stack([x, curve[:, 1]], axis=1) @ turn.T)
    return curves


def _read_points(stroke: str) -> npt.NDArray[np.float64]:
    return np.array([point.split(",") for point in stroke.split()], np.float64) / 100
