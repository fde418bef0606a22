"""`edge-mnist verify --data`: the accuracy on this device against the recorded one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime.bundles.accuracy import AccuracyResult, check_accuracy, load_labelled, require_accuracy
from edge_mnist_runtime.errors import DataError, DataNotFoundError, GateError


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Ten images with labels."""
    path = tmp_path / "few.npz"
    np.savez(path, images=np.zeros((10, 28, 28), np.uint8), labels=np.arange(10))
    return path


def result(top1: float | None, recorded: float | None) -> AccuracyResult:
    return AccuracyResult("m_int8.onnx", None, 1000, top1, recorded)


@pytest.mark.parametrize(("top1", "recorded", "passed"), [
    (0.99, 0.99, True), (0.9895, 0.99, True), (0.991, 0.99, True), (0.988, 0.99, False), (0.5, None, True),
    (None, None, True),
])  # fmt: skip
def test_accuracy_must_be_the_recorded_one_within_a_tenth_of_a_point(
    top1: float | None, recorded: float | None, passed: bool
) -> None:
    assert result(top1, recorded).passed is passed
    if passed:
        require_accuracy((result(top1, recorded),), Path("bundle"))
    else:
        with pytest.raises(GateError, match=r"bundle: m_int8.onnx reads 98.80% .* 99.00%"):
            require_accuracy((result(top1, recorded),), Path("bundle"))


def test_least_accuracy_is_judged_on_any_images() -> None:
    with pytest.raises(GateError, match=r"below `min_top1` 60\.00%"):
        require_accuracy((result(0.5, None),), Path("bundle"), min_top1=0.6)


@pytest.mark.slow
def test_every_file_is_measured_on_images_of_the_users_own(reference_bundle: Path, few: Path) -> None:
    results = check_accuracy(reference_bundle, few)
    assert len(results) == 4
    for item in results:
        assert (item.n, item.recorded_top1) == (10, None)
        assert item.top1 == pytest.approx(0.1)  # one answer to ten equal images


@pytest.mark.slow
def test_accuracy_on_the_images_of_the_report_is_compared(
    reference_bundle: Path, mnist_folder: Path, run_here: Callable[..., Any]
) -> None:
    finished = run_here("verify", reference_bundle, "--data", mnist_folder, "--json")
    assert finished.code == 0, finished.err
    report = json.loads((reference_bundle / "report.json").read_text("utf-8"))
    recorded = {item["file"]: item["top1"] for item in report["artifacts"]}
    assert {item["file"]: item["top1"] for item in finished.json["accuracy"]} == recorded
    assert all(item["recorded_top1"] == item["top1"] for item in finished.json["accuracy"])


@pytest.mark.slow
def test_accuracy_that_is_too_low_exits_5(reference_bundle: Path, few: Path, run_here: Callable[..., Any]) -> None:
    finished = run_here("verify", reference_bundle, "--data", few, "--min-top1", "0.9")
    assert finished.code == 5
    assert finished.err.count("\n") == 1


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


IMAGES, LABELS = np.zeros((3, 28, 28, 1), np.uint8), np.zeros(3, np.int64)


@pytest.mark.parametrize(("arrays", "expected"), [
    ({"images": IMAGES}, "holds images; expected x_test and y_test"),
    ({"images": IMAGES / 255, "labels": LABELS}, "images are float64"),
    ({"images": IMAGES, "labels": LABELS[:2]}, "3 images, but labels are int64"),
    ({"images": IMAGES[:0], "labels": LABELS[:0]}, r"images are uint8 \(0, 28, 28, 1\)"),
    ({"images": IMAGES, "labels": LABELS / 2}, "labels are float64"),
])  # fmt: skip
def test_arrays_that_do_not_fit_are_refused(arrays: dict[str, Any], expected: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=expected):
        load_labelled(save(tmp_path / "odd.npz", **arrays))


def test_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "odd.npz").write_bytes(b"no archive")
    with pytest.raises(DataError, match=r"not an \.npz archive"):
        load_labelled(tmp_path / "odd.npz")


@pytest.mark.parametrize("name", ["kaggle.csv", "mnist.pkl.gz", "digits"])
def test_file_of_a_kind_that_only_the_trainer_reads_is_a_usage_error(
    name: str, run_here: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / name).write_text("label,pixel0\n3,0\n")
    finished = run_here("info", "edge", "--data", tmp_path / name)
    assert (finished.code, finished.out) == (2, "")
    assert finished.err.count("\n") == 1
    assert f"{name}: only `train` and `export` read such files; expected a folder of MNIST's IDX" in finished.err


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="absent"):
        load_labelled(tmp_path / "absent")


@pytest.mark.slow
def test_images_of_another_shape_are_refused(reference_bundle: Path, tmp_path: Path) -> None:
    other = save(tmp_path / "other.npz", x_test=np.zeros((2, 32, 32, 3), np.uint8), y_test=LABELS[:2])
    with pytest.raises(DataError, match=r"\(32, 32, 3\)"):
        check_accuracy(reference_bundle, other)


def test_least_accuracy_without_data_is_a_usage_error(run_here: Callable[..., Any], tmp_path: Path) -> None:
    for part in ("nan", "1.5", "-0.1"):
        assert run_here("verify", tmp_path, "--data", tmp_path, "--min-top1", part).code == 2
    finished = run_here("verify", tmp_path, "--min-top1", "0.9")
    assert finished.code == 2
    assert "--min-top1 needs --data" in finished.err
