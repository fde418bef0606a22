"""Measure what counters say of each subject: instructions and energy of one digit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_mnist_runtime.bench.energy import EnergyCounter, NoEnergyCounterError, measure_energy_uj
from edge_mnist_runtime.bench.instructions import InstructionCount, count_instructions
from edge_mnist_runtime.bench.subjects import Subject
from edge_mnist_runtime.tensor import Pixels


@dataclass(frozen=True)
class CountedFigures:
    """Figures of one subject that counters gave."""

    instructions: InstructionCount | None
    """None if they were not asked for."""
    energy_uj: float | None
    """Energy of one digit, in microjoules, of the whole processor; None if it has no counter."""
    unknown: dict[str, str]
    """Why a figure is None, by its name."""


def read_counters(subjects: Sequence[Subject], images: Pixels, *, instructions: bool) -> list[CountedFigures]:
    """Measure instructions, if asked for, and energy, if there is a counter.

    Args:
        subjects: The loaded models.
        images: Input images in rotation, uint8, shape (N, 28, 28, 1).
        instructions: Whether to count instructions, which needs seconds for each model.

    Raises:
        UsageError: Instructions are asked for and cannot be counted.
    """
    paths = [str(subject.path) for subject in subjects]
    counts: list[InstructionCount | None] = [None] * len(subjects)
    if instructions:
        known = dict(zip(dict.fromkeys(paths), count_instructions([*dict.fromkeys(paths)], images), strict=True))
        counts = [known[path] for path in paths]
    figures = []
    for subject, count in zip(subjects, counts, strict=True):
        energy_uj, unknown = None, {}
        try:
            energy_uj = _measure_energy(subject, images)
        except NoEnergyCounterError as error:
            unknown["energy_uj"] = str(error)
        figures.append(CountedFigures(count, energy_uj, unknown))
    return figures


def _measure_energy(subject: Subject, images: Pixels) -> float:
    counter = EnergyCounter()
    encoded = [image.tobytes() for image in images[:64]]
    run = subject.classifier.engine.run_bytes
    return measure_energy_uj(lambda index: run(encoded[index % len(encoded)]), counter)
