"""`DigitBatch` and `make_predict_fn`, called as Ray and Spark call them. They need neither."""

from __future__ import annotations

import numpy as np
import pytest
from tests.runtime.archive.conftest import draw_tensors, expected_row

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.archive import ArchiveConfig, DigitBatch, make_predict_fn
from edge_mnist_runtime.errors import UsageError

pa = pytest.importorskip("pyarrow", reason="needs the extra archive")


@pytest.mark.parametrize("keep", [False, True])
def test_digit_batch_adds_columns(keep: bool, classifier: DigitClassifier, sample_pictures: dict[str, bytes]) -> None:
    pictures = [*sample_pictures.values(), b"no picture"]
    batch = pa.table({"page": range(11), "scan": pictures})
    found = DigitBatch("scan", keep=keep)(batch)
    assert found.column_names[: 1 + keep] == ["page", "scan"][: 1 + keep]
    for row, picture in zip(found.to_pylist(), pictures, strict=True):
        (outcome,) = classifier.predict_stream([picture], on_error="return")
        assert row.items() >= expected_row(outcome, classifier).items()
    assert found["error"][10].as_py().startswith("bytes: not a picture")


def test_digit_batch_reads_the_type_of_tensors() -> None:
    tensors = draw_tensors(20)
    column = pa.FixedShapeTensorArray.from_numpy_ndarray(tensors)
    found = DigitBatch(config=ArchiveConfig(model="micro"))(pa.table({"image": column}))
    expected = DigitClassifier("micro").predict_batch(tensors)
    assert found["confidence"].to_pylist() == [prediction.confidence for prediction in expected]


def test_digit_batch_refuses_a_batch_of_another_format() -> None:
    with pytest.raises(UsageError, match='batch_format="pyarrow"'):
        DigitBatch()({"image": np.zeros((1, 28, 28))})


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64])
def test_predict_fn_takes_tensors(dtype: type, classifier: DigitClassifier) -> None:
    tensors = draw_tensors(20)
    found = make_predict_fn()(tensors.reshape(-1, 784).astype(dtype))
    expected = classifier.predict_batch(tensors)
    assert [*found["confidence"]] == [prediction.confidence for prediction in expected]
    assert [*found["digit"]] == [prediction.digit for prediction in expected]


def test_predict_fn_takes_picture_files(sample_pictures: dict[str, bytes]) -> None:
    found = make_predict_fn()(np.array([*sample_pictures.values(), b"no picture", None], object))
    assert [*found["digit"]] == [*range(10), None, None]
    assert found["error"][11] == "no picture: the value is null"
