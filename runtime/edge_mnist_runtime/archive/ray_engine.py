"""Make parts on a Ray cluster, with Ray Data."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.archive.parts import PartMaker
from edge_mnist_runtime.errors import UsageError, first_line

CONNECT_S: Final = 10.0
"""Time to connect to a cluster, in seconds."""


class PartBatch:
    """A callable class for `map_batches`: makes the parts of a batch.

    If a node is lost, Ray starts it again on another one.

    Args:
        out: The output of the run.
    """

    def __init__(self, out: str) -> None:
        self._maker = PartMaker(Path(out))

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Make the parts of `batch["part"]`, an integer array, and return the batch."""
        for part in batch["part"].tolist():
            self._maker.make(part)
        return batch


def make_parts(out: Path, parts: list[int], *, processes: int | None, cluster: str | None) -> Iterator[int]:
    """Make parts in actors of Ray, and yield each when its file stands, in any order.

    Raises:
        UsageError: There is no cluster at this address, or a part failed.
    """
    import ray

    if not ray.is_initialized():
        try:
            _require_listener(cluster)
            ray.init(address=cluster, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, ValueError, RuntimeError) as error:
            raise UsageError(f"`cluster` {cluster}: no Ray there ({first_line(error)}); start it: ray start") from error
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    # Each block is one part, so that a part is given out when an actor is free.
    numbers = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    n_actors = min(len(parts), processes or _count_cores())
    # The pool may shrink to one, so that an actor of a lost node finds a free core elsewhere.
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=n_actors, initial_size=n_actors)
    made = numbers.map_batches(
        PartBatch,
        fn_constructor_args=(str(out),),
        batch_size=1,
        num_cpus=1,
        compute=pool,
    )
    try:
        for row in made.iter_rows():
            yield int(row["part"])
    except ray.exceptions.RayError as error:
        raise UsageError(f"Ray: {_explain(error)}") from error


def _require_listener(cluster: str | None) -> None:
    """Raise OSError if nothing listens at HOST:PORT. Ray itself would try for minutes."""
    host, _, port = (cluster or "").rpartition(":")
    if host and port.isdigit() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=CONNECT_S).close()


def _count_cores() -> int:
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)))


def _explain(error: Exception) -> str:
    """The last line of Ray's message, which is the worker's own error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
