"""Measure what each part of the training recipe of `edge` contributes: writes docs/results/ablation.md.

    python -m benchmarks.ablation --strength-1 build/reference/strength-1 --strength-0.5 build/reference/strength-0.5

Both options name transfer sets (`edge-mnist transfer-set`), from which the last rows learn. Only validation images
are read. Completed runs in `--runs` are reused, also those of further seeds.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.distorted_validation import distort_validation, evaluate
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
    """One training recipe: a row of the table."""

    name: str
    """First part of the names of its run folders."""
    change: str
    """How it differs from the first row."""
    config: TrainingConfig
    transfer_set: Path | None = None
    start_from: str | None = None
    """Name of the row whose weights it starts from."""


def make_rows(recipe: TrainingConfig, strength_1: Path, strength_half: Path) -> list[Row]:
    """List the recipes to compare.

    Args:
        recipe: The recipe of `edge`, with any number of epochs.
        strength_1: The transfer set distorted at strength 1.
        strength_half: The transfer set distorted at strength 0.5.
    """
    everything = find_architecture("teacher").config.augmentation
    constant = replace(recipe, schedule="constant", peak_learning_rate=1e-3, warmup_part=0.0)
    last_epochs = replace(recipe, epochs=4, peak_learning_rate=5e-4)
    return [
        Row("labels", "trained on labels: affine and elastic distortions, cosine schedule, averaged weights", recipe),
        Row("plain", "no distortions", replace(recipe, augmentation=None)),
        Row("affine", "affine distortions only", replace(recipe, augmentation=Augmentation())),
        Row("everything", "also corrupted, printed and drawn digits", replace(recipe, augmentation=everything)),
        Row("last-weights", "last weights instead of averaged ones", replace(recipe, longest_average_steps=0)),
        Row("constant", "constant learning rate of 0.001", constant),
        Row("distilled", "trained on a teacher's predictions", recipe, strength_1),
        Row("fine-tuned", "the same, then four epochs at strength 0.5", last_epochs, strength_half, "distilled"),
    ]


def main() -> None:
    """Train every row and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--strength-1", type=Path, required=True, help="a transfer set")
    parser.add_argument(
        "--strength-0.5", dest="strength_half", type=Path, required=True, help="a set distorted half as much"
    )
    parser.add_argument("--runs", type=Path, default=Path("build/ablation"))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    digits = load_digit_set()
    recipe = replace(find_architecture("edge").config, epochs=options.epochs)
    sets = list(distort_validation(digits.validation))
    lines = []
    for row in make_rows(recipe, options.strength_1, options.strength_half):
        for seed in range(options.seeds):
            _train_once(digits, row, seed, options.runs)
        runs = [run for run in options.runs.glob(f"{row.name}-[0-9]*") if _is_complete(run)]
        models = [load_keras(run / MODEL_FILE) for run in runs]
        lines.append(_line(row.change, [[evaluate(model, *images) for images in sets] for model in models]))
    options.results.mkdir(parents=True, exist_ok=True)
    (options.results / "ablation.md").write_text(_page(lines, options.epochs, open_transfer_set(options.strength_1)))
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
            start=open_starting_point(runs / f"{row.start_from}-{seed}") if row.start_from else None,
        )


def _line(change: str, results: list[list[tuple[float, float]]]) -> str:
    """Format a row: mean and half range over the seeds of each error and each loss."""
    values = np.array(results)  # (seeds, sets, error and loss)
    cells = [
        _cell(values[:, number, 0], "{:.2%}") + " | " + _cell(values[:, number, 1], "{:.4f}") for number in range(3)
    ]
    return f"| {change} | {len(values)} | {' | '.join(cells)} |"


def _cell(values: NDArray[np.float64], form: str) -> str:
    mean = form.format(values.mean())
    return f"{mean} ± {form.format(np.ptp(values) / 2)}" if len(values) > 1 else mean


def _page(lines: list[str], epochs: int, transfer_set: TransferSet) -> str:
    full = find_architecture("edge").config
    return "\n".join(
        [
            "# What each part of the training recipe of `edge` contributes",
            "",
            "Written by `benchmarks/ablation.py`. Each row differs from the first only in what it names.",
            "",
            "| condition | value |",
            "|---|---|",
            f"| epochs | {epochs} (`edge` itself: {full.epochs}); the last one is evaluated |",
            "| figures | mean ± half range over the seeds |",
            "| images | MNIST's 5,000 validation images, plain and distorted as in "
            "[distorted-validation.md](distorted-validation.md); no test image |",
            "| standard error | 0.1 points for the error on plain images, so compare losses and distorted images |",
            f"| teachers of the last two rows | {len(transfer_set.record.teachers)}, on "
            f"{transfer_set.n_views} distorted views of each training image |",
            "",
            "| recipe | seeds | plain error | plain loss | strength 0.5 error | loss | strength 1 error | loss |",
            "|---|---|---|---|---|---|---|---|",
            *lines,
            "",
        ]
    )


if __name__ == "__main__":
    main()
