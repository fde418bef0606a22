"""The state that checkpoint.npz restores, and the checkpoints that are refused."""

from __future__ import annotations

import json
from dataclasses import replace

import keras
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edge_mnist_runtime.errors import CorruptModelError, UsageError
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.fit.checkpoint import read_checkpoint, write_checkpoint
from edge_mnist_trainer.run_folder import CHECKPOINT_FILE, RunFolder, create_run_folder
from edge_mnist_trainer.run_record import (
    DatasetRecord,
    DefinitionRecord,
    Epoch,
    RunRecord,
    StartRecord,
    TeachingSplitRecord,
    TransferSetRecord,
)

pytestmark = pytest.mark.slow

LESSONS = TransferSetRecord(
    views=2,
    seed=0,
    teachers=("0123",),
    augmentation=Augmentation(),
    dataset=TeachingSplitRecord("drawn", "train", 200, "0123"),
    preprocess=DefinitionRecord(1, "0123"),
)
EPOCHS = tuple(Epoch(number, 0.5, 1.0, 0.5, 1.0) for number in (1, 2))


@pytest.fixture(scope="module")
def begun(make_run_record) -> RunRecord:
    """The record of a run before its first epoch."""
    return make_run_record()


@pytest.fixture(scope="module")
def record(begun) -> RunRecord:
    """The record after two epochs."""
    return replace(begun, epochs=EPOCHS)


@pytest.fixture(scope="module")
def model(tiny):
    """The tiny network, compiled."""
    built = tiny.build()
    built.compile("adam", "sparse_categorical_crossentropy")
    built.optimizer.build(built.trainable_variables)
    return built


@pytest.fixture(scope="module")
def whole(model, record, tmp_path_factory) -> bytes:
    """A checkpoint of the tiny network after two epochs."""
    folder = create_run_folder(tmp_path_factory.mktemp("whole") / "run")
    write_checkpoint(folder, model, record)
    return (folder.path / CHECKPOINT_FILE).read_bytes()


@pytest.fixture(scope="module")
def folder(record, tmp_path_factory) -> RunFolder:
    """A run of two epochs without a checkpoint."""
    made = create_run_folder(tmp_path_factory.mktemp("checkpoint") / "run")
    made.write_record(record)
    return made


def read(folder: RunFolder, model, data: bytes, expected):
    (folder.path / CHECKPOINT_FILE).write_bytes(data)
    return read_checkpoint(folder, model, expected)


def variables_of(model) -> list[np.ndarray]:
    return [np.array(keras.ops.convert_to_numpy(value)) for value in (*model.variables, *model.optimizer.variables)]


def test_checkpoint_restores_every_variable_and_the_record(folder, model, whole, begun, record):
    before = variables_of(model)
    for variable in (*model.variables, *model.optimizer.variables):
        variable.assign(keras.ops.ones_like(variable))
    assert any(not np.array_equal(*pair) for pair in zip(before, variables_of(model), strict=True))
    assert read(folder, model, whole, begun) == record
    assert all(np.array_equal(*pair) for pair in zip(before, variables_of(model), strict=True))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"architecture": "edge"}, "with another architecture;"),
        ({"options": {"dense": [32]}}, "with another options (dense [64], now [32])"),
        ({"config": TrainingConfig(batch_size=20)}, "with another config (batch_size 10, now 20)"),
        ({"dataset": DatasetRecord("drawn", {}, ())}, "with another dataset (splits "),
        ({"transfer_set": LESSONS}, "without `transfer_set`; resume it without"),
        ({"started_from": StartRecord("4567", {})}, "without `start_from`; resume it without"),
        ({"preprocess": DefinitionRecord(3, "0123")}, "with another preprocess (version 2, now 3)"),
        ({"versions": {"keras": "3.14.0"}}, "with another versions (keras 3.13.0, now 3.14.0)"),
        ({"versions": {"keras": "3.13.0", "jax": "0.4"}}, "with another versions (jax None, now 0.4)"),
    ],
)
def test_run_resumes_only_with_the_same_settings(folder, model, whole, begun, changed, words):
    before = variables_of(model)
    with pytest.raises(UsageError) as caught:
        read(folder, model, whole, replace(begun, **changed))
    message = str(caught.value)
    assert message.startswith(f"{folder.path / 'run.json'}: the run was begun {words}")
    assert "\n" not in message
    assert all(np.array_equal(*pair) for pair in zip(before, variables_of(model), strict=True))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"transfer_set": None}, "with a transfer set; name it again with `transfer_set`"),
        ({"started_from": None}, "from trained weights; name them again with `start_from`"),
        ({"transfer_set": replace(LESSONS, views=3)}, "with another transfer_set (views 2, now 3); resume"),
        ({"started_from": StartRecord("89ab", {})}, "with another started_from (sha256 4567, now 89ab); resume"),
    ],
)
def test_message_names_the_option_that_a_resumed_run_lacks(model, begun, tmp_path, changed, words):
    taught = replace(begun, transfer_set=LESSONS, started_from=StartRecord("4567", {}))
    made = create_run_folder(tmp_path / "run")
    made.write_record(taught)
    with pytest.raises(UsageError) as caught:
        read_checkpoint(made, model, replace(taught, **changed))
    assert f"the run was begun {words}" in str(caught.value)


def test_settings_that_are_equal_as_json_are_the_same(folder, model, whole, begun, record):
    assert read(folder, model, whole, replace(begun, options={"dense": (64,)})) == record


def test_run_without_a_finished_epoch_resumes_from_the_start(model, begun, tmp_path):
    made = create_run_folder(tmp_path / "run")
    made.write_record(begun)
    assert read_checkpoint(made, model, begun) is begun


def test_run_without_a_finished_epoch_resumes_only_with_the_same_settings(model, begun, tmp_path):
    made = create_run_folder(tmp_path / "run")
    made.write_record(begun)
    with pytest.raises(UsageError, match="begun without `transfer_set`"):
        read_checkpoint(made, model, replace(begun, transfer_set=LESSONS))


def test_run_of_two_epochs_without_a_checkpoint_is_refused(model, record, begun, tmp_path):
    made = create_run_folder(tmp_path / "run")
    made.write_record(record)
    with pytest.raises(UsageError, match=r"holds no checkpoint\.npz .*`force=True`"):
        read_checkpoint(made, model, begun)


def changed_arrays(data: bytes, folder, **changes) -> bytes:
    """The checkpoint with changed arrays; None removes one."""
    path = folder.path / "changed.npz"
    path.write_bytes(data)
    with np.load(path) as archive:
        arrays = {**{name: archive[name] for name in archive.files}, **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path.read_bytes()


def lone_array(folder) -> bytes:
    path = folder.path / "lone.npy"
    np.save(path, np.zeros(3))
    return path.read_bytes()


DAMAGES = {
    "empty": lambda data, folder: b"",
    "text": lambda data, folder: b"Dear checkpoint,",
    "half": lambda data, folder: data[: len(data) // 2],
    "a lone array": lambda data, folder: lone_array(folder),
    "no record": lambda data, folder: changed_arrays(data, folder, record=None),
    "a record without settings": lambda data, folder: changed_arrays(
        data, folder, record=np.frombuffer(json.dumps({"epochs": []}).encode(), np.uint8)
    ),
    "a variable too few": lambda data, folder: changed_arrays(data, folder, variable_1=None),
    "a variable of another shape": lambda data, folder: changed_arrays(data, folder, variable_1=np.zeros((2, 3))),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_checkpoint_is_refused_in_one_line_that_names_it(folder, model, whole, begun, damage):
    with pytest.raises(CorruptModelError) as caught:
        read(folder, model, DAMAGES[damage](whole, folder), begun)
    message = str(caught.value)
    assert message.startswith(f"{folder.path / CHECKPOINT_FILE}: cannot be read (")
    assert "\n" not in message


@settings(max_examples=100)
@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@example(position=0.0, bit=0)
@example(position=0.9999, bit=0)
def test_any_flipped_bit_is_refused_or_harmless(folder, model, whole, begun, record, position, bit):
    damaged = bytearray(whole)
    damaged[int(position * len(whole))] ^= 1 << bit
    try:
        found = read(folder, model, bytes(damaged), begun)
    except (CorruptModelError, UsageError):
        return
    assert found == record
