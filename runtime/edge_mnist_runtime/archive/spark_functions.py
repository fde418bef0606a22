"""Classify Spark data frames: `make_predict_fn` for `predict_batch_udf`, `classify_frames` for `mapInPandas`.

digits = predict_batch_udf(make_predict_fn, return_type=PREDICT_TYPE, batch_size=512, input_tensor_shapes=[[784]])
frame.select("id", digits("image")).write.parquet("digits")
frame.select("id", "image").mapInPandas(classify_frames, FRAME_TYPE).write.parquet("digits")
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from edge_mnist_runtime.archive.config import ArchiveConfig
from edge_mnist_runtime.archive.parquet_files import take_pictures
from edge_mnist_runtime.archive.rows import RowMaker

if TYPE_CHECKING:
    import pandas as pd

PREDICT_TYPE: Final = (
    "digit tinyint, likeliest tinyint, confidence float, reason string, error string, model_sha256 string"
)
"""Spark's type of predictions, for `StructType.fromDDL`: no box, because `predict_batch_udf` takes no nested types."""

FRAME_TYPE: Final = f"id string, {PREDICT_TYPE}, box struct<left: int, top: int, right: int, bottom: int>"
"""Spark's type of what `classify_frames` yields."""


def make_predict_fn(config: ArchiveConfig | None = None) -> Callable[[Any], dict[str, Any]]:
    """Load a model in a Python worker of Spark, and return what `predict_batch_udf` calls.

    The function takes an array of tensors, shape (N, 784), or of picture files (bytes), shape (N,). For other options
    than the defaults give `functools.partial(make_predict_fn, ArchiveConfig(...))` to `predict_batch_udf`.
    """
    maker = RowMaker((config or ArchiveConfig()).open())

    def predict(pictures: Any) -> dict[str, Any]:
        located = maker.classify(pictures if pictures.ndim > 1 else take_pictures(pa.array(pictures)))
        columns = maker.make_columns(located)
        del columns["box"]
        return {name: np.array(values, object) for name, values in columns.items()}

    return predict


def classify_frames(frames: Iterator[pd.DataFrame], config: ArchiveConfig | None = None) -> Iterator[pd.DataFrame]:
    """Classify the column `image` of data frames, for `mapInPandas`, and keep the column `id`.

    The column holds picture files (bytes) or tensors of 784 numbers.
    """
    import pandas as pd

    maker = RowMaker((config or ArchiveConfig()).open())
    for frame in frames:
        columns = maker.make_columns(maker.classify(take_pictures(pa.array(frame["image"]))))
        yield pd.DataFrame({"id": frame["id"].astype(str).array, **columns}, dtype=object)
