"""The command `edge-mnist train`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_trainer.networks.architectures import ARCHITECTURES

COMMAND = Path(sys.executable).with_name("edge-mnist")
TINY = ("--arch", "custom", "--filters", 4, "--pool", 4, "--dense", "")


def save_npz(path: Path, digits, n: int) -> Path:
    np.savez(path, images=digits.training.images[:n], labels=digits.training.labels[:n])
    return path


@pytest.fixture(scope="module")
def data(drawn_digits, tmp_path_factory) -> Path:
    """200 drawn digits as the user's own digits."""
    return save_npz(tmp_path_factory.mktemp("data") / "drawn.npz", drawn_digits, 200)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--epochs", "many"),
        ("--batch-size", "0"),
        ("--seed", "-1"),
        ("--learning-rate", "0"),
        ("--learning-rate", "-1"),
        ("--learning-rate", "nan"),
        ("--learning-rate", "inf"),
        ("--patience", "0"),
        ("--data", "nowhere"),
        ("--data", "nowhere.npz"),
        ("--arch", "lenet"),
        ("--sped", "1"),
    ],
)
def test_bad_option_is_refused_in_one_line_that_names_it(run_here, assert_refused, tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    assert_refused(run_here("train", *arguments), 2, arguments[0])
    assert not list(tmp_path.iterdir())


def test_unknown_network_is_refused_with_the_known_ones(run_here, assert_refused):
    assert_refused(run_here("train", "--arch", "lenet"), 2, "--arch lenet", *ARCHITECTURES)


@pytest.mark.parametrize(
    ("sizes", "words"),
    [
        (("--filters", "8,0"), ("--filters", "at least 1")),
        (("--filters", "8,x"), ("--filters 8,x", "32,64")),
        (("--filters", "8;16"), ("--filters 8;16", "32,64")),
        (("--filters", ""), ("--filters",)),
        (("--filters", "1,1,1,1,1"), ("--pool 2", "nothing of 28 pixels", "at most 1")),
        (("--dense", "-5"), ("--dense", "at least 1")),
        (("--dense", "1.5"), ("--dense 1.5",)),
        (("--kernel-size", "0"), ("--kernel-size", "at least 1")),
        (("--pool", "29"), ("--pool 29", "nothing of 28 pixels")),
        (("--pool", "0"), ("--pool",)),
    ],
)
def test_bad_size_of_a_custom_network_is_refused(run_here, assert_refused, sizes, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert_refused(run_here("train", "--arch", "custom", *sizes), 2, *words)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [("--filters", "8"), ("--kernel-size", 5), ("--pool", 2), ("--dense", "8")])
@pytest.mark.parametrize("arch", [(), ("--arch", "conv64-32")])
def test_sizes_are_refused_for_a_network_that_is_not_custom(run_here, assert_refused, arch, size):
    assert_refused(run_here("train", *arch, *size), 2, f"{size[0]} belongs to --arch custom", (*arch, "edge")[-1])


@pytest.fixture
def old_run(tmp_path) -> Path:
    run = tmp_path / "run"
    run.mkdir()
    (run / "run.json").write_text("{}")
    (run / "model.keras").write_bytes(b"weeks of work")
    return run


def test_existing_run_is_refused_without_force(run_here, assert_refused, data, old_run):
    assert_refused(run_here("train", "-o", old_run, "--data", data), 2, "already holds a run", "--force")
    assert (old_run / "model.keras").read_bytes() == b"weeks of work"
    assert sorted(path.name for path in old_run.iterdir()) == ["model.keras", "run.json"]


@pytest.mark.slow
def test_folder_without_digits_is_refused_and_leaves_no_run(run_here, assert_refused, tmp_path):
    (tmp_path / "empty").mkdir()
    ended = run_here("train", "--data", tmp_path / "empty", "-o", tmp_path / "run")
    assert_refused(ended, 2, tmp_path / "empty", "train-images-idx3-ubyte")
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


@pytest.mark.slow
def test_folder_that_is_not_a_transfer_set_is_refused_and_leaves_no_run(run_here, assert_refused, data, tmp_path):
    ended = run_here("train", "--transfer-set", tmp_path, "--data", data, "-o", tmp_path / "run")
    assert_refused(ended, 2, tmp_path, "holds no transfer_set.json", "edge-mnist transfer-set")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_training_without_mnist_and_network_is_refused_with_a_hint(tmp_path, without_network, without_mnist):
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
    assert "--data or EDGE_MNIST_DATA" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.slow
def test_custom_network_is_trained_and_every_file_is_printed(run_here, data, tmp_path):
    run = tmp_path / "run"
    ended = run_here("train", *TINY, "--epochs", 2, "--batch-size", 50, "--seed", 3, "--data", data, "-o", run)
    assert ended.code == 0, ended.err
    record = json.loads((run / "run.json").read_text())
    assert (record["architecture"], record["status"]) == ("custom", "completed")
    assert record["options"] == {"filters": [4], "kernel_size": 3, "pool": 4, "dense": []}
    assert [record["config"][key] for key in ("epochs", "batch_size", "seed")] == [2, 50, 3]
    assert [line[:10] for line in ended.err.splitlines()] == ["epoch   1/", "epoch   2/"]
    first, *files, last = ended.out.splitlines()
    assert first.startswith(f"Validation top-1 {record['best']['validation_top1']:.2%} (epoch ")
    assert files == [str(run / name) for name in ("model.keras", "run.json", "report.html")]
    assert sorted(path.name for path in run.iterdir()) == ["model.keras", "report.html", "run.json"]
    assert last == f"Next: edge-mnist export {run} --int8"


@pytest.mark.slow
@pytest.mark.skipif(find_spec("tensorboard") is None, reason="tensorboard is not installed")
def test_default_run_folder_has_the_network_s_name_and_contains_the_logs(run_here, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("runs/custom").mkdir(parents=True)
    ended = run_here("train", *TINY, "--epochs", 1, "--tensorboard", "--data", data)
    assert ended.code == 0, ended.err
    assert "runs/custom-2/model.keras" in ended.out
    assert "runs/custom-2/tensorboard (tensorboard --logdir runs/custom-2/tensorboard)" in ended.out
    assert list(Path("runs/custom-2/tensorboard").rglob("events.out.tfevents.*"))


@pytest.mark.slow
def test_files_that_are_left_out_are_reported(run_here, tmp_path):
    from PIL import Image

    from edge_mnist_trainer.augment.strokes import draw_ink

    for digit in (3, 7):
        (tmp_path / "own" / str(digit)).mkdir(parents=True)
        for number in range(3):
            ink = draw_ink(digit, np.random.default_rng(number), side_pixels=60)
            Image.fromarray(255 - ink).save(tmp_path / "own" / str(digit) / f"{number}.png")
    (tmp_path / "own" / "3" / "notes.txt").write_text("no digit")
    (tmp_path / "own" / "more.npz").write_bytes(b"")
    run = tmp_path / "run"
    ended = run_here("train", *TINY, "--epochs", 1, "--data", tmp_path / "own", "-o", run)
    assert ended.code == 0, ended.err
    first, second = ended.err.splitlines()[:2]
    assert first.startswith("left out: 3/notes.txt: ")
    assert second == "left out: more.npz: not used beside the sub-folders of pictures"
    dataset = json.loads((run / "run.json").read_text())["dataset"]
    assert len(dataset["left_out"]) == 2
    assert "2 files were left out" in (run / "report.html").read_text()
    assert dataset["picture_reading"] == PICTURE_READING.to_dict()  # these digits were found in pictures
    assert PICTURE_READING.sha256 in (run / "report.html").read_text()


@pytest.mark.slow
def test_run_without_progress_is_reported_as_stopped_early(run_here, data, tmp_path):
    ended = run_here(
        *("train", "--arch", "conv3-dense2", "--learning-rate", 1e-30, "--patience", 1),
        *("--data", data, "-o", tmp_path / "run"),
    )
    assert ended.code == 0, ended.err
    assert "Ended after 2 of 5 epochs, the last 1 without a better validation loss." in ended.err
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "stopped early"


@pytest.mark.slow
def test_diverged_run_is_reported_in_one_line_and_the_old_run_is_restored(run_here, assert_refused, data, old_run):
    # Two steps: only the validation loss includes the second one's update.
    ended = run_here("train", *TINY, "--epochs", 1, "--learning-rate", 1e30, "--data", data, "-o", old_run, "--force")
    assert_refused(ended, 5, old_run, "loss became nan", "--learning-rate", "1e+30")
    assert (old_run / "model.keras").read_bytes() == b"weeks of work"
    assert [path.name for path in old_run.parent.iterdir()] == ["run"]


@pytest.mark.slow
def test_ctrl_c_keeps_the_best_model_and_says_how_to_resume(tmp_path, drawn_digits, command, start_interruptible):
    import keras

    data = save_npz(tmp_path / "drawn.npz", drawn_digits, 5000)
    arguments = (*command, "train", *TINY, "--epochs", 50, "--data", data)
    with start_interruptible(arguments, cwd=tmp_path) as training:
        seen = []
        for line in training.stderr:
            seen.append(line)
            if line.startswith("epoch   1/"):
                training.send_signal(signal.SIGINT)
                break
        out, err = training.communicate(timeout=300)
    assert training.returncode == 130, (seen, err)
    run = tmp_path / "runs" / "custom"
    record = json.loads((run / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert f"Stopped after {len(record['epochs'])} of 50 epochs" in err
    assert "Resume with: edge-mnist train --resume runs/custom\n" in err
    assert "Traceback" not in "".join(seen) + err
    assert "runs/custom/model.keras" in out
    names = {path.name for path in run.iterdir()}
    assert names - {"checkpoint.npz"} == {"model.keras", "report.html", "run.json"}
    assert keras.models.load_model(run / "model.keras").count_params() > 0
