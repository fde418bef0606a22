"""Train candidates for docs/results/front.md shortly and compare their losses: writes benchmarks/front_search.json.

    python -m benchmarks.front_search --transfer-set build/front/set [--epochs 5] LAYERS ...

LAYERS describes a network, one word for each convolution: `c8p` has 8 channels and 2 x 2 max-pooling; `s12` is
separable (one 3 x 3 kernel for each channel, then 1 x 1); `k5` makes the kernel 5 x 5; `v` leaves out the padding.
Candidates that the file holds with as many epochs, on digits distorted as much, are not trained again. Only validation
images are read.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.distorted_validation import distort_validation, evaluate
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.data.sources import DigitSet, load_digit_set
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.fit.transfer_set import TransferSet, open_transfer_set
from edge_mnist_trainer.networks.architectures import Architecture, find_architecture
from edge_mnist_trainer.networks.builders import Convolution, build_normalised
from edge_mnist_trainer.networks.keras_file import load_keras
from edge_mnist_trainer.networks.size import measure_network
from edge_mnist_trainer.run_folder import MODEL_FILE, create_run_folder

TABLE: Final = Path(__file__).with_name("front_search.json")
WORD: Final = re.compile(r"([cs])(\d+)(?:k(\d))?(p?)(v?)")


def main() -> None:
    """Read the command line, and search."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", nargs="+", metavar="LAYERS")
    parser.add_argument("--transfer-set", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--runs", type=Path, default=Path("build/front-search"))
    parser.add_argument("--table", type=Path, default=TABLE)
    options = parser.parse_args()
    transfer_set = open_transfer_set(options.transfer_set)
    search(options.candidates, load_digit_set(), transfer_set, options.epochs, options.runs, options.table)


def search(
    candidates: Sequence[str], digits: DigitSet, transfer_set: TransferSet, epochs: int, runs: Path, table: Path
) -> None:
    """Train and evaluate each candidate that the table lacks, and add it."""
    rows = json.loads(table.read_text("utf-8")) if table.exists() else []
    architectures = {layers: make_candidate(layers, epochs) for layers in candidates}
    strength = find_strength(transfer_set)
    sets = list(distort_validation(digits.validation))
    for layers, architecture in architectures.items():
        if any((row["layers"], row["epochs"], row["strength"]) == (layers, epochs, strength) for row in rows):
            continue
        folder = create_run_folder(runs / layers.replace(" ", "-"), force=True)
        started = time.monotonic()
        train(digits, architecture, architecture.config, folder, transfer_set=transfer_set)
        minutes = (time.monotonic() - started) / 60
        model = load_keras(folder.path / MODEL_FILE)
        results = [evaluate(model, *images) for images in sets]
        rows.append(describe(layers, architecture, minutes, results) | {"strength": strength})
        table.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


def find_strength(transfer_set: TransferSet) -> float:
    """How much the set's digits are distorted: 1 as in the training of `edge`, 0 not at all."""
    strongest = find_architecture("edge").config.augmentation
    assert strongest is not None
    return round(transfer_set.record.augmentation.affine.rotation_degrees / strongest.affine.rotation_degrees, 3)


def make_candidate(layers: str, epochs: int) -> Architecture:
    """Make a network from its description; end the program if a word is not one."""
    config = TrainingConfig(epochs=epochs, peak_learning_rate=8e-3, keep="last")
    convolutions = [parse_word(word) for word in layers.split()]
    return Architecture("candidate", layers, partial(build_normalised, "candidate", *convolutions), config)


def parse_word(word: str) -> Convolution:
    """Read a word like `s12k5p`."""
    found = WORD.fullmatch(word)
    if not found:
        raise SystemExit(f"{word}: not a layer; write one like c8p or s12k5v")
    kind, filters, kernel_size, pooled, valid = found.groups()
    return Convolution(
        int(filters),
        int(kernel_size or 3),
        padding="valid" if valid else "same",
        pooled=bool(pooled),
        separable=kind == "s",
    )


def describe(
    layers: str, architecture: Architecture, minutes: float, results: list[tuple[float, float]]
) -> dict[str, Any]:
    """Make a candidate's entry in the table: its size, then error and loss on each set of validation images."""
    size = measure_network(architecture.build())
    row = {"layers": layers, "bytes": size.int8_weights_bytes, "macs": size.macs, "epochs": architecture.config.epochs}
    for name, (error, loss) in zip(("plain", "half", "full"), results, strict=True):
        row |= {f"{name}_error": round(error, 5), f"{name}_loss": round(loss, 5)}
    return row | {"minutes": round(minutes, 1)}


if __name__ == "__main__":
    main()
