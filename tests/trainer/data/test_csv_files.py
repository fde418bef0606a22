"""Labelled digits in CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.trainer.data.array_samples import (
    FLAT,
    IMAGES,
    LABELS,
    PIXELS,
    ROWS,
    assert_read,
    refusal,
    write_csv,
    write_npy,
)

from edge_mnist_runtime.errors import DataError
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".CSV"])
@pytest.mark.parametrize("names", [None, ["label", *PIXELS], ["y", *PIXELS]])
def test_csv_of_label_and_pixels_is_read(names: list[str] | None, suffix: str, tmp_path: Path) -> None:
    assert_read(write_csv(tmp_path / f"train{suffix}", ROWS, names), has_test=False)


def test_csv_may_have_the_label_last_and_other_separators(tmp_path: Path) -> None:
    rows = np.column_stack([FLAT, LABELS])
    assert_read(write_csv(tmp_path / "openml.csv", rows, [*PIXELS, "class"], ";"), has_test=False)


def test_kaggle_s_folder_is_read_and_its_test_file_is_reported(tmp_path: Path) -> None:
    write_csv(tmp_path / "train.csv", ROWS, ["label", *PIXELS])
    write_csv(tmp_path / "test.csv", FLAT, PIXELS)
    assert_read(tmp_path, has_test=False)
    assert "test.csv: pixels without labels" in (load_export_digits(tmp_path).notice or "")


def test_folder_of_a_training_and_a_test_csv_is_read(tmp_path: Path) -> None:
    write_csv(tmp_path / "mnist_train.csv", ROWS)
    write_csv(tmp_path / "mnist_test.csv", ROWS[:20])
    assert_read(tmp_path, has_test=True)


def test_emnist_csv_is_transposed_back(tmp_path: Path) -> None:
    flat = IMAGES.swapaxes(1, 2).reshape(50, 784)
    assert_read(write_csv(tmp_path / "emnist-digits-train.csv", np.column_stack([LABELS, flat])), has_test=False)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (FLAT, "784 columns and no label"),
        (ROWS[:, :100], "100 columns"),
        (np.where(ROWS.max() == ROWS, 300, ROWS.astype(int)), r"0\.0\.\.300\.0"),
        (np.where(np.arange(785) == 0, 11, ROWS), r"outside 0\.\.9"),
        (np.array([["label", *["x"] * 784], ["3", *["ink"] * 784]]), "is not a number"),
    ],
)
def test_csv_of_something_else_is_refused(rows: np.ndarray, said: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=said):
        load_digit_set(write_csv(tmp_path / "ours.csv", rows))


def test_csv_without_names_may_have_the_label_last(tmp_path: Path) -> None:
    assert_read(write_csv(tmp_path / "last.csv", np.column_stack([FLAT, LABELS])), has_test=False)


@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
def test_quoted_csv_is_read(names: list[str] | None, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "quoted.csv", ROWS, names)
    path.write_text("\n".join(f'"{line}"'.replace(",", '","') for line in path.read_text().splitlines()))
    assert_read(path, has_test=False)


@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
def test_digits_of_one_class_are_refused(names: list[str] | None, tmp_path: Path) -> None:
    rows = np.column_stack([np.zeros(50, int), FLAT])
    assert "one label" in refusal(write_csv(tmp_path / "ours.csv", rows, names))
    folder = write_npy(tmp_path / "arrays", images=IMAGES, labels=np.full(50, 3))
    assert "one label, 3" in refusal(folder)


@pytest.mark.filterwarnings("error")
def test_csv_with_only_a_header_is_refused(tmp_path: Path) -> None:
    assert "no rows" in refusal(write_csv(tmp_path / "ours.csv", ROWS[:0], ["label", *PIXELS]))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3" + ",0" * 783, "line 4: 784 columns; expected 785"),
        ("3" + ",0" * 785, "line 4: 786 columns; expected 785"),
        ("3,," + ",".join("0" * 783), "line 4, column 2: '' is not a number"),
        ("#" + ",0" * 784, "line 4, column 1: '#' is not a number"),
    ],
)
def test_unreadable_row_is_reported_with_its_line(line: str, said: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ours.csv", ROWS, ["label", *PIXELS])
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "", *lines[1:2], line, *lines[2:]]))
    assert said in refusal(path)
    assert "usecols" not in refusal(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32-le"])
@pytest.mark.parametrize("names", [None, ["label", *PIXELS]])
def test_csv_in_utf_16_is_read_if_it_has_a_byte_order_mark(
    names: list[str] | None, encoding: str, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "ours.csv", ROWS, names)
    path.write_text(path.read_text(), encoding=encoding)
    if encoding == "utf-16":  # Python writes the mark
        assert_read(path, has_test=False)
    else:
        assert "save it as UTF-8" in refusal(path)


def test_tsv_is_read(tmp_path: Path) -> None:
    assert_read(write_csv(tmp_path / "ours.tsv", ROWS, ["label", *PIXELS], "\t"), has_test=False)
    write_csv(tmp_path / "train.tsv", ROWS, None, "\t")
    write_csv(tmp_path / "test.tsv", ROWS[:20], None, "\t")
    (tmp_path / "ours.tsv").unlink()
    assert_read(tmp_path, has_test=True)


def test_csv_whose_rows_differ_in_length_is_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "ours.csv", ROWS)
    path.write_text(path.read_text()[:-40])
    assert "columns" in refusal(path)
    path.write_text("")
    assert "empty" in refusal(path)
