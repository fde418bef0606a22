"""Sources for archives: pictures, tensors, tar, Parquet and IDX files, drawn by the project."""

from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples, read_samples
from edge_mnist_runtime.dataset import encode_idx
from edge_mnist_runtime.errors import InputError

Images = np.ndarray[Any, np.dtype[np.uint8]]
Rows = dict[str, dict[str, Any]]


def draw_tensors(n: int) -> Images:
    """The sample digits with noise, uint8, shape (N, 28, 28). The first and the last row stay black."""
    random = np.random.default_rng(7)
    images = load_samples().images[np.arange(n) % 10, ..., 0].astype(np.int16)
    images += random.integers(-90, 90, images.shape, np.int16) * (random.random(images.shape) < 0.1)
    images[:, ::27] = 0
    return images.clip(0, 255).astype(np.uint8)


def read_rows(out: Path) -> Rows:
    """The rows of an archive by id; fails if an id repeats."""
    from pyarrow import parquet

    rows = parquet.read_table(out).to_pylist()
    found = {row["id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def expected_row(outcome: Any, classifier: DigitClassifier) -> dict[str, Any]:
    """What the row of a picture must say, without id, box and the text of an error."""
    is_error = isinstance(outcome, InputError)
    return {
        "digit": None if is_error else outcome.digit,
        "likeliest": None if is_error else outcome.likeliest,
        "confidence": None if is_error else outcome.confidence,
        "reason": None if is_error else outcome.reason,
        "model_sha256": classifier.engine.sha256,
    }


def check_rows(rows: Rows, pictures: dict[str, Any], classifier: DigitClassifier) -> None:
    """Compare an archive with the predictions of one process: no row may be missing, doubled or different."""
    outcomes = classifier.predict_stream(pictures.values(), on_error="return")
    expected = {name: expected_row(outcome, classifier) for name, outcome in zip(pictures, outcomes, strict=True)}
    assert rows.keys() == expected.keys()
    for name, row in expected.items():
        assert {column: rows[name][column] for column in row} == row, name


def check_long_rows(rows: Rows, source: Path, classifier: DigitClassifier) -> None:
    """Compare an archive of `long_source` with the predictions of one process."""
    outcomes = [*classifier.predict_stream(draw_tensors(30_000))]
    assert len(rows) == 5 * len(outcomes)
    for copy in range(5):
        for row, outcome in enumerate(outcomes):
            found = rows[f"{source}/{copy}.idx#{row}"]
            assert found.items() >= expected_row(outcome, classifier).items()


@pytest.fixture(scope="session")
def mixed_source(make_once: Callable[..., Path]) -> Path:
    """A folder with an IDX file of tensors, the sample pictures, also in a tar file, and files that are no pictures."""

    def fill(folder: Path) -> None:
        (folder / "digits.idx").write_bytes(encode_idx(draw_tensors(30_000)))
        with tarfile.open(folder / "samples.tar", "w") as archive:
            for name, data in read_samples().items():
                (folder / name).write_bytes(data)
                archive.add(folder / name, f"inside/{name}")
        (folder / "broken.png").write_bytes(b"no picture")
        (folder / "empty.png").touch()

    return make_once("mixed-source", fill)


@pytest.fixture(scope="session")
def long_source(make_once: Callable[..., Path]) -> Path:
    """A folder with 150,000 tensors, so that a node can be killed while all of them are at work."""

    def fill(folder: Path) -> None:
        data = encode_idx(draw_tensors(30_000))
        for copy in range(5):
            (folder / f"{copy}.idx").write_bytes(data)

    return make_once("long-source", fill)


@pytest.fixture(scope="session")
def mixed_pictures(mixed_source: Path) -> dict[str, Any]:
    """What the classifier takes for each id of `mixed_source`."""
    samples = read_samples()
    tensors = {f"{mixed_source}/digits.idx#{row}": image for row, image in enumerate(draw_tensors(30_000))}
    files = {f"{mixed_source}/{name}": mixed_source / name for name in (*samples, "broken.png", "empty.png")}
    members = {f"{mixed_source}/samples.tar/inside/{name}": data for name, data in samples.items()}
    return {**tensors, **files, **members}
