"""Archives on Spark with two executors, each a process of its own: `make archive-test`."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.archive.conftest import check_long_rows, draw_tensors, read_rows

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.archive import archive_pictures, classify_frames, make_predict_fn
from edge_mnist_runtime.archive.spark_functions import FRAME_TYPE, PREDICT_TYPE

pyspark = pytest.importorskip("pyspark", reason="needs Spark: make archive-test")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Spark and its parts warn about themselves

MASTER = "local-cluster[2,1,1024]"
EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


@pytest.fixture(scope="module", autouse=True)
def stop_spark() -> Iterator[None]:
    """Let Spark start this Python, and stop what a test started."""
    from pyspark.sql import SparkSession

    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    yield
    if session := SparkSession.getActiveSession():
        session.stop()


def find_executors() -> list[int]:
    """The executors that this process started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue
        if EXECUTOR in command and _descends_from_here(int(folder.name)):
            found.append(int(folder.name))
    return found


def _descends_from_here(process: int) -> bool:
    while process > 1 and process != os.getpid():
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return process == os.getpid()


def test_executor_killed_in_mid_run_loses_and_doubles_no_row(
    long_source: Path, classifier: DigitClassifier, tmp_path: Path
) -> None:
    killed: list[int] = []

    def kill_once(progress: Any) -> None:
        if progress.rows and not killed:
            assert progress.rows < progress.total
            killed.append(find_executors()[0])
            os.kill(killed[0], signal.SIGKILL)

    summary = archive_pictures([long_source], tmp_path / "out", engine="spark", cluster=MASTER, report=kill_once)
    assert killed
    assert (summary.engine, summary.rows) == ("spark", 150_000)
    check_long_rows(read_rows(tmp_path / "out"), long_source, classifier)


def test_functions_in_a_pipeline(
    classifier: DigitClassifier, sample_pictures: dict[str, bytes], tmp_path: Path
) -> None:
    from pyspark.ml.functions import predict_batch_udf
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

    spark = SparkSession.builder.master(MASTER).getOrCreate()
    tensors = draw_tensors(200)
    rows = [(index, tensor.ravel().tolist()) for index, tensor in enumerate(tensors)]
    digits = predict_batch_udf(
        make_predict_fn, return_type=StructType.fromDDL(PREDICT_TYPE), batch_size=64, input_tensor_shapes=[[784]]
    )
    frame = spark.createDataFrame(rows, "id int, image array<short>").select("id", digits("image").alias("found"))
    expected = [prediction.confidence for prediction in classifier.predict_batch(tensors)]
    found = {row.id: row.found.confidence for row in frame.collect()}
    assert [found[index] for index in range(200)] == expected

    pictures = spark.createDataFrame([*sample_pictures.items(), ("x", b"no picture")], "id string, image binary")
    named = {row.id: row for row in pictures.mapInPandas(classify_frames, FRAME_TYPE).collect()}
    assert [named[name].digit for name in sample_pictures] == [*range(10)]
    assert named["9-photograph.jpg"].box == (332, 146, 472, 410)
    assert named["x"].error.startswith("bytes: not a picture")
    udf = predict_batch_udf(make_predict_fn, return_type=StructType.fromDDL(PREDICT_TYPE), batch_size=4)
    flat = {row.id: row.found for row in pictures.select("id", udf("image").alias("found")).collect()}
    assert [flat[name].digit for name in sample_pictures] == [*range(10)]
