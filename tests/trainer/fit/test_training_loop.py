"""Real training runs on digits drawn by the project."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import asdict

import h5py
import keras
import numpy as np
import pytest

from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.run_record import BestEpoch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interrupted_run(train_on_drawn):
    """The same run with Ctrl-C in the middle of its second epoch."""
    return train_on_drawn(seed=0, interrupt_at=(1, 3))


@pytest.fixture(scope="module")
def stopped_at_once(train_on_drawn):
    """A run with another seed, with Ctrl-C after its first step."""
    return train_on_drawn(seed=1, interrupt_at=(0, 0))


def test_training_learns_the_digits(finished_run):
    assert finished_run.outcome.status == "completed"
    assert finished_run.outcome.epochs == 2
    assert finished_run.outcome.best_validation_top1 > 0.9


def test_kept_model_has_the_recorded_accuracy(finished_run, drawn_digits):
    model = keras.models.load_model(finished_run.folder.model_path, compile=False)
    validation = drawn_digits.validation
    found = model.predict(validation.images / np.float32(255), batch_size=1000, verbose=0).argmax(1)
    assert np.mean(found == validation.labels) == pytest.approx(finished_run.outcome.best_validation_top1, abs=1e-3)


def test_kept_model_has_no_optimizer_state(finished_run):
    with zipfile.ZipFile(finished_run.folder.model_path) as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    assert "layers" in weights
    assert "optimizer" not in weights


def test_record_contains_settings_and_data_of_the_model(finished_run, drawn_digits):
    record = finished_run.folder.read_record()
    assert (record.status, record.architecture, record.options, record.transfer_set) == ("completed", "edge", {}, None)
    assert record.config == TrainingConfig(epochs=2, batch_size=128)
    assert {"python", "keras", "tensorflow", "numpy"} <= record.versions.keys()
    assert asdict(record.preprocess) == PREPROCESS.to_dict()
    assert json.loads((finished_run.folder.path / "run.json").read_text())["dataset"] == {
        "name": "drawn",
        "splits": {
            "train": {"n": 5_000, "sha256": drawn_digits.training.sha256},
            "validation": {"n": 1_000, "sha256": drawn_digits.validation.sha256},
        },
        "left_out": [],
    }


def test_record_contains_the_figures_of_every_epoch(finished_run):
    record = finished_run.folder.read_record()
    assert [epoch.epoch for epoch in record.epochs] == [1, 2]
    best = max(record.epochs, key=lambda epoch: epoch.val_accuracy)
    assert record.best == BestEpoch(best.epoch, best.val_accuracy)


def test_run_folder_contains_only_model_and_record(finished_run):
    names = {path.name for path in finished_run.folder.path.iterdir()}
    assert names - {"report.html"} == {"model.keras", "run.json"}


def test_interrupted_run_keeps_the_model_of_its_last_finished_epoch(interrupted_run):
    outcome, record = interrupted_run.outcome, interrupted_run.folder.read_record()
    assert (outcome.status, outcome.epochs, outcome.best_epoch) == ("interrupted", 1, 1)
    assert (record.status, len(record.epochs)) == ("interrupted", 1)
    kept = keras.models.load_model(interrupted_run.folder.model_path, compile=False).get_weights()
    for found, expected in zip(kept, interrupted_run.weights_after_epochs[0], strict=True):
        assert np.array_equal(found, expected)


def test_run_interrupted_in_its_first_epoch_has_no_model(stopped_at_once):
    assert stopped_at_once.outcome.best_epoch is None
    assert stopped_at_once.outcome.status == "interrupted"
    assert stopped_at_once.folder.read_record().status == "interrupted"
    assert not stopped_at_once.folder.model_path.exists()


def test_same_seed_gives_the_same_weights_and_figures(finished_run, interrupted_run):
    for one, other in zip(finished_run.weights_after_epochs[0], interrupted_run.weights_after_epochs[0], strict=True):
        assert np.array_equal(one, other)
    first, again = (run.folder.read_record().epochs[0] for run in (finished_run, interrupted_run))
    assert first == again


def test_another_seed_gives_other_weights(finished_run, stopped_at_once):
    one, other = finished_run.weights_after_first_step[0], stopped_at_once.weights_after_first_step[0]
    assert one.shape == other.shape
    assert not np.allclose(one, other)
