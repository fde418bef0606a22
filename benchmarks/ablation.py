"""What each part of the recipe behind `edge` pays, on validation images alone: docs/results/ablation.md.

    python -m benchmarks.ablation --bent build/reference/bent --half-bent build/reference/half

Both are transfer sets, which the last rows learn from. Runs that are in place already are used as they are, those of
further seeds, too.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.bent_validation import bend, judge
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.data.sources import DigitSet, load_digit_set
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.fit.transfer_set import TransferSet, open_transfer_set
from edge_mnist_trainer.networks.architectures import find_architecture
from edge_mnist_trainer.networks.keras_file import load_keras
from edge_mnist_trainer.networks.starting_point import open_starting_point
from edge_mnist_trainer.run_folder import MODEL_FILE, RECORD_FILE, create_run_folder


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    """That of its runs' folders."""
    what: str
    """What it changes, as the table has it."""
    config: TrainingConfig
    transfer_set: Path | None = None
    goes_on_from: str | None = None
    """The name of the row whose weights it starts from."""


def rows_of(recipe: TrainingConfig, bent: Path, half_bent: Path) -> list[Row]:
    """What is compared; `recipe` is that of `edge`, with as many epochs as there is time for."""
    everything = find_architecture("teacher").config.augmentation
    constant = replace(recipe, schedule="constant", peak_learning_rate=1e-3, warmup_part=0.0)
    last_epochs = replace(recipe, epochs=4, peak_learning_rate=5e-4)
    return [
        Row("labels", "the recipe, learning from labels: affine and elastic, cosine, averaged weights", recipe),
        Row("plain", "no distortions", replace(recipe, augmentation=None)),
        Row("affine", "affine distortions alone", replace(recipe, augmentation=Augmentation())),
        Row("everything", "corruptions, printed and drawn digits, too", replace(recipe, augmentation=everything)),
        Row("last-weights", "no averaged weights", replace(recipe, longest_average_steps=0)),
        Row("constant", "constant learning rate of 0.001", constant),
        Row("taught", "learning from a teacher", recipe, bent),
        Row("half-bent", "learning from a teacher, then four epochs half bent", last_epochs, half_bent, "taught"),
    ]


def main() -> None:
    """Train every row, write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--bent", type=Path, required=True, help="a transfer set")
    parser.add_argument("--half-bent", type=Path, required=True, help="a transfer set, distorted half as far")
    parser.add_argument("--runs", type=Path, default=Path("build/ablation"))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    digits = load_digit_set()
    recipe = replace(find_architecture("edge").config, epochs=options.epochs)
    sets = list(bend(digits.validation))
    lines = []
    for row in rows_of(recipe, options.bent, options.half_bent):
        for seed in range(options.seeds):
            _train_once(digits, row, seed, options.runs)
        runs = [run for run in options.runs.glob(f"{row.name}-[0-9]*") if _is_complete(run)]
        models = [load_keras(run / MODEL_FILE) for run in runs]
        lines.append(_line(row.what, [[judge(model, *images) for images in sets] for model in models]))
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "ablation.md").write_text(_page(lines, options.epochs, open_transfer_set(options.bent)))
    print(options.results / "ablation.md")


def _is_complete(run: Path) -> bool:
    record = run / RECORD_FILE
    return record.exists() and json.loads(record.read_text())["status"] == "completed"


def _train_once(digits: DigitSet, row: Row, seed: int, runs: Path) -> None:
    path = runs / f"{row.name}-{seed}"
    if not _is_complete(path):
        print(path, file=sys.stderr, flush=True)
        train(
            digits,
            find_architecture("edge"),
            replace(row.config, seed=seed),
            create_run_folder(path, force=True),
            transfer_set=open_transfer_set(row.transfer_set) if row.transfer_set else None,
            start=open_starting_point(runs / f"{row.goes_on_from}-{seed}") if row.goes_on_from else None,
        )


def _line(what: str, judged: list[list[tuple[float, float]]]) -> str:
    """A row of the table: mean and half range over the seeds of each error and each loss."""
    values = np.array(judged)  # (seeds, sets, error and loss)
    cells = [
        _cell(values[:, number, 0], "{:.2%}") + " | " + _cell(values[:, number, 1], "{:.4f}") for number in range(3)
    ]
    return f"| {what} | {len(values)} | {' | '.join(cells)} |"


def _cell(values: NDArray[np.float64], form: str) -> str:
    mean = form.format(values.mean())
    return f"{mean} ± {form.format(np.ptp(values) / 2)}" if len(values) > 1 else mean


def _page(lines: list[str], epochs: int, bent: TransferSet) -> str:
    full = find_architecture("edge").config
    return "\n".join(
        [
            "# What pays in the recipe behind `edge`",
            "",
            f"Written by `benchmarks/ablation.py`: {epochs} epochs, the last one; mean ± half range over the seeds.",
            "The 5,000 validation images are plain, half bent and bent as in [bent-validation.md](bent-validation.md);",
            "no test image was read. One standard error of an error rate on the plain ones is 0.1 points: the losses",
            "and the bent images tell rows apart sooner. Each row changes what it names in the first alone.",
            f"The taught ones learn from {bent.n_views} views of the training images as teachers read them",
            f"(teachers: {len(bent.record.teachers)}). `edge` itself is trained for {full.epochs} epochs.",
            "",
            "| | seeds | plain error | plain loss | half bent error | half bent loss | bent error | bent loss |",
            "|---|---|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    main()
