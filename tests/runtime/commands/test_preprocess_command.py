"""`edge-mnist preprocess`: the network's input as a picture, as text and as JSON."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.classifier import to_pixels
from edge_mnist_runtime.commands.preprocess import _draw
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.reading.parameters import PICTURE_READING

RunCli = Callable[..., Any]


@pytest.fixture
def photograph(samples_folder: Path) -> Path:
    return samples_folder / "9-photograph.jpg"


@pytest.mark.parametrize("name", ["digit.png", "./digit.png", "link.png", "seen.jpg", "seen"])
@pytest.mark.parametrize("command", ["preprocess", "read"])
def test_save_refuses_the_source_picture_and_other_suffixes(
    command: str, name: str, photograph: Path, tmp_path: Path, run_here
) -> None:
    picture = tmp_path / "digit.png"
    Image.open(photograph).save(picture)
    (tmp_path / "link.png").symlink_to(picture)
    before = picture.read_bytes()
    finished = run_here(command, "digit.png", "--save", name, cwd=tmp_path)
    assert finished.code == 2
    assert "--save" in finished.err
    assert picture.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digit.png", "link.png"]


def test_steps_never_overwrite_the_source_picture(photograph: Path, tmp_path: Path, run_here) -> None:
    picture = tmp_path / "seen-1-picture.png"
    Image.open(photograph).save(picture)
    before = picture.read_bytes()
    assert run_here("preprocess", picture, "--save", tmp_path / "seen.png", "--steps").code == 2
    assert picture.read_bytes() == before


def test_mode_and_preprocess_are_the_same_option(photograph: Path, run_here) -> None:
    one, other = (
        run_here("preprocess", photograph, option, "mnist", "--json") for option in ("--mode", "--preprocess")
    )
    assert one.code == other.code == 0
    assert one.out == other.out


def test_saved_picture_is_the_network_input(photograph: Path, run_here: RunCli, tmp_path: Path) -> None:
    saved = tmp_path / "seen.png"
    finished = run_here("preprocess", photograph, "--save", saved)
    assert (finished.code, finished.err) == (0, "")
    assert finished.out.startswith("read as photo, ink dark on light, found at x ")
    assert finished.out.splitlines()[-1] == str(saved)
    with Image.open(saved) as picture:
        assert (picture.format, picture.mode) == ("PNG", "L")
        assert np.array_equal(np.asarray(picture), to_pixels(photograph))


def test_saved_picture_gives_the_same_prediction(photograph: Path, run_here: RunCli, tmp_path: Path) -> None:
    saved = tmp_path / "seen.png"
    assert run_here("preprocess", photograph, "--save", saved).code == 0
    both = run_here("classify", photograph, saved, "--json").json["predictions"]
    assert both[0]["probabilities"] == both[1]["probabilities"]


def test_scale_repeats_pixels(photograph: Path, in_process_cli: Callable[..., int], tmp_path: Path) -> None:
    assert in_process_cli("preprocess", photograph, "--save", tmp_path / "large.png", "--scale", 10) == 0
    with Image.open(tmp_path / "large.png") as picture:
        large = np.asarray(picture)
    assert np.array_equal(large, to_pixels(photograph).repeat(10, 0).repeat(10, 1))


def test_steps_are_written_beside_the_saved_picture(
    photograph: Path, in_process_cli: Callable[..., int], tmp_path: Path
) -> None:
    assert in_process_cli("preprocess", photograph, "--save", tmp_path / "seen.png", "--steps") == 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["seen-1-picture.png", "seen-2-darkness.png", "seen-3-ink.png", "seen.png"]
    for name in names:
        with Image.open(tmp_path / name) as picture:
            assert picture.mode in ("L", "RGB")


def test_json_holds_tensor_and_definitions(photograph: Path, run_here: RunCli) -> None:
    record = run_here("preprocess", photograph, "--json").json
    assert record["schema_version"] == 2
    assert record["mode"] == "photo"
    assert record["light_on_dark"] is False
    assert record["picture_reading"]["version"] == PICTURE_READING.version
    assert record["preprocess"]["version"] == PREPROCESS.version
    assert record["files"] == []
    assert np.array_equal(np.array(record["pixels"], np.uint8), to_pixels(photograph))


@pytest.mark.parametrize(
    ("name", "mode", "used"),
    [
        ("7-mnist-shaped.png", "auto", "raw"),
        ("0-black-on-white.png", "auto", "mnist"),
        ("9-photograph.jpg", "mnist", "mnist"),
    ],
)
def test_used_mode_is_printed(name: str, mode: str, used: str, samples_folder: Path, run_here: RunCli) -> None:
    finished = run_here("preprocess", samples_folder / name, "--mode", mode)
    assert finished.out.startswith(f"read as {used}")


def test_raw_mode_refuses_a_photograph_in_one_line(photograph: Path, run_here: RunCli) -> None:
    finished = run_here("preprocess", photograph, "--mode", "raw")
    assert (finished.code, finished.out) == (8, "")
    assert finished.err.count("\n") == 1
    assert "28 x 28" in finished.err


def test_blank_picture_is_refused_in_one_line(run_here: RunCli, tmp_path: Path) -> None:
    Image.new("L", (300, 200), 200).save(tmp_path / "blank.png")
    finished = run_here("preprocess", tmp_path / "blank.png", "--save", tmp_path / "seen.png")
    assert finished.code == 8
    assert "no ink found" in finished.err
    assert not (tmp_path / "seen.png").exists()


def test_output_that_cannot_be_written_is_a_usage_error(photograph: Path, run_here: RunCli, tmp_path: Path) -> None:
    finished = run_here("preprocess", photograph, "--save", tmp_path / "absent" / "seen.png")
    assert finished.code == 2
    assert finished.err.count("\n") == 1


def test_text_drawing_has_two_characters_a_pixel(sample_pictures: dict[str, bytes]) -> None:
    tensor = np.asarray(Image.open(io.BytesIO(sample_pictures["7-mnist-shaped.png"])))
    lines = _draw(tensor)
    assert len(lines) == 28
    assert max(map(len, lines)) <= 56
    assert "@@" in "".join(lines)
    assert lines[0] == ""


def test_classify_uses_the_mode(photograph: Path, samples_folder: Path, run_here: RunCli) -> None:
    assert run_here("classify", photograph, "--mode", "photo").out.startswith("9")
    refused = run_here("classify", photograph, samples_folder / "7-mnist-shaped.png", "--preprocess", "raw")
    assert refused.code == 8
    assert refused.out.startswith("7")
