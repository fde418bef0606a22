"""Classify archives of millions of pictures into a Parquet data set, on one machine, Ray or Spark (extra `archive`).

Comes in: folders, tar, Parquet and IDX files. Goes out: a Parquet data set with one row for each picture.
May import: atomic_file, box, classifier, dataset, engines, errors, extras, images, inputs, lazy_names, machine,
paths, predictions, reading, tensor, thresholds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.lazy_names import load_when_used

if TYPE_CHECKING:
    from edge_mnist_runtime.archive.archiving import archive_pictures
    from edge_mnist_runtime.archive.config import ArchiveConfig
    from edge_mnist_runtime.archive.digit_batch import DigitBatch
    from edge_mnist_runtime.archive.spark_functions import classify_frames, make_predict_fn
    from edge_mnist_runtime.archive.summary import ArchiveSummary

_HOME_OF: Final = {
    "ArchiveConfig": "config",
    "ArchiveSummary": "summary",
    "DigitBatch": "digit_batch",
    "archive_pictures": "archiving",
    "classify_frames": "spark_functions",
    "make_predict_fn": "spark_functions",
}

__all__ = [
    "ArchiveConfig",
    "ArchiveSummary",
    "DigitBatch",
    "archive_pictures",
    "classify_frames",
    "make_predict_fn",
]

__getattr__ = load_when_used(__name__, _HOME_OF)
