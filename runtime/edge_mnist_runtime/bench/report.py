"""The JSON report of `edge-mnist bench`, read back and checked."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.bench.benchmark import BENCH_SCHEMA_VERSION
from edge_mnist_runtime.errors import IntegrityError, UsageError, first_line
from edge_mnist_runtime.machine.environment import ENGINE_PACKAGES
from edge_mnist_runtime.timing.percentiles import Latencies

COMPARED: Final = ("p50", "p90", "p99")
"""Percentiles that are compared."""


@dataclass(frozen=True)
class MeasuredModel:
    """One model of a report."""

    model: str
    """Path of the file, or name of the bundled one."""
    backend: str
    threads: int
    latency_us: Mapping[str, float | None]
    """Of `COMPARED`; None where the sample was too small."""
    latencies_us: Latencies
    """Some of the latencies, in the order in which they were measured."""

    @property
    def name(self) -> str:
        """The model's file name."""
        return Path(self.model).name

    @property
    def label(self) -> str:
        """The model's file name, and how many threads it had where it had several."""
        return self.name + (f" with {self.threads} threads" if self.threads > 1 else "")


@dataclass(frozen=True)
class BenchReport:
    """What a comparison needs of a report."""

    path: Path
    conditions: Mapping[str, Any]
    """What must be the same for latencies to be comparable, by name."""
    models: tuple[MeasuredModel, ...]
    warnings: tuple[str, ...]
    """What spoke against its figures."""

    @classmethod
    def load(cls, path: Path) -> BenchReport:
        """Read a report.

        Raises:
            UsageError: The file cannot be opened.
            IntegrityError: It is no report, one of another version, or a damaged one.
        """
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error
        except ValueError as error:
            raise IntegrityError(f"{path}: no JSON report of `edge-mnist bench` (not text)") from error
        try:
            record = json.loads(text)
            found = record["schema_version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IntegrityError(f"{path}: no JSON report of `edge-mnist bench` ({first_line(error)})") from error
        if found != BENCH_SCHEMA_VERSION:
            raise IntegrityError(
                f"{path}: its schema {found!r} is not the known {BENCH_SCHEMA_VERSION}; measure again with this version"
            )
        try:
            return cls._from_record(path, record)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{path}: a damaged report ({error!r}); measure again") from error

    @classmethod
    def _from_record(cls, path: Path, record: dict[str, Any]) -> BenchReport:
        models = tuple(_read_model(item) for item in record["models"])
        if not models:
            raise ValueError("it holds no models")
        env, config = record["env"], record["config"]
        versions = {
            f"{package} version": env["versions"].get(package)
            for backend, package in ENGINE_PACKAGES.items()
            if any(model.backend == backend for model in models)
        }
        conditions = {
            "CPU": env["cpu"],
            "instruction sets": env["instruction_sets"],
            "usable cores": env["usable_cores"],
            "CPU quota": env["cpu_quota_cores"],
            "threads": config["threads"],
            "rate": config["rate"],
            **versions,
        }
        return cls(path, conditions, models, tuple(str(warning) for warning in record["warnings"]))


def _read_model(item: dict[str, Any]) -> MeasuredModel:
    latencies_us = np.array(item["latencies_us"], np.float64)
    if latencies_us.ndim != 1 or not len(latencies_us) or not (np.isfinite(latencies_us) & (latencies_us > 0)).all():
        raise ValueError("latencies_us must be numbers above 0")
    latency_us = {name: item["latency_us"][name] for name in COMPARED}
    for name, value in latency_us.items():
        if value is not None and not 0 < float(value) < math.inf:
            raise ValueError(f"{name} is {value!r}, not a number above 0")
    if not isinstance(item["model"], str) or not isinstance(item["threads"], int):
        raise TypeError("model must be text, threads a number")
    return MeasuredModel(item["model"], str(item["backend"]), item["threads"], latency_us, latencies_us)
