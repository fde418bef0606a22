"""Archives on a real Ray cluster of two nodes on this machine: `make archive-test`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.runtime.archive.conftest import check_long_rows, draw_tensors, read_rows

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.archive import DigitBatch, archive_pictures
from edge_mnist_runtime.errors import UsageError

ray = pytest.importorskip("ray", reason="needs Ray: make archive-test")

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]  # Ray and its parts warn about themselves


@pytest.fixture
def cluster() -> Iterator[Any]:
    """Two nodes with a core each, and this process connected to them."""
    from ray.cluster_utils import Cluster

    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    nodes.second = nodes.add_node(num_cpus=1)
    nodes.wait_for_nodes()
    ray.init(address=nodes.address, logging_level=logging.ERROR)
    yield nodes
    ray.shutdown()
    nodes.shutdown()


def has_worker(node: Any) -> bool:
    """Whether an actor of the archive runs on a node."""
    (raylet,) = node.all_processes["raylet"]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name, parent = (folder / "cmdline").read_text(), (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue
        if int(parent) == raylet.process.pid and "PartBatch" in name:
            return True
    return False


def test_node_killed_in_mid_run_loses_and_doubles_no_row(
    cluster: Any, long_source: Path, classifier: DigitClassifier, tmp_path: Path
) -> None:
    killed = []

    def kill_once(progress: Any) -> None:
        if not killed and progress.rows and has_worker(cluster.second):
            cluster.remove_node(cluster.second, allow_graceful=False)
            killed.append(progress)

    summary = archive_pictures([long_source], tmp_path / "out", engine="ray", report=kill_once)
    assert killed
    assert killed[0].rows < killed[0].total
    assert (summary.engine, summary.rows) == ("ray", 150_000)
    check_long_rows(read_rows(tmp_path / "out"), long_source, classifier)


def test_local_run_is_finished_by_ray(cluster: Any, mixed_source: Path, tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(progress: Any) -> None:
        if progress.rows:
            raise StoppedError

    with pytest.raises(StoppedError):
        archive_pictures([mixed_source], tmp_path / "out", processes=1, report=stop)
    summary = archive_pictures([mixed_source], tmp_path / "out", engine="ray")
    assert 0 < summary.rows_before < summary.rows == len(read_rows(tmp_path / "out"))


def test_digit_batch_in_a_pipeline(
    cluster: Any, classifier: DigitClassifier, sample_pictures: dict[str, bytes]
) -> None:
    tensors = draw_tensors(300)
    found = ray.data.from_numpy(tensors).map_batches(
        DigitBatch, fn_constructor_args=("data",), batch_format="pyarrow", batch_size=100, concurrency=1
    )
    expected = [prediction.confidence for prediction in classifier.predict_batch(tensors)]
    assert sorted(row["confidence"] for row in found.take_all()) == sorted(expected)
    files = ray.data.from_items([{"name": name, "image": data} for name, data in sample_pictures.items()])
    rows = files.map_batches(DigitBatch, batch_format="pyarrow", concurrency=1).take_all()
    assert {row["digit"] for row in rows} == {*range(10)}
    assert all(row["digit"] == int(row["name"][0]) for row in rows)


def test_cluster_that_does_not_exist_is_one_line(samples_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"`cluster` 127\.0\.0\.1:1: no Ray there"):
        archive_pictures([samples_folder], tmp_path / "out", engine="ray", cluster="127.0.0.1:1")
