"""Archive pictures: plan, make the missing parts with an engine, and summarise."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from edge_mnist_runtime.archive.config import ArchiveConfig
from edge_mnist_runtime.archive.parts import read_tally
from edge_mnist_runtime.archive.plan import ADVICE, Plan, RunFiles, make_plan
from edge_mnist_runtime.archive.rows import Tally
from edge_mnist_runtime.archive.sources import require_sources, sign_sources, unpack_sources
from edge_mnist_runtime.archive.summary import ArchiveSummary
from edge_mnist_runtime.atomic_file import PARTIAL_PREFIX, replace_file, sync_file, sync_folder
from edge_mnist_runtime.engines.options import check_count
from edge_mnist_runtime.errors import DataError, OutputError, UsageError
from edge_mnist_runtime.extras import require_extra
from edge_mnist_runtime.machine.environment import usable_cores
from edge_mnist_runtime.machine.versions import DISTRIBUTION, installed_versions
from edge_mnist_runtime.paths import exists, explain, is_folder

EngineName = Literal["local", "ray", "spark"]

ENGINE_MODULES: Final = {"local": (), "ray": ("ray",), "spark": ("pyspark", "pandas")}
"""The engines, and the modules that each needs; the extra has the engine's name."""

ROUNDS: Final = 3
"""How often an engine is asked for parts that are missing when it says that it is ready."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    rows: int
    """Rows that stand."""
    total: int
    rows_before: int
    """Rows that stood when this run began."""
    rows_per_second: float | None
    """Rate since every process has made its first part; None until then."""


Report: TypeAlias = Callable[[Progress], None]


def archive_pictures(
    sources: Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    engine: EngineName = "local",
    config: ArchiveConfig | None = None,
    processes: int | None = None,
    cluster: str | None = None,
    report: Report | None = None,
) -> ArchiveSummary:
    """Classify every picture of the sources, and write a Parquet data set with exactly one row for each.

    A run that was killed goes on when it is started again with the same arguments.

    Args:
        sources: Folders, tar, Parquet and IDX files, .gz or not, and picture files.
        out: Folder of the data set. It must not exist, be empty, or be the output of the same run.
        engine: `local`: processes of this machine. `ray`, `spark`: a cluster, which sees sources and output under the
            same paths.
        config: Model, reading mode and columns.
        processes: local: number of processes, by default one per core. ray, spark: maximum number of parts at once.
        cluster: Address of the Ray cluster or the Spark master; by default what Ray or Spark itself finds.
        report: Is called whenever parts are made.

    Returns:
        The summary, also of a run that was complete before.

    Raises:
        MissingExtraError: The engine is not installed.
        UsageError: A source or an option cannot be used, an id repeats, or `out` holds something else.
        DataError: A source is damaged.
        OutputError: `out` cannot be written.
    """
    named = tuple(os.fspath(source).rstrip("/") or "/" for source in sources)
    files, config = RunFiles(Path(out).absolute()), config or ArchiveConfig()
    _require_engine(engine, processes, cluster)
    check_count("processes", processes if processes is not None else 1)
    require_sources(named)
    _require_apart(named, files.out)
    with _locked(files):
        plan = _prepare(files, named, config)
        return _run(files, plan, engine, processes, cluster, report or (lambda _: None))


def _require_engine(engine: str, processes: int | None, cluster: str | None) -> None:
    if engine not in ENGINE_MODULES:
        raise UsageError(f"`engine` {engine}: unknown; expected one of {', '.join(ENGINE_MODULES)}")
    if engine == "spark" and processes is not None:
        raise UsageError(f"`processes` {processes}: the engine spark has as many as its executors; leave it out")
    if engine == "local" and cluster is not None:
        raise UsageError(f"`cluster` {cluster}: the engine local has no cluster; add `engine` ray or spark")
    require_extra("archive", "edge-mnist archive", "pyarrow")
    if engine != "local":
        require_extra(engine, f"The engine {engine}", *ENGINE_MODULES[engine])


def _require_apart(sources: tuple[str, ...], out: Path) -> None:
    """Raise `UsageError` if the output lies in a source, or a source in the output."""
    target = out.resolve()
    for source in sources:
        path = Path(source).resolve()
        if target == path or path in target.parents or target in path.parents:
            raise UsageError(f"{out}: the output and the source {source} lie in each other; name another folder")


@contextmanager
def _locked(files: RunFiles) -> Iterator[None]:
    """Make the output folder, and let no second process write it. A kill releases the lock."""
    if exists(files.out) and not is_folder(files.out):
        raise UsageError(f"{files.out}: not a folder; name another one")
    if is_folder(files.out) and not files.work.exists() and any(files.out.iterdir()):
        raise UsageError(f"{files.out}: not empty, and no output of `edge-mnist archive`; name another folder")
    try:
        files.work.mkdir(parents=True, exist_ok=True)
        lock = files.lock.open("w")
    except OSError as error:
        raise OutputError(f"{files.out}: cannot be written ({explain(error)}); {ADVICE}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(f"{files.out}: another run is writing it; wait for it, or name another folder") from error
        yield


def _prepare(files: RunFiles, sources: tuple[str, ...], config: ArchiveConfig) -> Plan:
    """Load the plan of a run that goes on, or make one."""
    classifier = _describe(config)
    sources_sha256 = sign_sources(sources)
    if not files.plan.exists():
        _remove_partial(files)
        return make_plan(files, sources, config, classifier, sources_sha256)
    plan = Plan.load(files)
    differing = plan.differences_from(sources, config, classifier)
    if differing:
        raise UsageError(
            f"{files.out}: holds a run with other options ({', '.join(differing)}); name another folder, or delete it"
        )
    if plan.sources_sha256 != sources_sha256:
        raise UsageError(f"{files.out}: the sources have changed since this run began; name another folder")
    _remove_partial(files)
    return plan


def _describe(config: ArchiveConfig) -> dict[str, Any]:
    """What decides the predictions."""
    info = config.open().info().to_dict()
    names = ("model", "sha256", "precision", "format", "mode", "least_confidence", "picture_reading_version")
    versions = installed_versions(DISTRIBUTION)
    return {
        **{name: info[name] for name in names},
        "backend": info["engine"]["backend"],
        "version": versions[DISTRIBUTION],
    }


def _remove_partial(files: RunFiles) -> None:
    """Remove what a killed run was writing."""
    for folder in (files.out, files.work, files.unpacked):
        for left in folder.glob(f"{PARTIAL_PREFIX}*"):
            if left.is_dir():
                shutil.rmtree(left, ignore_errors=True)
            else:
                left.unlink(missing_ok=True)


class _Run:
    """The parts of a run that stand, and how fast they are made."""

    def __init__(self, files: RunFiles, plan: Plan, report: Report) -> None:
        self._files, self._plan, self._report = files, plan, report
        self._sha256 = plan.sha256
        self._marks: list[tuple[float, int]] = []
        self.tallies: dict[int, Tally] = {}
        self.rows_before = 0
        self.rows = 0

    def find_missing(self) -> list[int]:
        """Look which parts do not stand."""
        return [
            index
            for index in range(len(self._plan.parts))
            if index not in self.tallies and not self._stands(index, whole=True)
        ]

    def make(self, engine: EngineName, missing: list[int], processes: int | None, cluster: str | None) -> None:
        """Let the engine make the missing parts, and report each."""
        self.rows_before = self.rows
        self._tell(None)
        warm = processes or usable_cores()
        for index in _make_parts(engine, self._files.out, missing, processes, cluster):
            if index not in self.tallies and self._stands(index, whole=False):
                self._marks.append((time.monotonic(), self.rows))
                self._tell(self.measure_rate(warm))

    def measure_rate(self, warm: int) -> float | None:
        """Rows a second since the first `warm` parts: one of each process, which includes its start."""
        if len(self._marks) <= warm:
            return None
        (first, rows), (last, _) = self._marks[warm - 1], self._marks[-1]
        return (self.rows - rows) / (last - first) if last > first else None

    def _tell(self, rate: float | None) -> None:
        self._report(Progress(self.rows, self._plan.rows, self.rows_before, rate))

    def _stands(self, index: int, *, whole: bool) -> bool:
        found = read_tally(self._files.part(index), self._sha256, self._plan.parts[index].rows, whole=whole)
        if found is not None:
            self.tallies[index] = found
            self.rows += found.rows
        return found is not None


def _run(
    files: RunFiles, plan: Plan, engine: EngineName, processes: int | None, cluster: str | None, report: Report
) -> ArchiveSummary:
    run, started = _Run(files, plan, report), time.monotonic()
    missing = run.find_missing()
    if not missing and files.summary.exists():
        return _load_summary(files)
    files.summary.unlink(missing_ok=True)
    if missing:
        unpack_sources(plan.sources, files.unpacked)
    for _ in range(ROUNDS):
        if missing:
            run.make(engine, missing, processes, cluster)
            missing = run.find_missing()
    if missing:
        raise DataError(f"{files.out}: {len(missing)} parts are missing after {ROUNDS} rounds; start it again")
    return _finish(files, plan, engine, run, time.monotonic() - started, run.measure_rate(processes or usable_cores()))


def _make_parts(
    engine: EngineName, out: Path, parts: list[int], processes: int | None, cluster: str | None
) -> Iterator[int]:
    if engine == "ray":
        from edge_mnist_runtime.archive import ray_engine

        return ray_engine.make_parts(out, parts, processes=processes, cluster=cluster)
    if engine == "spark":
        from edge_mnist_runtime.archive import spark_engine

        return spark_engine.make_parts(out, parts, cluster=cluster)
    from edge_mnist_runtime.archive import local_engine

    return local_engine.make_parts(out, parts, processes=processes or usable_cores())


def _finish(
    files: RunFiles, plan: Plan, engine: EngineName, run: _Run, seconds: float, rate: float | None
) -> ArchiveSummary:
    """Write the summary, which says that the data set is complete."""
    total = Tally()
    for index, tally in run.tallies.items():
        total.add(tally)
        sync_file(files.part(index))
    sync_folder(files.out)
    summary = ArchiveSummary(
        out=str(files.out),
        sources=plan.sources,
        engine=engine,
        model=plan.classifier["model"],
        model_sha256=plan.classifier["sha256"],
        rows=total.rows,
        accepted=sum(total.digits.values()),
        rejected=dict(sorted(total.rejected.items())),
        unreadable=total.unreadable,
        digits=dict(sorted(total.digits.items())),
        parts=len(plan.parts),
        rows_before=run.rows_before,
        seconds=round(seconds, 3),
        rows_per_second=rate and round(rate, 1),
    )
    _remove_partial(files)
    shutil.rmtree(files.unpacked, ignore_errors=True)
    text = json.dumps(summary.to_dict(), indent=2) + "\n"
    replace_file(files.summary, lambda partial: partial.write_text(text, "utf-8"), advice=ADVICE)
    return summary


def _load_summary(files: RunFiles) -> ArchiveSummary:
    try:
        record = json.loads(files.summary.read_text("utf-8"))
        del record["schema_version"]
        return ArchiveSummary(**{**record, "sources": tuple(record["sources"])})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{files.summary}: cannot be read ({error}); delete it and start again") from error
