"""`--backend`, single .tflite files and `--processes` in the commands that run a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.images.folders import find_pictures
from edge_mnist_runtime.prediction_pool import MAX_PROCESSES, MIN_PICTURES, default_processes

RunCli = Callable[..., Any]


@pytest.fixture(scope="module")
def digits_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """199 digits as PNG files in two sub-folders, and one .png file that is text."""
    folder = tmp_path_factory.mktemp("digits")
    tensors = load_samples().images[..., 0]
    for index in range(200):
        place = folder / f"part{index // 100}"
        place.mkdir(exist_ok=True)
        Image.fromarray(tensors[index * 7 % 10]).save(place / f"{index:03}.png")
    (folder / "part0" / "050.png").write_text("not a picture")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["auto", "onnxruntime", "litert"])
def test_classify_runs_a_bundle_with_every_backend(
    backend: str, run_here: RunCli, reference_bundle: Path, samples_folder: Path
) -> None:
    finished = run_here("classify", samples_folder, "--model", reference_bundle, "--backend", backend)
    assert (finished.code, finished.err) == (0, "")
    assert [line[0] for line in finished.out.splitlines()] == [*"0123456789"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("classify", "digit.png", "--backend", "litert"),
        ("bench", "--backend", "litert"),
        ("bench", "robust", "--backend", "litert"),
    ],
    ids=" ".join,
)
def test_backend_that_cannot_run_the_model_is_refused(arguments: tuple[str, ...], run_here: RunCli) -> None:
    finished = run_here(*arguments)
    assert finished.code == 2
    assert finished.err.startswith("edge-mnist: error: robust_int8.onnx: litert does not run .onnx files")
    assert finished.err.count("\n") == 1


@pytest.mark.parametrize("command", ["classify", "bench", "verify"])
def test_unknown_backend_is_refused_by_name(command: str, run_here: RunCli) -> None:
    finished = run_here(command, "digit.png", "--backend", "tensorflow")
    assert finished.code == 2
    assert "tensorflow: not a back end; known are auto, onnxruntime, litert" in finished.err


@pytest.mark.slow
def test_bench_and_verify_run_only_the_named_backend(run_here: RunCli, reference_bundle: Path) -> None:
    bench = run_here("bench", reference_bundle, "--backend", "litert", "--json", "--samples", "10", "--no-startup")
    assert {model["backend"] for model in bench.json["models"]} == {"litert"}
    verify = run_here("verify", reference_bundle, "--backend", "onnxruntime", "--json")
    assert {Path(file["file"]).suffix for file in verify.json["files"]} == {".onnx"}


@pytest.mark.slow
def test_verify_takes_one_tflite_file_only_inside_its_bundle(
    run_here: RunCli, bundle_copy: Path, tmp_path: Path
) -> None:
    path = next(bundle_copy.glob("*_int8.tflite"))
    finished = run_here("verify", path, "--json")
    assert finished.code == 0
    assert [file["file"] for file in finished.json["files"]] == [path.name]
    refused = run_here("verify", path, "--backend", "onnxruntime")
    assert refused.code == 2
    assert "no model of this bundle that onnxruntime runs" in refused.err
    alone = tmp_path / "alone" / path.name
    alone.parent.mkdir()
    path.rename(alone)
    assert "not a file of a bundle, as there is no manifest.json" in run_here("verify", alone).err
    assert run_here("bench", alone, "--samples", "10", "--no-startup").code == 0


def test_number_of_processes_does_not_change_output(run_here: RunCli, digits_folder: Path) -> None:
    one, two = (run_here("classify", digits_folder, "--processes", n) for n in (1, 2))
    assert one == two
    assert one.code == 8
    assert "050.png: not a picture" in one.err
    lines = one.out.splitlines()
    assert len(lines) == 199
    assert [line.split()[-1] for line in lines] == sorted(line.split()[-1] for line in lines)
    expected = [str(index * 7 % 10) for index in range(200) if index != 50]
    assert np.mean([line[0] == digit for line, digit in zip(lines, expected, strict=True)]) == 1


def test_small_folders_use_one_process() -> None:
    assert default_processes(MIN_PICTURES - 1) == 1
    assert 1 <= default_processes(MIN_PICTURES) <= MAX_PROCESSES


def test_pictures_of_a_folder_are_sorted_by_path(tmp_path: Path) -> None:
    names = ["b.png", "a/z.PNG", "a/b/c.jpg", "a-b/c.png", ".hidden/d.png", "a.gif"]
    for name in [*names, "a/._z.png", "notes.txt"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "nowhere.png").symlink_to(tmp_path / "absent")  # stays, so that it is reported
    assert find_pictures(tmp_path) == sorted(tmp_path / name for name in [*names, "nowhere.png"])
