"""Runs that start from trained weights."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_runtime.errors import CorruptModelError, UsageError
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.networks.architectures import custom_architecture, find_architecture
from edge_mnist_trainer.networks.keras_file import load_keras, save_keras
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
from edge_mnist_trainer.networks.starting_point import find_starting_point, open_starting_point
from edge_mnist_trainer.run_folder import RunFolder, create_run_folder
from edge_mnist_trainer.run_record import StartRecord


@pytest.fixture(scope="module")
def first_run(tiny, few_digits, tmp_path_factory) -> RunFolder:
    folder = create_run_folder(tmp_path_factory.mktemp("first") / "run")
    train(few_digits, tiny, tiny.config, folder)
    return folder


def test_run_starts_from_the_given_weights(tiny, few_digits, first_run, tmp_path):
    start = open_starting_point(first_run.path)
    still = replace(tiny.config, epochs=1, peak_learning_rate=1e-12, seed=5)
    train(few_digits, tiny, still, folder := create_run_folder(tmp_path / "run"), start=start)
    given, ended = load_keras(first_run.model_path).get_weights(), load_keras(folder.model_path).get_weights()
    assert all(np.allclose(one, other, atol=1e-6) for one, other in zip(given, ended, strict=True))
    train(few_digits, tiny, still, fresh := create_run_folder(tmp_path / "fresh"))
    assert not np.allclose(given[0], load_keras(fresh.model_path).get_weights()[0], atol=1e-3)


def test_record_names_the_starting_point(tiny, few_digits, first_run, tmp_path):
    start = open_starting_point(first_run.path)
    once = replace(tiny.config, epochs=1)
    train(few_digits, tiny, once, folder := create_run_folder(tmp_path / "run"), start=start)
    record, first = folder.read_record(), first_run.read_record()
    assert record.started_from.sha256 == hashlib.sha256(first_run.model_path.read_bytes()).hexdigest()
    assert record.started_from.trained["config"] == first.to_dict()["config"]
    assert first.started_from is None
    # The record also has the starting point of that run.
    assert open_starting_point(folder.path).record.trained["started_from"] == asdict(record.started_from)


def test_weights_of_another_network_are_refused(tiny, few_digits, first_run, tmp_path):
    other = replace(custom_architecture(filters=(5,), pool=4, dense=()), config=tiny.config)
    folder = create_run_folder(tmp_path / "run")
    with pytest.raises(UsageError, match=r"`start_from` .* other shapes than those of custom; .*`architecture`"):
        train(few_digits, other, other.config, folder, start=open_starting_point(first_run.path))
    assert not folder.model_path.exists()


def test_resumed_run_must_have_the_same_starting_point(tiny, few_digits, first_run, tmp_path):
    import keras

    class Killer(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("killed")

    start, folder = open_starting_point(first_run.path), create_run_folder(tmp_path / "run")
    with pytest.raises(RuntimeError, match="killed"):
        train(few_digits, tiny, tiny.config, folder, start=start, callbacks=(Killer(),))
    with pytest.raises(UsageError, match="begun from trained weights; name them again with `start_from`"):
        train(few_digits, tiny, tiny.config, folder, resume=True)
    assert train(few_digits, tiny, tiny.config, folder, start=start, resume=True).status == "completed"


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_reference_model_is_found_by_its_name_and_fits_its_architecture(name):
    assert find_starting_point(Path(name)) == find_reference_model(name)
    model = find_architecture(name).build()
    open_starting_point(Path(name)).give(model)
    assert np.array_equal(model.get_weights()[0], load_keras(find_reference_model(name)).get_weights()[0])


@pytest.mark.parametrize("name", ["nowhere", "empty", "model.h5"])
def test_path_without_a_model_is_refused_by_name(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "model.h5").write_bytes(b"\x89HDF")
    with pytest.raises(UsageError, match=rf"`start_from` .*{name}: not a run folder .* robust"):
        find_starting_point(tmp_path / name)


def test_damaged_model_is_refused(tmp_path):
    (tmp_path / "model.keras").write_bytes(b"PK")
    with pytest.raises(CorruptModelError, match=r"model\.keras: cannot be read"):
        open_starting_point(tmp_path / "model.keras")


def test_record_of_a_file_without_its_run_has_only_the_hash(tiny, tmp_path):
    save_keras(tiny.build(), path := tmp_path / "lone.keras")
    assert open_starting_point(path).record == StartRecord(hashlib.sha256(path.read_bytes()).hexdigest(), {})


def test_json_of_another_program_beside_a_model_is_ignored(tiny, tmp_path):
    save_keras(tiny.build(), path := tmp_path / "lone.keras")
    path.with_suffix(".json").write_text('{"class_name": "Sequential"}')
    assert open_starting_point(path).record.trained == {}


def test_damaged_record_beside_a_model_is_refused(tiny, tmp_path):
    save_keras(tiny.build(), path := tmp_path / "model.keras")
    (tmp_path / "run.json").write_text("{")
    with pytest.raises(CorruptModelError, match=r"run\.json: not a readable record of a run"):
        open_starting_point(path)


@pytest.mark.slow
def test_command_leaves_no_folder_of_a_run_that_cannot_begin(
    run_here, assert_refused, few_digits_file, first_run, tmp_path
):
    named = ("--start-from", first_run.path, "--data", few_digits_file, "-o", tmp_path / "run")
    assert_refused(run_here("train", "--arch", "nano", *named), 2, "--start-from", "shapes", "nano")
    assert not (tmp_path / "run").exists()


def test_command_refuses_an_unknown_starting_point_at_once(run_here, assert_refused, few_digits_file, tmp_path):
    named = ("--start-from", tmp_path / "nowhere", "--data", few_digits_file)
    ended = run_here("train", *named, "-o", tmp_path / "run")
    assert_refused(ended, 2, "--start-from", "nowhere")
    assert not (tmp_path / "run").exists()
