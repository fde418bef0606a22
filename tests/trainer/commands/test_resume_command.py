"""The command `edge-mnist train --resume`."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from edge_mnist_trainer.run_folder import CHECKPOINT_FILE, RECORD_FILE, RunFolder, create_run_folder

NANO = ("--arch", "nano", "--epochs", 3, "--batch-size", 20, "--seed", 7)


@pytest.fixture(scope="module")
def data(drawn_digits, tmp_path_factory) -> Path:
    """A thousand drawn digits as the user's own digits: 900 to train on."""
    path = tmp_path_factory.mktemp("data") / "drawn.npz"
    np.savez(path, images=drawn_digits.training.images[:1000], labels=drawn_digits.training.labels[:1000])
    return path


@pytest.fixture(scope="module")
def killed_run(data, command, tmp_path_factory) -> Path:
    """A run of `edge-mnist train` that was killed in the middle of its second epoch."""
    run = tmp_path_factory.mktemp("command") / "run"
    arguments = map(str, (*command, "train", *NANO, "--data", data, "-o", run))
    with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as training:
        while not (run / CHECKPOINT_FILE).exists():
            assert training.poll() is None, training.stderr.read()
            time.sleep(0.001)
        training.kill()
    assert training.returncode == -signal.SIGKILL
    record = RunFolder(run).read_record()
    assert (record.status, len(record.epochs)) == ("running", 1)
    return run


@pytest.fixture
def killed_copy(killed_run, tmp_path) -> Path:
    return Path(shutil.copytree(killed_run, tmp_path / "run"))


def content(run: Path):
    """The result of a run: its record without the training time, and its model."""
    record = RunFolder(run).read_record()
    assert record.seconds > 0
    return replace(record, seconds=0), (run / "model.keras").read_bytes()


@pytest.mark.slow
def test_resumed_command_gives_the_same_result_as_an_uninterrupted_one(killed_copy, data, run_here, tmp_path):
    keras.utils.clear_session()  # layers are numbered from one, as in a new process
    resumed = run_here("train", "--resume", killed_copy, "--data", data)
    assert resumed.code == 0, resumed.err
    assert "resuming after epoch 1 of 3" in resumed.err
    assert "epoch   1/3" not in resumed.err
    assert "epoch   2/3" in resumed.err
    assert "epoch   3/3" in resumed.err
    keras.utils.clear_session()
    whole = run_here("train", *NANO, "--data", data, "-o", tmp_path / "whole")
    assert whole.code == 0, whole.err
    assert content(killed_copy) == content(tmp_path / "whole")
    names = {"model.keras", "run.json", "report.html"}
    assert {path.name for path in killed_copy.iterdir()} - {".partial-model.keras"} == names


@pytest.mark.parametrize(
    "option",
    [
        *(("--arch", "nano"), ("--epochs", 5), ("--batch-size", 20), ("--seed", 7), ("--learning-rate", 0.1)),
        *(("--patience", 3), ("--force",), ("-o", "other"), ("--filters", "8"), ("--dense", "8"), ("--pool", 2)),
        ("--kernel-size", 3),
    ],
)
def test_settings_cannot_be_changed_with_resume(run_here, assert_refused, make_run_record, tmp_path, option):
    create_run_folder(tmp_path / "run").write_record(make_run_record(status="interrupted"))
    name = {"-o": "--output"}.get(option[0], option[0])
    assert_refused(run_here("train", "--resume", tmp_path / "run", *option), 2, f"{name} cannot be changed with")


@pytest.mark.slow
def test_other_digits_are_refused(killed_copy, run_here, assert_refused, drawn_digits, tmp_path):
    other = tmp_path / "drawn.npz"
    np.savez(other, images=drawn_digits.training.images[1:1001], labels=drawn_digits.training.labels[1:1001])
    before = {path.name: path.read_bytes() for path in killed_copy.iterdir()}
    refused = run_here("train", "--resume", killed_copy, "--data", other)
    assert_refused(refused, 2, killed_copy, "another dataset", "start again")
    assert {path.name: path.read_bytes() for path in killed_copy.iterdir()} == before


@pytest.mark.slow
def test_damaged_checkpoint_is_refused(killed_copy, data, run_here, assert_refused):
    (killed_copy / CHECKPOINT_FILE).write_bytes(b"PK")
    refused = run_here("train", "--resume", killed_copy, "--data", data)
    assert_refused(refused, 6, "checkpoint.npz: cannot be read", "--force")


@pytest.mark.parametrize("status", ["completed", "stopped early"])
def test_run_that_has_ended_is_refused(run_here, assert_refused, make_run_record, tmp_path, status):
    create_run_folder(tmp_path / "run").write_record(make_run_record(status=status))
    refused = run_here("train", "--resume", tmp_path / "run")
    assert_refused(refused, 2, tmp_path / "run", f"is {status}, nothing is left to resume")


def test_run_that_never_began_is_refused(run_here, assert_refused, tmp_path):
    create_run_folder(tmp_path / "run")
    assert_refused(run_here("train", "--resume", tmp_path / "run"), 2, "ended before the training began", "--force")


@pytest.mark.parametrize("name", ["nowhere", "empty", "letter.txt"])
def test_path_that_is_not_a_run_is_refused(run_here, assert_refused, tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.txt").write_text("Dear run,")
    assert_refused(run_here("train", "--resume", tmp_path / name), 2, tmp_path / name, "not a run folder")


EARLIER_VERSION = {"status": "interrupted", "schema_version": 1, "architecture": "edge", "config": {"epochs": 40}}


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps(EARLIER_VERSION)])
def test_record_of_another_version_is_refused(run_here, assert_refused, tmp_path, text):
    (tmp_path / RECORD_FILE).write_text(text)
    assert_refused(run_here("train", "--resume", tmp_path), 6, tmp_path / RECORD_FILE, "again")
