"""The command `edge-mnist transfer-set`."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge_mnist_trainer.fit.transfer_set import open_transfer_set
from edge_mnist_trainer.networks.architectures import find_architecture
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
from edge_mnist_trainer.run_folder import RunFolder, create_run_folder

COMMAND = Path(sys.executable).with_name("edge-mnist")


@pytest.fixture
def data(few_digits_file) -> Path:
    return few_digits_file


@pytest.fixture(scope="module")
def teacher(tiny, tmp_path_factory) -> RunFolder:
    """A run with an untrained model."""
    from edge_mnist_trainer.networks.keras_file import save_keras

    folder = create_run_folder(tmp_path_factory.mktemp("teacher") / "run")
    folder.replace("model.keras", lambda path: save_keras(tiny.build(), path))
    return folder


@pytest.mark.slow
def test_command_makes_a_transfer_set_that_a_student_learns_from(run_here, data, teacher, tmp_path):
    made = run_here(
        *("transfer-set", teacher.path, teacher.path, "-o", tmp_path / "set", "--views", 2),
        *("--arch", "nano", "--strength", 0.5, "--seed", 3, "--data", data),
    )
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines() == [
        str(tmp_path / "set"),
        f"Next: edge-mnist train --arch nano --transfer-set {tmp_path / 'set'}",
    ]
    transfer_set = open_transfer_set(tmp_path / "set")
    assert (len(transfer_set.images), transfer_set.n_views, transfer_set.record.seed) == (360, 2, 3)
    assert transfer_set.record.teachers == (hashlib.sha256(teacher.model_path.read_bytes()).hexdigest(),)
    full = find_architecture("nano").config.augmentation
    assert transfer_set.record.augmentation == full.weakened(0.5)
    assert transfer_set.record.augmentation.affine.rotation_degrees == full.affine.rotation_degrees / 2
    assert [path.name for path in tmp_path.iterdir()] == ["set"]

    taught = run_here(
        *("train", "--arch", "custom", "--filters", 4, "--pool", 4, "--dense", "", "--epochs", 1),
        *("--transfer-set", tmp_path / "set", "--data", data, "-o", tmp_path / "student"),
    )
    assert taught.code == 0, taught.err
    assert RunFolder(tmp_path / "student").read_record().transfer_set == transfer_set.record


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--views", 0), ("--views must be at least 1",)),
        (("--views", "many"), ("--views",)),
        (("--strength", 1.5), ("--strength must be 0 to 1",)),
        (("--arch", "lenet"), ("--arch lenet", "edge")),
        (("--arch", "conv64-32"), ("--arch conv64-32", "undistorted")),
        (("--data", "nowhere"), ("nowhere", "--data")),
    ],
)
def test_bad_option_is_refused_in_one_line_that_names_it(run_here, assert_refused, teacher, tmp_path, arguments, words):
    assert_refused(run_here("transfer-set", teacher.path, "-o", tmp_path / "set", *arguments), 2, *words)
    assert not list(tmp_path.iterdir())


def test_missing_arguments_are_refused(run_here, assert_refused, tmp_path):
    assert_refused(run_here("transfer-set", "-o", tmp_path / "set"), 2, "teachers")
    assert_refused(run_here("transfer-set", tmp_path), 2, "--output")


def test_run_without_a_model_is_refused(run_here, assert_refused, teacher, data, tmp_path):
    create_run_folder(tmp_path / "young")
    ended = run_here("transfer-set", teacher.path, tmp_path / "young", "-o", tmp_path / "set", "--data", data)
    assert_refused(ended, 2, tmp_path / "young", "holds no model.keras yet")
    assert not (tmp_path / "set").exists()


def test_folder_that_is_not_a_run_is_refused(run_here, assert_refused, data, tmp_path):
    ended = run_here("transfer-set", tmp_path / "nowhere", "-o", tmp_path / "set", "--data", data)
    assert_refused(ended, 2, tmp_path / "nowhere", "not a run folder", *REFERENCE_MODELS)


@pytest.mark.slow
def test_built_in_models_are_teachers_by_name(run_here, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = run_here("transfer-set", "nano", "micro", "-o", "set", "--views", 1, "--arch", "nano", "--data", data)
    assert (made.code, made.err) == (0, "")
    hashes = [hashlib.sha256(find_reference_model(name).read_bytes()).hexdigest() for name in ("nano", "micro")]
    assert list(open_transfer_set(tmp_path / "set").record.teachers) == hashes


def test_run_folder_comes_before_the_built_in_model_of_its_name(run_here, assert_refused, data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    create_run_folder(tmp_path / "nano")
    ended = run_here("transfer-set", "nano", "-o", "set", "--data", data)
    assert_refused(ended, 2, "nano", "holds no model.keras yet")


@pytest.mark.parametrize("in_the_way", ["folder", "file"])
def test_existing_output_is_refused_and_not_changed(run_here, assert_refused, teacher, tmp_path, in_the_way):
    precious = tmp_path / "set" / "thesis.txt" if in_the_way == "folder" else tmp_path / "set"
    precious.parent.mkdir(exist_ok=True)
    precious.write_text("precious")
    ended = run_here("transfer-set", teacher.path, "-o", tmp_path / "set")
    assert_refused(ended, 2, tmp_path / "set", "already exists")
    assert precious.read_text() == "precious"


@pytest.mark.slow
def test_output_that_cannot_be_written_is_reported(run_here, assert_refused, teacher, data, tmp_path):
    (tmp_path / "file").write_text("precious")
    ended = run_here("transfer-set", teacher.path, "-o", tmp_path / "file" / "set", "--data", data)
    assert_refused(ended, 2, tmp_path / "file" / "set", "cannot be written")


@pytest.mark.slow
def test_teacher_that_cannot_be_read_is_corrupt_and_leaves_nothing(run_here, assert_refused, data, tmp_path):
    run = create_run_folder(tmp_path / "run")
    run.model_path.write_text("Dear model,")
    ended = run_here("transfer-set", run.path, "-o", tmp_path / "set", "--data", data)
    assert_refused(ended, 6, run.model_path, "cannot be read")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


@pytest.fixture
def on_small_disk(tmp_path) -> tuple[str, ...]:
    """A command prefix that makes `tmp_path`/disk a file system of 400 kB."""
    (tmp_path / "disk").mkdir()
    mount = f"mount -t tmpfs -o size=400k tmpfs '{tmp_path / 'disk'}' && exec \"$@\""
    prefix = ("unshare", "--map-root-user", "--mount", "sh", "-c", mount, "sh")
    if (
        shutil.which("unshare") is None
        or subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode
    ):
        pytest.skip("needs `unshare --map-root-user --mount`, which is not permitted here")
    return prefix


@pytest.mark.slow
def test_full_disk_is_reported_and_nothing_is_left_on_it(on_small_disk, teacher, data, tmp_path):
    command = f"'{COMMAND}' transfer-set {teacher.path} -o {tmp_path}/disk/set --views 3 --data {data}; echo code $?"
    ended = subprocess.run(
        [*on_small_disk, "sh", "-c", f"{command}; ls -A {tmp_path}/disk"],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.stdout == "code 2\n"
    assert len(ended.stderr.splitlines()) == 1
    assert f"{tmp_path}/disk/set: cannot be written (No space left on device)" in ended.stderr
