"""Transfer sets: teachers' probabilities for distorted digits, and students that learn from them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mnist_runtime.errors import CorruptModelError, UsageError
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.augment import batches
from edge_mnist_trainer.augment.batches import DistortedBatches
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.fit.transfer_set import (
    IMAGES_FILE,
    LABELLING_BATCH,
    PROBABILITIES_FILE,
    RECORD_FILE,
    TransferBatches,
    make_transfer_set,
    open_transfer_set,
)
from edge_mnist_trainer.run_folder import create_run_folder, open_run_folder

pytestmark = pytest.mark.slow

VIEWS = 3
DISTORTED = Augmentation(elastic_pixels=0.8, corrupted_part=0.3)


@pytest.fixture(scope="module")
def teacher(few_digits, tiny, tmp_path_factory):
    """A tiny network that has learned the digits."""
    folder = create_run_folder(tmp_path_factory.mktemp("teacher") / "run")
    config = replace(tiny.config, epochs=12, batch_size=10, peak_learning_rate=0.02)
    assert train(few_digits, tiny, config, folder).best_validation_top1 > 0.95
    return keras.models.load_model(folder.model_path, compile=False)


@pytest.fixture(scope="module")
def guesser(tiny):
    """An untrained teacher."""
    keras.utils.set_random_seed(5)
    return tiny.build()


@pytest.fixture(scope="module")
def folder(few_digits, teacher, guesser, tmp_path_factory) -> Path:
    made = tmp_path_factory.mktemp("transfer-set")
    teachers = {"a" * 64: teacher, "b" * 64: guesser}
    make_transfer_set(few_digits.training, teachers, DISTORTED, made, views=VIEWS, seed=4)
    return made


def test_drawn_digits_get_their_label_and_handwritten_ones_the_prediction(few_digits, guesser, tmp_path, monkeypatch):
    monkeypatch.setattr(batches, "DRAWN_VARIANTS", 2)
    monkeypatch.setattr(batches, "SCHOOL_DIGITS", 20)
    augmentation = Augmentation(drawn_part=0.4)
    made = make_transfer_set(few_digits.training, {"b" * 64: guesser}, augmentation, tmp_path, views=1, seed=4)
    fed = DistortedBatches(few_digits.training, augmentation, batch_size=len(made.images), seed=4)
    labels, drawn = fed.pixels(0).labels, fed.made(0)
    predictions = np.asarray(guesser(made.images / np.float32(255)))
    assert (drawn.any(), drawn.all()) == (True, False)
    said = np.where(drawn[:, np.newaxis], np.eye(10)[labels], predictions)
    assert np.abs(made.probabilities - said).max() < 1e-3


@pytest.fixture(scope="module")
def both(folder):
    """The transfer set of both teachers."""
    return open_transfer_set(folder)


@pytest.fixture(scope="module")
def lessons(few_digits, teacher, tmp_path_factory):
    """The transfer set of the trained teacher on undistorted digits."""
    plain = Augmentation(replace(DISTORTED.affine, rotation_degrees=0, log_scale=0, shear=0, shift_pixels=0))
    made = tmp_path_factory.mktemp("lessons")
    return make_transfer_set(few_digits.training, {"a" * 64: teacher}, plain, made, views=2, seed=0)


def undisturbed_views(digits, views: int, seed: int) -> np.ndarray:
    batches = DistortedBatches(digits.training, DISTORTED, batch_size=LABELLING_BATCH, seed=seed)
    found = []
    for _ in range(views):
        found.append(batches.pixels(0).undisturbed)
        batches.on_epoch_end()
    return np.concatenate(found)


def test_images_are_those_of_training_view_after_view(both, few_digits):
    batches = DistortedBatches(few_digits.training, DISTORTED, batch_size=LABELLING_BATCH, seed=4)
    for view in range(VIEWS):
        assert np.array_equal(both.images[view * 200 : (view + 1) * 200], batches.pixels(0).images)
        batches.on_epoch_end()
    assert (both.images.shape, both.images.dtype) == ((VIEWS * 200, 28, 28, 1), np.uint8)


def test_probabilities_are_the_teachers_mean_for_the_image_before_its_disturbance(both, few_digits, teacher, guesser):
    pixels = undisturbed_views(few_digits, VIEWS, seed=4) / np.float32(255)
    assert (both.images / np.float32(255) != pixels).any(axis=(1, 2, 3)).mean() > 0.2
    one, other = (np.asarray(model(pixels)) for model in (teacher, guesser))
    assert both.probabilities.dtype == np.float16
    assert np.allclose(both.probabilities, (one + other) / 2, atol=1e-3)
    assert not np.allclose(both.probabilities, one, atol=0.1)


def test_every_batch_is_labelled_and_reported(few_digits, guesser, tmp_path, monkeypatch):
    monkeypatch.setattr("edge_mnist_trainer.fit.transfer_set.LABELLING_BATCH", 64)
    seen = []
    made = make_transfer_set(
        few_digits.training,
        {"b" * 64: guesser},
        replace(DISTORTED, corrupted_part=0.0),
        tmp_path,
        views=2,
        seed=0,
        on_batch=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(number, 8) for number in range(1, 9)]
    assert np.allclose(made.probabilities, guesser(made.images / np.float32(255)), atol=1e-3)


def test_record_contains_teachers_settings_and_data(both, few_digits):
    assert both.record.teachers == ("a" * 64, "b" * 64)
    assert (both.n_views, both.record.seed) == (VIEWS, 4)
    assert both.record.augmentation == DISTORTED
    assert asdict(both.record.preprocess) == PREPROCESS.to_dict()
    assert both.record.dataset.sha256 == few_digits.training.sha256


def epoch_of(batches: TransferBatches) -> tuple[np.ndarray, np.ndarray]:
    images, probabilities = zip(*(batches[index] for index in range(len(batches))), strict=True)
    return np.concatenate(images), np.concatenate(probabilities)


def test_every_epoch_shows_the_next_view_in_turn(both):
    batches = TransferBatches(both, batch_size=30, seed=0)
    assert len(batches) == 7
    shown = []
    for epoch in range(VIEWS + 1):
        images, probabilities = epoch_of(batches)
        view = slice(epoch % VIEWS * 200, (epoch % VIEWS + 1) * 200)
        expected = np.concatenate([both.images[view].reshape(200, -1) / 255.0, both.probabilities[view]], axis=1)
        found = np.concatenate([images.reshape(200, -1), probabilities], axis=1)
        assert np.allclose(sorted(found.tolist()), sorted(expected.tolist()), atol=1e-6)
        shown.append(images)
        batches.on_epoch_end()
    assert not np.array_equal(shown[0], shown[VIEWS])  # the same view in another order


def test_batches_are_floats_and_repeatable_by_seed(both):
    first, again, other = (TransferBatches(both, batch_size=30, seed=seed)[0] for seed in (0, 0, 1))
    assert (first[0].dtype, first[1].dtype) == (np.float32, np.float32)
    assert (first[0].shape, first[1].shape) == ((30, 28, 28, 1), (30, 10))
    assert 0 <= first[0].min() < first[0].max() <= 1
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@settings(max_examples=20)
@given(n_epochs=st.integers(0, 12), seed=st.integers(0, 2**31 - 1))
def test_skipping_epochs_equals_running_them(both, n_epochs, seed):
    skipping, going = (TransferBatches(both, batch_size=64, seed=seed) for _ in range(2))
    skipping.skip_epochs(n_epochs)
    for _ in range(n_epochs):
        going.on_epoch_end()
    for one, other in zip(skipping[1], going[1], strict=True):
        assert np.array_equal(one, other)


class Interruption(keras.callbacks.Callback):
    """Presses Ctrl-C in the middle of the second epoch."""

    epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == (1, 3):
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def teach(few_digits, tiny, lessons, tmp_path_factory):
    """Train a student in a folder of this name; returns the folder and the outcome."""
    students = tmp_path_factory.mktemp("students")

    def run(name: str, *, seed: int = 0, resume: bool = False, callbacks=()):
        folder = (open_run_folder if resume else create_run_folder)(students / name)
        config = replace(tiny.config, epochs=6, batch_size=10, seed=seed, peak_learning_rate=0.02)
        outcome = train(few_digits, tiny, config, folder, transfer_set=lessons, resume=resume, callbacks=callbacks)
        return folder, outcome

    return run


@pytest.fixture(scope="module")
def student(teach):
    """A student with seed 0, trained without a break."""
    return teach("student")


def weights_of(folder) -> list[np.ndarray]:
    return keras.models.load_model(folder.model_path, compile=False).get_weights()


def same(one, other) -> bool:
    return all(np.array_equal(*pair) for pair in zip(weights_of(one), weights_of(other), strict=True))


def test_student_learns_digits_from_the_teacher(student, lessons):
    folder, outcome = student
    assert outcome.best_validation_top1 > 0.9
    assert folder.read_record().transfer_set == lessons.record


def test_students_of_the_same_seed_are_equal(student, teach):
    first, again, other = student[0], teach("again")[0], teach("other", seed=1)[0]
    assert same(first, again)
    assert not same(first, other)


def test_interrupted_and_resumed_student_gives_the_same_result(student, teach):
    whole, _ = student
    _, outcome = teach("interrupted", callbacks=(Interruption(),))
    assert (outcome.status, outcome.epochs) == ("interrupted", 1)
    resumed, outcome = teach("interrupted", resume=True)
    assert (outcome.status, outcome.epochs) == ("completed", 6)
    assert same(resumed, whole)
    assert resumed.read_record().epochs == whole.read_record().epochs


@pytest.fixture
def copy(folder, tmp_path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def change_record(folder: Path, **changes) -> None:
    record = json.loads((folder / RECORD_FILE).read_text())
    (folder / RECORD_FILE).write_text(json.dumps({**record, **changes}))


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


DAMAGES = {
    "no images": lambda folder: (folder / IMAGES_FILE).unlink(),
    "no probabilities": lambda folder: (folder / PROBABILITIES_FILE).unlink(),
    "half of the images": lambda folder: shorten(folder / IMAGES_FILE),
    "half of the probabilities": lambda folder: shorten(folder / PROBABILITIES_FILE),
    "empty images": lambda folder: (folder / IMAGES_FILE).write_bytes(b""),
    "text for images": lambda folder: (folder / IMAGES_FILE).write_text("Dear images,"),
    "fewer probabilities than images": lambda folder: np.save(
        folder / PROBABILITIES_FILE, np.zeros((3, 10), np.float16)
    ),
    "half of the record": lambda folder: shorten(folder / RECORD_FILE),
    "a record of nothing": lambda folder: (folder / RECORD_FILE).write_text("{}"),
    "a record that is a list": lambda folder: (folder / RECORD_FILE).write_text("[]"),
    "views that do not divide the images": lambda folder: change_record(folder, views=7),
    "no views": lambda folder: change_record(folder, views=0),
    "images of another size": lambda folder: np.save(folder / IMAGES_FILE, np.zeros((600, 32, 32, 1), np.uint8)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_transfer_set_is_refused_in_one_line_that_names_it(copy, damage):
    DAMAGES[damage](copy)
    with pytest.raises(CorruptModelError) as caught:
        open_transfer_set(copy)
    assert str(caught.value).startswith(str(copy))
    assert str(caught.value).endswith("make it again")
    assert "\n" not in str(caught.value)


def test_transfer_set_of_another_preprocessing_is_refused(copy):
    change_record(copy, preprocess={"version": 0, "sha256": "0" * 64})
    with pytest.raises(UsageError, match="another preprocessing"):
        open_transfer_set(copy)


def test_folder_without_a_record_is_refused(copy):
    (copy / RECORD_FILE).unlink()
    with pytest.raises(UsageError, match=r"holds no transfer_set\.json; make one with edge-mnist transfer-set"):
        open_transfer_set(copy)


def test_undamaged_copy_opens_as_the_same_transfer_set(copy, both):
    assert open_transfer_set(copy).record == both.record
