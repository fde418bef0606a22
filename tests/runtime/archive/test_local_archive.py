"""`edge-mnist archive` on one machine: exactly one row for each picture, also after kills."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.archive.conftest import check_rows, read_rows

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.archive import ArchiveConfig, archive_pictures
from edge_mnist_runtime.archive.local_engine import make_parts
from edge_mnist_runtime.errors import UsageError

COMMAND = [sys.executable, "-m", "edge_mnist_runtime", "archive"]
N_KILLS = 10

RunCli = Callable[..., Any]


@pytest.fixture(scope="module")
def archived(mixed_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of an undisturbed run."""
    out = tmp_path_factory.mktemp("archived") / "out"
    archive_pictures([mixed_source], out, processes=2)
    return out


def test_rows_are_the_predictions_of_one_process(
    archived: Path, mixed_pictures: dict[str, Any], classifier: DigitClassifier
) -> None:
    rows = read_rows(archived)
    check_rows(rows, mixed_pictures, classifier)
    boxes = {Path(name).name: row["box"] for name, row in rows.items() if row["box"]}
    assert boxes["9-photograph.jpg"] == {"left": 332, "top": 146, "right": 472, "bottom": 410}


def test_unreadable_picture_is_a_row_with_its_error(archived: Path, mixed_source: Path) -> None:
    rows = read_rows(archived)
    for name, problem in {"broken.png": "not a picture", "empty.png": "empty (0 bytes)"}.items():
        row = rows[f"{mixed_source}/{name}"]
        assert row["error"].startswith(f"{mixed_source}/{name}: {problem}")
        assert row["confidence"] is None


def test_summary_counts_the_rows(archived: Path, run_cli: RunCli, mixed_source: Path) -> None:
    rows = read_rows(archived).values()
    again = run_cli("archive", mixed_source, archived, "--json")
    assert again.code == 0, again.err
    assert again.json == json.loads((archived / "_summary.json").read_text())
    assert again.json["rows"] == len(rows)
    assert again.json["accepted"] == sum(row["digit"] is not None for row in rows)
    assert again.json["unreadable"] == sum(row["error"] is not None for row in rows) == 2
    assert again.json["accepted"] + sum(again.json["rejected"].values()) + 2 == len(rows)


def start(source: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [*COMMAND, source, out, "--processes", "1"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_killed_ten_times_ends_with_the_same_rows(archived: Path, mixed_source: Path, tmp_path: Path) -> None:
    out, moments = tmp_path / "out", random.Random(5)
    for kill in range(N_KILLS):
        before = len([*out.glob("part-*")])
        with start(mixed_source, out) as process:
            # Four kills at any moment of the start, the others when a part has just been written, or later.
            until = time.monotonic() + moments.uniform(0.1, 0.6)
            while process.poll() is None:
                if (kill < 4 and time.monotonic() > until) or (kill >= 4 and len([*out.glob("part-*")]) > before):
                    break
                time.sleep(0.001)
            assert process.poll() is None, "it ended before it was killed"
            time.sleep(moments.uniform(0, 0.02) if kill >= 4 else 0)
            process.kill()
    assert not (out / "_summary.json").exists()
    with start(mixed_source, out) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said
    assert read_rows(out) == read_rows(archived)
    assert json.loads((out / "_summary.json").read_text())["rows_before"] > 0
    assert not [*out.glob(".partial-*")]


def test_killed_child_is_replaced(mixed_source: Path, archived: Path, tmp_path: Path) -> None:
    out, killed = tmp_path / "out", []

    def kill_once(_: object) -> None:
        if not killed:
            children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
            killed.extend(child for child in children if str(out) in Path(f"/proc/{child}/cmdline").read_text())
            for child in killed:
                os.kill(int(child), signal.SIGKILL)

    archive_pictures([mixed_source], out, processes=1, report=kill_once)
    assert killed
    assert read_rows(out) == read_rows(archived)


def test_part_that_always_kills_its_process_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_mnist_runtime.archive.local_engine.PROGRAM", "raise SystemExit(9)")
    with pytest.raises(UsageError, match="part 5: its process was killed 3 times"):
        [*make_parts(tmp_path, [5], processes=2)]


def test_damaged_part_is_made_again(mixed_source: Path, archived: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    archive_pictures([mixed_source], out, processes=1)
    (out / "_summary.json").unlink()
    damaged = out / "part-000001.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-5])
    summary = archive_pictures([mixed_source], out, processes=1)
    assert summary.rows - summary.rows_before < 5_000
    assert read_rows(out) == read_rows(archived)


def lose_a_part(out: Path) -> None:
    (out / "part-000000.parquet").unlink()


def lose_rows(out: Path) -> None:
    """Zero what is before the footer."""
    part = out / "part-000000.parquet"
    data = part.read_bytes()
    part.write_bytes(data[:4] + bytes(100) + data[104:])


@pytest.mark.parametrize("lose", [lose_a_part, lose_rows])
def test_complete_output_that_lost_rows_is_mended(
    lose: Callable[[Path], None], tmp_path: Path, sample_pictures: dict[str, bytes]
) -> None:
    """The unpacked copy of a .gz file was removed when the run ended."""
    source, out = tmp_path / "scans.tar.gz", tmp_path / "out"
    with tarfile.open(source, "w:gz") as packed:
        for name, data in sample_pictures.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            packed.addfile(member, io.BytesIO(data))
    first = archive_pictures([source], out, processes=1)
    rows = read_rows(out)
    assert archive_pictures([source], out) == first
    lose(out)
    mended = archive_pictures([source], out, processes=1)
    assert (mended.rows, mended.rows_before) == (first.rows, 0)
    assert read_rows(out) == rows
    assert not (out / "_run" / "unpacked").exists()


@pytest.mark.parametrize("damage", [lambda data: data.replace(b".png", b".jpg"), lambda data: b"", None])
def test_damaged_plan_is_refused(
    damage: Callable[[bytes], bytes] | None, samples_folder: Path, tmp_path: Path, run_here: RunCli
) -> None:
    out = tmp_path / "out"
    archive_pictures([samples_folder], out, processes=1)
    lose_a_part(out)
    ranges = out / "_run" / "ranges.jsonl"
    if damage:
        ranges.write_bytes(damage(ranges.read_bytes()))
    else:
        ranges.unlink()
    refused = run_here("archive", f"{samples_folder}/", out)  # with the slash it is the same source
    assert refused.code == 6
    assert f"{ranges}: cannot be read" in refused.err
    assert f"delete {out} and start again" in refused.err


def test_second_run_into_the_same_output_is_refused(mixed_source: Path, tmp_path: Path) -> None:
    out, refused = tmp_path / "out", []

    def start_another(_: object) -> None:
        if not refused:
            with pytest.raises(UsageError, match="another run is writing it"):
                archive_pictures([mixed_source], out)
            refused.append(True)

    archive_pictures([mixed_source], out, processes=1, report=start_another)
    assert refused


@pytest.mark.parametrize(
    ("config", "named"),
    [
        (ArchiveConfig(model="micro"), "model, least_confidence, sha256"),
        (ArchiveConfig(mode="raw"), "mode"),
        (ArchiveConfig(least_confidence=0.5), "least_confidence"),
    ],
)
def test_output_of_other_options_is_refused(
    config: ArchiveConfig, named: str, archived: Path, mixed_source: Path
) -> None:
    with pytest.raises(UsageError, match=f"holds a run with other options .*{named}"):
        archive_pictures([mixed_source], archived, config=config)


def test_output_of_a_source_that_changed_is_refused(samples_folder: Path, tmp_path: Path, run_here: RunCli) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    for picture in samples_folder.iterdir():
        (source / picture.name).write_bytes(picture.read_bytes())
    archive_pictures([source], out, processes=1)
    (source / "new.png").touch()
    refused = run_here("archive", source, out)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err == (
        f"edge-mnist: error: {out}: the sources have changed since this run began; name another folder\n"
    )


def test_tar_file_that_is_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "a.tar").symlink_to(tmp_path / "absent.tar")
    with pytest.raises(UsageError, match=r"a\.tar: cannot be read \(No such file or directory\)"):
        archive_pictures([tmp_path / "source"], tmp_path / "out")


def test_output_that_is_no_archive_is_refused(samples_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear")
    with pytest.raises(UsageError, match="not empty, and no output"):
        archive_pictures([samples_folder], tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        archive_pictures([samples_folder], tmp_path / "diary.txt")
    with pytest.raises(UsageError, match="lie in each other"):
        archive_pictures([samples_folder], samples_folder / "out")


@pytest.mark.parametrize("engine", ["ray", "spark"])
def test_engine_that_is_not_installed_is_named_with_its_extra(
    engine: str, samples_folder: Path, tmp_path: Path, run_script: Callable[..., str]
) -> None:
    program = """
import importlib.abc, sys
class Hidden(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in ("ray", "pyspark"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
from edge_mnist_runtime import extras
extras.find_spec = lambda name: None if name in ("ray", "pyspark") else True
from edge_mnist_runtime.commands.app import run
sys.stderr = sys.stdout
print(run(sys.argv[1:]))
"""
    said = run_script(program, "archive", samples_folder, tmp_path / "out", "--engine", engine)
    assert said.endswith("\n3")
    assert f"The engine {engine} needs an extra that is not installed: pip install" in said
    assert f"[{engine}]" in said


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--engine", "dask"], "--engine dask: unknown; expected one of local, ray, spark"),
        (["--cluster", "auto"], "--cluster auto: the engine local has no cluster"),
        (["--processes", 0], "--processes"),
        (["--backend", "auto"], "--backend auto: each process could choose another file"),
        (["--mode", "best"], "--mode best: unknown"),
    ],
)
def test_option_that_cannot_be_used_is_refused(
    options: list[object], problem: str, samples_folder: Path, tmp_path: Path, run_here: RunCli
) -> None:
    refused = run_here("archive", samples_folder, tmp_path / "out", *options)
    assert refused.code == 2
    assert problem in refused.err
    assert not (tmp_path / "out").exists()
