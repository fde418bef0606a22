"""`edge-mnist train`, as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("edge-mnist")


def assert_refused(finished, *words: str) -> None:
    """Exit code 2 and one line on standard error that holds all words."""
    assert finished.code == 2
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1
    assert finished.err.startswith("edge-mnist: error: ")
    assert all(word in finished.err for word in words), finished.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--batch-size", "0"),
        ("--seed", "-1"),
        ("--epochs", "many"),
        ("--data", "nowhere"),
        ("--sped", "1"),
    ],
)
def test_bad_option_is_refused_in_one_line_that_names_it(run_cli, tmp_path, arguments):
    assert_refused(run_cli("train", *arguments, cwd=tmp_path), arguments[0])
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_existing_run_is_refused_without_force(run_cli, tmp_path, mnist_folder):
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    (run / "model.keras").write_bytes(b"weeks of work")
    assert_refused(run_cli("train", "-o", run, "--epochs", "1", cwd=tmp_path), "holds a run already", "--force")
    assert (run / "model.keras").read_bytes() == b"weeks of work"
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "run.json"]


@pytest.mark.slow
def test_folder_that_holds_no_mnist_is_refused_and_leaves_no_run(run_cli, tmp_path):
    (tmp_path / "empty").mkdir()
    finished = run_cli("train", "--data", tmp_path / "empty", cwd=tmp_path)
    assert_refused(finished, "train-images-idx3-ubyte", "--data")
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_without_mnist_and_network_training_says_where_to_put_it(tmp_path, without_network, without_mnist):
    done = subprocess.run(
        [*without_network, COMMAND, "train"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **without_mnist},
        cwd=tmp_path,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "MNIST" in done.stderr
    assert "--data DIR" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_model_so_far(tmp_path, mnist_folder):
    import keras

    with subprocess.Popen(
        [COMMAND, "train", "--epochs", "5", "--batch-size", "512"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
    ) as training:
        seen = []
        for line in training.stderr:
            seen.append(line)
            if line.startswith("epoch   1/"):
                training.send_signal(signal.SIGINT)
                break
        out, err = training.communicate(timeout=300)
    assert training.returncode == 130, (seen, err)
    assert "Stopped after 1 of 5 epochs" in err or "Stopped after 2 of 5 epochs" in err
    assert "Traceback" not in "".join(seen) + err
    run = tmp_path / "runs" / "edge"
    assert "runs/edge/model.keras" in out
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "report.html", "run.json"]
    assert keras.models.load_model(run / "model.keras").count_params() > 0
