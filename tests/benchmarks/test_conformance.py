"""`make conformance`: comparison of predictions, and rows of programs that differ, refuse a file or cannot run."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.conformance.__main__ import SUBJECTS
from benchmarks.conformance.differences import compare_predictions
from benchmarks.conformance.explanations import EXPLANATIONS
from benchmarks.conformance.page import format_page
from benchmarks.conformance.recorded import ModelFile
from benchmarks.conformance.results import Results
from benchmarks.conformance.rows import Row, make_rows, read_rows, write_images
from benchmarks.conformance.subject import WORKERS, Command, NotRunHereError, RefusedError, Subject, run_command
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, BUNDLED_MODELS
from edge_mnist_runtime.dataset import LabelledDigits

NANO = Path(BUNDLED_MODELS["nano"])


@pytest.fixture(scope="module")
def golden():
    with np.load(BUNDLED_GOLDEN, allow_pickle=False) as vectors:
        return vectors["images"], vectors[f"probabilities/{NANO.name}"]


@pytest.fixture
def file(golden):
    return ModelFile(NANO, "onnx", golden[1], top1=1.0, as_shipped=True)


def make_subject(prepare, key="made-up"):
    return Subject(key, "made up", "by a test", ("onnx",), prepare)


def certain(*digits):
    """Probabilities of 0.9 for these digits."""
    return np.where(np.eye(10)[list(digits)] == 1, 0.9, 0.1 / 9).astype(np.float32)


def test_equal_predictions_are_the_same():
    difference = compare_predictions(certain(1, 2, 3), certain(1, 2, 3))
    assert difference.same
    assert (difference.n, difference.max_difference, difference.max_margin) == (3, 0, None)


def test_rounding_of_the_float_softmax_is_not_a_difference():
    assert compare_predictions(certain(1, 2), certain(1, 2) + np.float32(5e-7)).same


def test_other_digits_and_probabilities_are_counted():
    found = certain(1, 2, 4, 4)
    found[0, 1] = 0.8
    difference = compare_predictions(certain(1, 2, 3, 4), found)
    assert not difference.same
    assert (difference.n, difference.other_predictions, difference.other_probabilities) == (4, 1, 2)
    assert difference.max_difference == pytest.approx(0.9 - 0.1 / 9)


def test_margin_is_the_largest_of_the_digits_that_changed():
    recorded = certain(1, 2, 3)
    recorded[1, 2], recorded[1, 5] = 0.5, 0.4  # a close call
    assert compare_predictions(recorded, certain(1, 5, 3)).max_margin == pytest.approx(0.1)
    assert compare_predictions(recorded, certain(7, 5, 3)).max_margin == pytest.approx(0.9 - 0.1 / 9)


def test_nan_counts_as_another_prediction():
    found = certain(1, 2)
    found[0] = np.nan
    difference = compare_predictions(certain(1, 2), found)
    assert (difference.other_predictions, difference.other_probabilities) == (1, 1)
    assert difference.max_difference == np.inf


def test_comparison_refuses_fewer_images():
    with pytest.raises(ValueError, match=r"\(1, 10\) probabilities instead of \(2, 10\)"):
        compare_predictions(certain(1, 2), certain(1))


def test_worker_predicts_as_recorded(golden, file, tmp_path):
    """Run onnxruntime in the environment of the tests, on this processor."""
    worker = Command((sys.executable, str(WORKERS / "onnxruntime_worker.py")))
    images = write_images(tmp_path, golden[0])
    run = run_command(worker, NANO, images.path, tmp_path / "out")
    assert run.version.count(".") == 2
    assert run.probabilities.shape == golden[1].shape
    assert np.array_equal(run.probabilities.argmax(1), golden[1].argmax(1))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("import sys; sys.exit('no such operator')", "no such operator"),
        ("import os; os.abort()", "ended by SIGABRT"),
        ("print('1.0')", "0 probabilities for 40 images"),
    ],
)
def test_refusal_has_the_error_line_of_a_worker_that_fails(golden, tmp_path, source, reason):
    images = write_images(tmp_path, golden[0])
    with pytest.raises(RefusedError, match=reason):
        run_command(Command((sys.executable, "-c", source)), NANO, images.path, tmp_path / "out")


def test_program_that_cannot_be_installed_gets_a_row_with_the_reason(golden, file, tmp_path):
    def prepare(_root):
        raise NotRunHereError("no such package")

    images = write_images(tmp_path, golden[0])
    (row,) = make_rows(make_subject(prepare), [file], images, tmp_path)
    page = format_page([row], [file], "made up", "made up")
    assert "| not run |  | not run here: no such package |" in page
    assert not row.unexplained


def test_row_that_differs_without_a_known_reason_is_unexplained(file):
    difference = compare_predictions(certain(1), certain(2))
    row = Row(make_subject(lambda _root: Command(())), file, "1.0", difference)
    assert row.unexplained
    assert "| 1 | 0.8889 | **not explained** |" in format_page([row], [file], "made up", "made up")


def test_refusal_without_a_known_reason_is_unexplained(file):
    row = Row(make_subject(lambda _root: Command(())), file, refused="no such operator")
    assert row.unexplained
    assert "| refused |  | **not explained** no such operator |" in format_page([row], [file], "made up", "made up")


def test_rounding_explains_only_close_calls(file):
    subject = SUBJECTS["tvm"]
    close = np.full((1, 10), 0.05, np.float32)
    close[0, :2] = 0.5, 0.45
    assert Row(subject, file, "1.0", compare_predictions(close, close[:, ::-1])).explanation
    assert Row(subject, file, "1.0", compare_predictions(certain(1), certain(2))).unexplained


def test_rows_of_an_earlier_run_are_read_only_for_the_same_file(file):
    subject = SUBJECTS["onnxruntime"]
    row = Row(subject, file, "1.0", compare_predictions(certain(1), certain(2)))
    (record,) = json.loads(json.dumps([row.to_dict()]))
    assert read_rows([record], {subject.key: subject}, [file]) == [row]
    assert read_rows([record], {}, [file]) == []
    assert read_rows([{**record, "file_sha256": "0" * 64}], {subject.key: subject}, [file]) == []


def test_rows_are_kept_until_the_program_runs_again(golden, file, tmp_path):
    images, _ = golden
    digits = LabelledDigits("made-up", "test", images, np.zeros(len(images), np.uint8))
    first, second = (make_subject(lambda _root: Command(()), key) for key in ("first", "second"))
    subjects = {"first": first, "second": second}
    for subject in (first, second):
        Results(tmp_path, subjects, [file], digits).replace(subject, [Row(subject, file, refused="an operator")])
    results = Results(tmp_path, subjects, [file], digits)
    results.replace(first, [Row(first, file, refused="another operator")])
    assert [row.refused for row in results.rows] == ["another operator", "an operator"]
    assert (tmp_path / "conformance.md").read_text().count("operator |") == 2
    other_digits = LabelledDigits("made-up", "test", images[:1], digits.labels[:1])
    assert Results(tmp_path, subjects, [file], other_digits).rows == []


def test_every_explanation_belongs_to_a_program():
    keys = {(subject.key, kind) for subject in SUBJECTS.values() for kind in subject.formats}
    assert set(EXPLANATIONS) <= keys
