"""Run folders: creating, replacing and reading them."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from edge_mnist_runtime.errors import IntegrityError, OutputError, UsageError
from edge_mnist_trainer.run_folder import (
    RunFolder,
    check_run_path,
    create_run_folder,
    newest_run,
    open_run_folder,
    unused_run_path,
)

FILL_DISK = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from edge_mnist_runtime.errors import OutputError
from edge_mnist_trainer.run_folder import RunFolder
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))  # Python ignores SIGXFSZ: a longer write fails with EFBIG
try:
    folder = RunFolder(Path(sys.argv[1]))
    folder.write_record(replace(folder.read_record(), versions={"long": "x" * 100_000}))
except OutputError as error:
    print(error)
"""


@pytest.fixture
def run(tmp_path, make_run_record) -> RunFolder:
    folder = create_run_folder(tmp_path / "run")
    folder.write_record(make_run_record(seconds=1.0))
    return folder


def names(folder: RunFolder) -> list[str]:
    return sorted(path.name for path in folder.path.iterdir())


def test_new_run_folder_has_status_started(tmp_path):
    folder = create_run_folder(tmp_path / "deep" / "run")
    assert json.loads((folder.path / "run.json").read_text()) == {"status": "started"}
    assert not folder.has_begun
    with pytest.raises(UsageError, match="ended before the training began"):
        folder.read_record()


def test_record_is_replaced(run):
    run.write_record(replace(run.read_record(), seconds=2.0))
    assert run.read_record().seconds == 2.0
    assert names(run) == ["run.json"]


@pytest.mark.parametrize("error", [OSError, RuntimeError, KeyboardInterrupt])
def test_failed_write_leaves_the_old_file_and_nothing_else(run, error):
    def fail(path):
        path.write_text("half")
        raise error("halfway")

    with pytest.raises(OutputError if error is OSError else error):
        run.replace("run.json", fail)
    assert run.read_record().seconds == 1.0
    assert names(run) == ["run.json"]


def test_full_disk_is_reported_and_keeps_the_old_record(run, run_script):
    assert "run.json: cannot be written" in run_script(FILL_DISK, run.path)
    assert run.read_record().seconds == 1.0
    assert names(run) == ["run.json"]


def test_existing_run_is_refused_without_force(run):
    with pytest.raises(UsageError, match="`force=True`"):
        create_run_folder(run.path)
    assert run.read_record().seconds == 1.0


def test_existing_run_is_replaced_with_force(run):
    (run.path / "model.keras").write_bytes(b"old")
    create_run_folder(run.path, force=True)
    assert names(run) == ["run.json"]
    assert not run.has_begun


@pytest.mark.parametrize("force", [False, True])
def test_folder_that_is_not_a_run_is_refused_even_with_force(tmp_path, force):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="not a run folder"):
        create_run_folder(tmp_path, force=force)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_empty_folder_becomes_a_run_folder(tmp_path):
    assert create_run_folder(tmp_path).path == tmp_path


def test_file_in_the_way_is_refused(tmp_path):
    file = tmp_path / "file"
    file.write_text("precious")
    with pytest.raises(UsageError, match="is not a folder"):
        create_run_folder(file, force=True)
    assert file.read_text() == "precious"


def test_file_as_parent_is_refused(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError, match="cannot be used"):
        create_run_folder(tmp_path / "file" / "run")


def test_unused_path_counts_up(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for expected in ("runs/edge", "runs/edge-2", "runs/edge-3"):
        path = unused_run_path("edge")
        assert path.as_posix() == expected
        path.mkdir(parents=True)


def test_newest_run_is_the_one_whose_model_was_written_last(tmp_path):
    for second, name in enumerate(("b", "c", "a")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.keras").touch()
        os.utime(tmp_path / name / "model.keras", (second, second))
    assert newest_run(tmp_path) == tmp_path / "a"


def test_newest_run_ignores_runs_without_a_model(tmp_path):
    create_run_folder(tmp_path / "no-epoch-finished")
    assert newest_run(tmp_path) is None


def test_no_runs_folder_means_no_run(tmp_path):
    assert newest_run(tmp_path / "runs") is None


def test_replaced_run_is_kept_until_the_new_one_has_a_model(run):
    (run.path / "model.keras").write_bytes(b"precious")
    new = create_run_folder(run.path, force=True)
    assert names(new) == ["run.json"]
    assert new.restore_previous()
    assert (run.path / "model.keras").read_bytes() == b"precious"
    newer = create_run_folder(run.path, force=True)
    newer.drop_previous()
    assert not newer.restore_previous()
    assert [path.name for path in run.path.parent.iterdir()] == [run.path.name]


def test_run_with_a_user_s_file_is_refused_even_with_force(run):
    (run.path / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match=r"holds thesis\.txt"):
        create_run_folder(run.path, force=True)
    assert (run.path / "thesis.txt").read_text() == "precious"


def test_old_run_is_kept_if_the_forced_run_is_killed_before_it_has_a_model(run):
    (run.path / "model.keras").write_bytes(b"precious")
    create_run_folder(run.path, force=True)  # killed here
    newer = create_run_folder(run.path, force=True)
    assert newer.restore_previous()
    assert (run.path / "model.keras").read_bytes() == b"precious"


def test_all_files_of_a_run_are_replaced_with_it(run):
    for name in ("model.keras", "report.html", "checkpoint.npz"):
        (run.path / name).write_bytes(b"old")
    (run.path / "tensorboard" / "train").mkdir(parents=True)
    (run.path / "tensorboard" / "train" / "events").write_bytes(b"old")
    assert names(create_run_folder(run.path, force=True)) == ["run.json"]


def test_check_of_a_path_writes_nothing(tmp_path, run):
    check_run_path(tmp_path / "new")
    check_run_path(run.path, force=True)
    with pytest.raises(UsageError, match="`force=True`"):
        check_run_path(run.path)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert run.read_record().seconds == 1.0


def test_checkpoint_of_a_complete_run_is_dropped(run):
    (run.path / "checkpoint.npz").write_bytes(b"old")
    run.drop_checkpoint()
    run.drop_checkpoint()
    assert names(run) == ["run.json"]


def test_existing_run_is_opened(tmp_path, run):
    assert open_run_folder(run.path).read_record().seconds == 1.0
    for path in (tmp_path, tmp_path / "nowhere", run.path / "run.json"):
        with pytest.raises(UsageError, match="not a run folder"):
            open_run_folder(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"config": 1}', "\xff"])
def test_record_that_cannot_be_read_is_refused_in_one_line(run, text):
    (run.path / "run.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(IntegrityError) as caught:
        run.read_record()
    assert str(caught.value).startswith(f"{run.path / 'run.json'}: ")
    assert "\n" not in str(caught.value)


def test_partial_file_of_a_killed_run_is_ignored(run):
    (run.path / ".partial-model.keras").write_bytes(b"half")
    assert names(create_run_folder(run.path, force=True)) == ["run.json"]


def test_resumed_run_drops_the_replaced_run_like_the_first_one(tmp_path):
    """A --force run is killed before it has a model, then resumed."""
    path = tmp_path / "run"
    old = create_run_folder(path)
    old.replace("model.keras", lambda file: file.write_bytes(b"old"))
    create_run_folder(path, force=True)
    resumed = open_run_folder(path)
    assert (tmp_path / ".run.previous" / "model.keras").read_bytes() == b"old"
    resumed.replace("model.keras", lambda file: file.write_bytes(b"new"))
    resumed.drop_previous()
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
