"""`edge-mnist classify` as a user runs it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RunCli = Callable[..., Any]


def test_classify_reads_the_samples(run_cli: RunCli, samples_folder: Path) -> None:
    finished = run_cli("classify", samples_folder)
    assert (finished.code, finished.err) == (0, "")
    lines = finished.out.splitlines()
    assert len(lines) == 10
    for line in lines:
        assert line[0] == Path(line.split()[-1]).name[0]


def test_classify_prints_only_json(run_cli: RunCli, samples_folder: Path) -> None:
    finished = run_cli("classify", samples_folder, "--json")
    assert (finished.code, finished.err) == (0, "")
    assert finished.json["schema_version"] == 1
    assert finished.json["errors"] == []
    assert len(finished.json["predictions"]) == 10
    for prediction in finished.json["predictions"]:
        assert prediction["digit"] == int(Path(prediction["path"]).name[0])
        assert 0 <= prediction["confidence"] <= 1
        assert len(prediction["probabilities"]) == 10


@pytest.mark.parametrize("as_json", [False, True])
def test_classify_continues_after_bad_inputs(
    as_json: bool, run_cli: RunCli, samples_folder: Path, tmp_path: Path
) -> None:
    text, absent, empty = tmp_path / "text.png", tmp_path / "absent.png", tmp_path / "folder"
    text.write_text("not a picture")
    empty.mkdir()
    good = [samples_folder / name for name in ("0-black-on-white.png", "9-photograph.jpg")]
    arguments = [good[0], text, absent, empty, good[1]]
    finished = run_cli("classify", *arguments, *(["--json"] if as_json else []))
    assert finished.code == 8
    lines = finished.err.splitlines()
    assert len(lines) == 3
    for line, path in zip(lines, (text, absent, empty), strict=True):
        assert line.startswith(f"edge-mnist: error: {path}: ")
    if as_json:
        assert [item["digit"] for item in finished.json["predictions"]] == [0, 9]
        assert [item["path"] for item in finished.json["errors"]] == [str(text), str(absent), str(empty)]
    else:
        assert [line[0] for line in finished.out.splitlines()] == ["0", "9"]


@pytest.mark.parametrize("as_json", [False, True])
def test_classify_of_folders_without_pictures_is_a_usage_error(as_json: bool, run_here: RunCli, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    finished = run_here("classify", *folders, *(["--json"] if as_json else []))
    assert (finished.code, finished.out) == (2, "")
    assert finished.err.startswith(f"edge-mnist: error: {folders[0]}: no pictures in this folder; looked for .png")


@pytest.mark.parametrize("command", ["classify", "preprocess"])
def test_unknown_mode_is_named_with_its_option(command: str, run_here: RunCli, samples_folder: Path) -> None:
    finished = run_here(command, samples_folder / "9-photograph.jpg", "--mode", "best")
    assert (finished.code, finished.out) == (2, "")
    assert finished.err == "edge-mnist: error: --mode best: unknown; expected one of auto, mnist, photo, raw\n"


def test_error_of_a_file_name_with_a_line_break_is_one_line(run_cli: RunCli, tmp_path: Path) -> None:
    finished = run_cli("classify", tmp_path / "two\nlines.png")
    assert finished.code == 8
    assert finished.err.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
@pytest.mark.parametrize("as_json", [False, True])
def test_classify_reads_a_file_with_an_undecodable_name(
    as_json: bool, run_cli: RunCli, sample_pictures: dict[str, bytes], tmp_path: Path
) -> None:
    (tmp_path / os.fsdecode(b"\xff.png")).write_bytes(sample_pictures["0-black-on-white.png"])
    # The encoding of standard output under en_GB.UTF-8, a locale that the test machine may lack.
    arguments = ("classify", tmp_path, *(["--json"] if as_json else []))
    finished = run_cli(*arguments, env={"PYTHONIOENCODING": "utf-8:strict"})
    assert finished.code == 0, finished.err
    assert (finished.json["predictions"][0]["digit"] if as_json else int(finished.out[0])) == 0


@pytest.mark.slow
def test_classify_with_a_bundle_and_with_its_files(
    run_cli: RunCli, reference_bundle: Path, samples_folder: Path
) -> None:
    for model in (reference_bundle, *reference_bundle.glob("*_int8.*")):
        finished = run_cli("classify", samples_folder / "7-mnist-shaped.png", "--json", "--model", model)
        assert finished.code == 0
        assert finished.json["predictions"][0]["digit"] == 7
