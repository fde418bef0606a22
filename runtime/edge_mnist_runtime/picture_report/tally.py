"""Count predictions, and keep the worst ones: wrong answers, then unread, rejected and uncertain pictures."""

from __future__ import annotations

import heapq
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.images.data_url import is_data_url
from edge_mnist_runtime.inputs import Picture
from edge_mnist_runtime.prediction import Prediction

MAX_SHOWN: Final = 500
"""Number of pictures that a page shows. So memory and page stay small, however many pictures there are."""

REJECTED: Final = "rejected"
UNREAD: Final = "not read"


@dataclass(frozen=True)
class Case:
    """One picture with its result."""

    name: str
    """Its name in results, such as its path."""
    picture: Picture | None
    """The input of the classifier; None if there is none."""
    label: int | None
    """The digit that it shows; None if that is not known."""
    outcome: Prediction | InputError

    @property
    def verdict(self) -> int | str:
        """The digit, `REJECTED` or `UNREAD`: the columns of the confusion table."""
        if isinstance(self.outcome, InputError):
            return UNREAD
        return REJECTED if self.outcome.digit is None else self.outcome.digit

    @property
    def is_wrong(self) -> bool:
        """Whether the picture was accepted, and its label says another digit."""
        return self.label is not None and isinstance(self.verdict, int) and self.verdict != self.label

    @property
    def badness(self) -> tuple[int, float]:
        """Sorts cases: sure mistakes first, then unread, rejected and uncertain ones."""
        if isinstance(self.outcome, InputError):
            return 2, 0.0
        if self.is_wrong:
            return 3, self.outcome.confidence
        return int(self.outcome.digit is None), -self.outcome.confidence


@dataclass
class Tally:
    """The results of many pictures."""

    confusions: Counter[tuple[int | None, int | str]] = field(default_factory=Counter)
    """Number of pictures by label and verdict."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Number of rejected pictures by reason."""
    _heap: list[tuple[tuple[int, float], int, Case]] = field(default_factory=list)

    def add(self, name: str, picture: Picture | None, outcome: Prediction | InputError) -> None:
        """Count one picture."""
        case = Case(name, picture, find_label(picture), outcome)
        entry = case.badness, -self.n_pictures, case  # of equal ones, the first is kept and shown first
        self.confusions[case.label, case.verdict] += 1
        if isinstance(outcome, Prediction) and outcome.reason:
            self.reasons[outcome.reason] += 1
        if len(self._heap) < MAX_SHOWN:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    @property
    def n_pictures(self) -> int:
        """Number of pictures."""
        return self.confusions.total()

    @property
    def n_accepted(self) -> int:
        """Number of pictures with an answer."""
        return self.n_pictures - self.count(REJECTED) - self.count(UNREAD)

    @property
    def n_labelled(self) -> int:
        """Number of pictures whose label is known."""
        return sum(n for (label, _), n in self.confusions.items() if label is not None)

    @property
    def n_right(self) -> int:
        """Number of accepted pictures whose digit is their label."""
        return sum(n for (label, verdict), n in self.confusions.items() if label is not None and label == verdict)

    @property
    def n_wrong(self) -> int:
        """Number of accepted pictures whose digit is not their label."""
        return sum(
            n
            for (label, verdict), n in self.confusions.items()
            if label is not None and isinstance(verdict, int) and label != verdict
        )

    def count(self, verdict: int | str) -> int:
        """Number of pictures with a verdict."""
        return sum(n for (_, found), n in self.confusions.items() if found == verdict)

    @property
    def worst(self) -> list[Case]:
        """The worst pictures, at most `MAX_SHOWN`, the worst first."""
        return [case for _, _, case in sorted(self._heap, reverse=True)]


def find_label(picture: Picture | None) -> int | None:
    """The digit that a picture's folder is named after, 0 to 9; None without such a name."""
    if not isinstance(picture, str) or is_data_url(picture):
        return None
    folder = PurePath(picture).parent.name
    if not folder:  # a picture of the working folder, which has no name of its own; `resolve` would follow links
        with suppress(OSError):  # the working folder was removed
            folder = Path.cwd().name
    return int(folder) if len(folder) == 1 and folder in "0123456789" else None
