"""Load trained weights for a run to start from (fine-tuning)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import describe_missing, exists, is_file, is_folder, is_url
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
from edge_mnist_trainer.run_folder import MODEL_FILE, read_record_beside
from edge_mnist_trainer.run_record import StartRecord


@dataclass(frozen=True)
class StartingPoint:
    """Trained weights and their origin."""

    origin: str
    """The path or name that the user gave, for messages."""
    weights: list[npt.NDArray[np.float32]]
    """The result of `keras.Model.get_weights`."""
    record: StartRecord
    """Entry of run.json: the SHA-256 of the model's file, and how it was trained, if its run recorded that."""

    def give(self, model: Any) -> None:
        """Copy the weights to a model of the same architecture.

        Raises:
            UsageError: The model has another architecture; it is not changed.
        """
        shapes = [weights.shape for weights in self.weights]
        if shapes != [tuple(weights.shape) for weights in model.get_weights()]:
            raise UsageError(
                f"`start_from` {self.origin}: its weights have other shapes than those of {model.name}; name "
                "the architecture that it was trained as with `architecture`"
            )
        model.set_weights(self.weights)


def find_starting_point(source: Path) -> Path:
    """Find the .keras file for a run folder, a .keras file, or the name of a reference model.

    Raises:
        UsageError: `source` is none of these.
    """
    if str(source) in REFERENCE_MODELS and not exists(source):
        return find_reference_model(str(source))
    path = source / MODEL_FILE if is_folder(source) else source
    if not is_file(path) or path.suffix != ".keras":
        if is_url(source):
            raise UsageError(f"`start_from` {describe_missing(source, 'run')}")
        raise UsageError(
            f"`start_from` {source}: not a run folder with a {MODEL_FILE}, a .keras file, or one of "
            f"{', '.join(REFERENCE_MODELS)}"
        )
    return path


def open_starting_point(source: Path) -> StartingPoint:
    """Load the weights of the model that `find_starting_point` finds.

    Raises:
        UsageError: There is no such model.
        CorruptModelError: The model or the record of its run cannot be read.
    """
    from edge_mnist_trainer.networks.keras_file import load_keras  # imports Keras, which takes seconds

    path = find_starting_point(source)
    trained = read_record_beside(path)
    record = trained.to_dict() if trained else {}
    known = ("architecture", "config", "transfer_set", "dataset", "started_from")
    return StartingPoint(
        str(source),
        load_keras(path).get_weights(),
        StartRecord(
            hashlib.sha256(path.read_bytes()).hexdigest(),
            {key: record[key] for key in known if record.get(key) is not None},
        ),
    )
