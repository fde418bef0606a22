"""The command `edge-mnist report`."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_trainer.data.sources import load_digit_set
from edge_mnist_trainer.run_folder import create_run_folder


@pytest.fixture(scope="module")
def data(few_digits, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "drawn.npz"
    np.savez(path, images=few_digits.training.images, labels=few_digits.training.labels)
    return path


@pytest.fixture(scope="module")
def trained(data, tiny, tmp_path_factory) -> Path:
    """A run without a report."""
    from edge_mnist_trainer.fit.training import train

    folder = create_run_folder(tmp_path_factory.mktemp("report") / "run")
    train(load_digit_set(data), tiny, tiny.config, folder)
    return folder.path


@pytest.fixture
def run(trained, tmp_path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.mark.slow
def test_report_is_written_again_and_its_path_is_printed(run_here, run, data):
    before = (run / "model.keras").read_bytes()
    ended = run_here("report", run, "--data", data)
    assert ended == (0, f"{run / 'report.html'}\n", "")
    assert "<h1>" in (run / "report.html").read_text("utf-8")
    assert (run / "model.keras").read_bytes() == before
    assert {path.name for path in run.iterdir()} == {"model.keras", "run.json", "report.html"}


@pytest.mark.slow
def test_report_on_other_digits_is_refused(run_here, assert_refused, run, few_digits, tmp_path):
    other = tmp_path / "other.npz"
    np.savez(other, images=few_digits.training.images[:100], labels=few_digits.training.labels[:100])
    assert_refused(run_here("report", run, "--data", other), 2, run, "other digits")
    assert not (run / "report.html").exists()


@pytest.mark.slow
def test_model_that_cannot_be_read_is_corrupt(run_here, assert_refused, run, data):
    (run / "model.keras").write_text("Dear model,")
    assert_refused(run_here("report", run, "--data", data), 6, run / "model.keras", "cannot be read")


def test_run_without_a_model_is_refused(run_here, assert_refused, tmp_path):
    create_run_folder(tmp_path / "young")
    assert_refused(run_here("report", tmp_path / "young"), 2, tmp_path / "young", "holds no model.keras yet")


def test_folder_that_is_not_a_run_is_refused(run_here, assert_refused, tmp_path):
    assert_refused(run_here("report", tmp_path), 2, tmp_path, "not a run folder")
