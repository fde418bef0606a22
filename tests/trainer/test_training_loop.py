"""Training for real, on digits that the project draws."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.architectures import build_edge
from edge_mnist_trainer.augmentation import AffineRange
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.splits import split_train_validation
from edge_mnist_trainer.training import DistortedBatches

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interrupted_run(train_on_drawn):
    """The same run once more, with Ctrl-C in the middle of its second epoch."""
    return train_on_drawn(seed=0, interrupt_at=(1, 3))


@pytest.fixture(scope="module")
def stopped_at_once(train_on_drawn):
    """A run of another seed, with Ctrl-C after its first step."""
    return train_on_drawn(seed=1, interrupt_at=(0, 0))


def test_training_learns_the_digits(finished_run):
    assert finished_run.outcome.status == "completed"
    assert finished_run.outcome.epochs == 2
    assert finished_run.outcome.best_validation_top1 > 0.9


def test_kept_model_reads_as_many_digits_as_its_record_says(finished_run, drawn_digits):
    model = keras.models.load_model(finished_run.folder.model_path, compile=False)
    validation = split_train_validation(drawn_digits)[1]
    found = model.predict(validation.images / np.float32(255), batch_size=1000, verbose=0).argmax(1)
    assert np.mean(found == validation.labels) == pytest.approx(finished_run.outcome.best_validation_top1, abs=1e-3)


def test_kept_model_carries_no_optimizer_state(finished_run):
    with zipfile.ZipFile(finished_run.folder.model_path) as archive:
        weights = h5py.File(io.BytesIO(archive.read("model.weights.h5")))
    assert "layers" in weights
    assert "optimizer" not in weights


def test_record_holds_what_made_the_model(finished_run, drawn_digits):
    record = finished_run.folder.read_record()
    assert (record["schema_version"], record["status"], record["architecture"]) == (1, "completed", "edge")
    assert record["config"] == TrainingConfig(epochs=2, batch_size=512).to_dict()
    assert {"python", "keras", "tensorflow", "numpy"} <= record["versions"].keys()
    assert record["preprocess"] == PREPROCESS.to_dict()
    training, validation = split_train_validation(drawn_digits)
    assert record["dataset"] == {
        "name": "drawn",
        "splits": {
            "train": {"n": 11_000, "sha256": training.sha256},
            "validation": {"n": 1_000, "sha256": validation.sha256},
        },
    }


def test_record_holds_the_figures_of_every_epoch(finished_run):
    record = finished_run.folder.read_record()
    assert [epoch["epoch"] for epoch in record["epochs"]] == [1, 2]
    for epoch in record["epochs"]:
        assert epoch.keys() == {"epoch", "accuracy", "loss", "val_accuracy", "val_loss"}
    best = max(record["epochs"], key=lambda epoch: epoch["val_accuracy"])
    assert record["best"] == {"epoch": best["epoch"], "validation_top1": best["val_accuracy"]}


def test_run_folder_holds_model_and_record_alone(finished_run):
    names = {path.name for path in finished_run.folder.path.iterdir()}
    assert names - {"report.html"} == {"model.keras", "run.json"}


def test_interrupted_run_keeps_the_model_of_the_epoch_that_was_finished(interrupted_run):
    outcome, record = interrupted_run.outcome, interrupted_run.folder.read_record()
    assert (outcome.status, outcome.epochs, outcome.best_epoch) == ("interrupted", 1, 1)
    assert (record["status"], len(record["epochs"])) == ("interrupted", 1)
    kept = keras.models.load_model(interrupted_run.folder.model_path, compile=False).get_weights()
    for found, expected in zip(kept, interrupted_run.weights_after_epochs[0], strict=True):
        assert np.array_equal(found, expected)


def test_run_interrupted_in_its_first_epoch_has_no_model(stopped_at_once):
    assert stopped_at_once.outcome.best_epoch is None
    assert stopped_at_once.outcome.status == "interrupted"
    assert stopped_at_once.folder.read_record()["status"] == "interrupted"
    assert not stopped_at_once.folder.model_path.exists()


def test_same_seed_gives_the_same_weights_and_figures(finished_run, interrupted_run):
    for one, other in zip(finished_run.weights_after_epochs[0], interrupted_run.weights_after_epochs[0], strict=True):
        assert np.array_equal(one, other)
    first, again = (run.folder.read_record()["epochs"][0] for run in (finished_run, interrupted_run))
    assert first == again


def test_another_seed_gives_other_weights(finished_run, stopped_at_once):
    one, other = finished_run.weights_after_first_step[0], stopped_at_once.weights_after_first_step[0]
    assert one.shape == other.shape
    assert not np.allclose(one, other)


def test_edge_follows_the_tensor_contract_and_stays_small():
    model = build_edge()
    assert model.input_shape == (None, 28, 28, 1)
    assert model.output_shape == (None, 10)
    assert model.count_params() < 40_000
    probabilities = model(np.random.default_rng(0).random((4, 28, 28, 1), np.float32))
    assert np.allclose(np.sum(probabilities, 1), 1, atol=1e-5)


@pytest.fixture
def numbered() -> LabelledDigits:
    """100 grey images whose label is their number."""
    images = np.full((100, 28, 28, 1), 100, np.uint8)
    return LabelledDigits("numbered", "train", images, np.arange(100, dtype=np.uint8))


def labels_of(batches: DistortedBatches) -> list[int]:
    return [int(label) for index in range(len(batches)) for label in batches[index][1]]


def test_every_epoch_shows_every_image_once_in_another_order(numbered):
    batches = DistortedBatches(numbered, AffineRange(), batch_size=30, seed=0)
    first = labels_of(batches)
    batches.on_epoch_end()
    second = labels_of(batches)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second


def test_batches_are_floats_from_0_to_1_and_repeatable_by_seed(numbered):
    images = replace(numbered, images=np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8))
    first, again, other = (DistortedBatches(images, AffineRange(), batch_size=30, seed=seed)[3] for seed in (0, 0, 1))
    assert first[0].shape == (10, 28, 28, 1)
    assert 0 <= first[0].min() < first[0].max() <= 1 + 1e-6
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])
