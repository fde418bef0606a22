"""Make parts on a Spark cluster, with `mapInPandas`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.archive.parts import PartMaker
from edge_mnist_runtime.archive.plan import RunFiles
from edge_mnist_runtime.errors import UsageError, first_line

if TYPE_CHECKING:
    import pandas as pd

POLL_S: Final = 0.5
"""How often finished parts are looked for: Spark itself tells only when all are."""


def make_frames(frames: Iterator[pd.DataFrame], out: str) -> Iterator[pd.DataFrame]:
    """Make the parts in the column `part`, for `mapInPandas`, and yield the same frames."""
    maker = _open_maker(out)
    for frame in frames:
        for part in frame["part"].tolist():
            maker.make(part)
        yield frame


@lru_cache(maxsize=1)
def _open_maker(out: str) -> PartMaker:
    """Spark uses a Python process for many tasks, so the model is loaded once."""
    return PartMaker(Path(out))


def make_parts(out: Path, parts: list[int], *, cluster: str | None) -> Iterator[int]:
    """Make parts in tasks of Spark, one each, and yield each when its file stands, in any order.

    Raises:
        UsageError: Spark cannot start, or a part failed.
    """
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    if cluster is None or cluster.startswith("local"):
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # else Spark starts `python3`, which may be another one
    builder = SparkSession.builder.appName("edge-mnist archive").config("spark.ui.showConsoleProgress", "false")
    try:
        spark = (builder.master(cluster) if cluster else builder).getOrCreate()
    except Exception as error:  # what py4j raises depends on what is wrong
        raise UsageError(f"Spark cannot start ({first_line(error)}); it needs Java 17 and a master") from error
    spark.sparkContext.setLogLevel("ERROR")
    numbers = spark.sparkContext.parallelize([(part,) for part in parts], len(parts)).toDF("part int")
    job = numbers.mapInPandas(partial(make_frames, out=str(out)), "part int")
    files, missing = RunFiles(out), set(parts)
    with ThreadPoolExecutor(1) as thread:
        try:
            running = thread.submit(job.collect)
            while not running.done():
                time.sleep(POLL_S)
                found = {part for part in missing if files.part(part).exists()}
                missing -= found
                yield from found
            running.result()
            yield from missing
        except PySparkException as error:
            raise UsageError(f"Spark: {_explain(error)}") from error
        finally:
            if not running.done():
                spark.sparkContext.cancelAllJobs()


def _explain(error: Exception) -> str:
    """The line of Spark's message that is the worker's own error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in lines if line.startswith("edge_mnist_runtime.")), first_line(error))
