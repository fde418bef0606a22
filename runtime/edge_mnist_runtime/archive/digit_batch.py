"""`DigitBatch`: classify the pictures in batches of Ray Data.

ray.data.read_parquet("scans/").map_batches(DigitBatch, fn_constructor_kwargs={"column": "image"},
batch_format="pyarrow", batch_size=512, concurrency=32)
"""

from __future__ import annotations

import pyarrow as pa

from edge_mnist_runtime.archive.config import ArchiveConfig
from edge_mnist_runtime.archive.parquet_files import take_pictures
from edge_mnist_runtime.archive.rows import RESULT, RowMaker
from edge_mnist_runtime.errors import UsageError


class DigitBatch:
    """A callable class for `map_batches`: each worker loads the model once. It needs no Ray itself.

    Args:
        column: Column of picture files (binary), of 784 numbers (list), or of Ray's tensors, shape (28, 28).
        keep: Whether the column stays in the batch.
        config: Model and reading mode; None is the default model.
    """

    def __init__(self, column: str = "image", *, keep: bool = False, config: ArchiveConfig | None = None) -> None:
        self._column, self._keep = column, keep
        self._maker = RowMaker((config or ArchiveConfig()).open())

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Return the batch with the columns digit, likeliest, confidence, reason, box, error and model_sha256.

        A picture that cannot be read has its `error`, and the others are still classified.
        """
        if not isinstance(batch, pa.Table):
            raise UsageError(f'a batch of type {type(batch).__name__}; call map_batches with batch_format="pyarrow"')
        outcomes = self._maker.classify(take_pictures(batch.column(self._column).combine_chunks()))
        results = pa.Table.from_pydict(self._maker.make_columns(outcomes), schema=RESULT)
        for name in results.column_names:
            batch = batch.append_column(results.schema.field(name), results.column(name))
        return batch if self._keep else batch.drop_columns([self._column])
