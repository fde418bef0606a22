"""Compare the instructions that models need for a digit: a gate that noise of the machine does not reach."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Final

from edge_mnist_runtime.bench.change import Change, Comparison
from edge_mnist_runtime.bench.instructions import TOLERANCE, InstructionCount, count_instructions
from edge_mnist_runtime.bench.model_pairs import pair_models
from edge_mnist_runtime.bench.regression import pair_reports
from edge_mnist_runtime.bundles.foreign_files import open_any
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import UsageError

MAX_INSTRUCTIONS_GROWTH: Final = 0.02


@dataclass(frozen=True, kw_only=True)
class InstructionChange(Change):
    """How the instructions of a model changed. The interval is the ratio, plus and minus `TOLERANCE`."""

    old_model: str
    ratio: float
    old_instructions: int
    new_instructions: int
    counter: str
    features: list[str]

    quantity: ClassVar[str] = "instructions of a digit"

    @property
    def old_and_new(self) -> str:
        """Both counts and their change, for messages."""
        return f"from {self.old_instructions:,} to {self.new_instructions:,}, {self.ratio - 1:+.1%}"


def compare_instructions(
    old: Path,
    new: Path,
    digits: LabelledDigits,
    *,
    max_regression: float = MAX_INSTRUCTIONS_GROWTH,
    backend: Backend | None = None,
) -> Comparison:
    """Count the instructions of models and compare them.

    Args:
        old: Model file, bundle folder or name of a bundled model before the change.
        new: The same after the change.
        digits: Input images.
        max_regression: Fraction by which a count may grow.
        backend: Compare only the files of bundles that this back end runs; None: all.

    Raises:
        As `pair_models`, `open_any` and `count_instructions`.
    """
    pairs, unpaired = pair_models(old, new, backend=backend)
    models = [*dict.fromkeys(model for pair in pairs for model in pair)]
    for model in models:  # a file that cannot be opened is an error of this process, with its reason
        open_any(model)
    counts = dict(zip(models, count_instructions(models, digits.images), strict=True))
    changes = tuple(
        judge_counts((Path(one).name, Path(other).name), (counts[one], counts[other]), max_regression)
        for one, other in pairs
    )
    return Comparison(str(old), str(new), "instructions", max_regression, changes, unpaired=tuple(unpaired))


def compare_counted_reports(
    old: Path, new: Path, *, max_regression: float = MAX_INSTRUCTIONS_GROWTH, force: bool = False
) -> Comparison:
    """Compare the instructions in two reports of `edge-mnist bench`.

    Args:
        old: Path of the report before.
        new: Path of the report after.
        max_regression: Fraction by which a count may grow.
        force: Compare although versions or processors differ.

    Raises:
        UsageError: As `pair_reports`; a report has no counts; or its counts are of another counter or processor.
        IntegrityError: A file is not a report, or is damaged.
    """
    paired = pair_reports(old, new, force=force)
    changes = []
    for before, after in paired.pairs:
        for path, model in ((old, before), (new, after)):
            if model.instructions is None:
                raise UsageError(f"{path}: {model.label} was measured without `instructions`; measure it again with it")
        one, other = before.instructions, after.instructions
        if one is None or other is None:
            continue
        if one.conditions != other.conditions and not force:
            described = " and ".join(f"{count.counter} on {', '.join(count.features)}" for count in (one, other))
            raise UsageError(f"{old} and {new}: instructions were counted by {described}; `force=True` compares anyway")
        changes.append(judge_counts((before.label, after.label), (one, other), max_regression))
    return Comparison(
        *(str(old), str(new), "instructions", max_regression, tuple(changes)),
        unpaired=paired.unpaired,
        unlike=paired.unlike,
        warnings=paired.warnings,
    )


def judge_counts(
    names: tuple[str, str], counts: tuple[InstructionCount, InstructionCount], max_regression: float
) -> InstructionChange:
    """Compare the counts of an old and a new model."""
    old, new = counts
    ratio = new.per_digit / old.per_digit
    return InstructionChange(
        model=names[1],
        old_model=names[0],
        threads=1,
        limit=1 + max_regression,
        interval=(round(ratio * (1 - TOLERANCE), 5), round(ratio * (1 + TOLERANCE), 5)),
        remedy="the growth is the limit itself; choose another limit",
        ratio=round(ratio, 5),
        old_instructions=old.per_digit,
        new_instructions=new.per_digit,
        counter=new.counter,
        features=new.features,
    )
