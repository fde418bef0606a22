"""Training on the other backends of Keras, if they are installed."""

from __future__ import annotations

import json
from importlib.util import find_spec

import pytest

pytestmark = pytest.mark.slow

# `edge-mnist train` runs in the interpreter of the tests, with any PYTHONPATH.
TRAIN = """
import sys
from edge_mnist_runtime.commands.app import run
sys.exit(run(sys.argv[1:]))
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backend_trains_the_same_way(backend, run_script, drawn_digits, tmp_path):
    import keras
    import numpy as np

    if find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    data = tmp_path / "drawn.npz"
    np.savez(data, images=drawn_digits.training.images[:400], labels=drawn_digits.training.labels[:400])
    run = tmp_path / "run"
    # nano has BatchNorm and averaged weights, whose statistics are measured again.
    arguments = ("train", "--arch", "nano", "--epochs", 2, "--batch-size", 20, "--data", data, "-o", run)
    run_script(TRAIN, *arguments, env={"KERAS_BACKEND": backend})
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "completed"
    assert backend in record["versions"]
    assert record["epochs"][1]["loss"] < record["epochs"][0]["loss"]
    # On this backend the kept model has the accuracy that the other backend recorded.
    from edge_mnist_trainer.data.sources import load_digit_set

    validation = load_digit_set(data).validation
    model = keras.models.load_model(run / "model.keras", compile=False)
    found = np.asarray(model(validation.images / np.float32(255))).argmax(axis=1)
    assert np.mean(found == validation.labels) == pytest.approx(record["best"]["validation_top1"], abs=0.03)
