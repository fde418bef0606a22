"""What `edge-mnist bench` measured: written as JSON, read back and checked."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.operator_profile import OperatorTime
from edge_mnist_runtime.errors import IntegrityError, UsageError, first_line
from edge_mnist_runtime.machine.environment import ENGINE_PACKAGES

BENCH_SCHEMA_VERSION: Final = 2

COMPARED: Final = ("p50", "p90", "p99")
"""Percentiles that are compared."""

Percentiles: TypeAlias = dict[str, float | None]
"""Microseconds by a percentile's name, as `p50`; None where the sample is too small."""


@dataclass(frozen=True)
class Warmup:
    """The calls before those that count."""

    calls: int
    steady: bool
    """Whether they came to a steady state."""


@dataclass(frozen=True)
class MeasuredModel:
    """One model of a report.

    Raises:
        TypeError, ValueError: A report that was read back is damaged.
    """

    model: str
    """Path of the file, or name of the bundled one."""
    backend: str
    precision: str
    size_bytes: int | None
    sha256: str | None
    threads: int
    """Threads that one call may use."""
    load_ms: float
    first_us: float
    """The first prediction after loading."""
    samples: int
    """One-image calls that were measured."""
    stopped: str
    """Why there are no more: `stable`, `samples` or `seconds`."""
    warmup: Warmup
    late: bool
    """Whether digits had to wait, because the model is too slow for the rate."""
    latency_us: Percentiles
    bound_us: Percentiles
    """What the percentile is at most, with 99 % certainty."""
    unknown: dict[str, str]
    """Why a percentile is not known, by its name."""
    service_us: Percentiles | None
    """At a rate: from a call to its end; None without a rate, where that is the latency."""
    latencies_us: list[float]
    """Some of the latencies, in the order in which they were measured."""
    stages_us: dict[str, Percentiles]
    """`run`: the engine alone; `picture`: from a picture file to the prediction."""
    images_per_second: dict[str, float]
    """By the number of images in one call."""
    operators: list[OperatorTime] | None
    """None where they were not timed."""
    memory_mb: dict[str, float] | None
    """`imports`, `peak` and `model`, as `measure_memory_mb` gives them; None where they were not measured."""

    def __post_init__(self) -> None:
        latencies_us = np.array(self.latencies_us, np.float64)
        if (
            latencies_us.ndim != 1
            or not latencies_us.size
            or not (np.isfinite(latencies_us) & (latencies_us > 0)).all()
        ):
            raise ValueError("latencies_us must be numbers above 0")
        for name in COMPARED:
            value = self.latency_us[name]
            if value is not None and not 0 < float(value) < math.inf:
                raise ValueError(f"{name} is {value!r}, not a number above 0")
        if not isinstance(self.model, str) or not isinstance(self.threads, int):
            raise TypeError("model must be text, threads a number")

    @property
    def name(self) -> str:
        """The model's file name."""
        return Path(self.model).name

    @property
    def label(self) -> str:
        """The model's file name, and how many threads it had where it had several."""
        return self.name + (f" with {self.threads} threads" if self.threads > 1 else "")

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> MeasuredModel:
        """What `asdict` made it."""
        operators = record["operators"] and [OperatorTime(**item) for item in record["operators"]]
        known = {field.name: record[field.name] for field in fields(cls)}
        return cls(**{**known, "warmup": Warmup(**record["warmup"]), "operators": operators})


@dataclass(frozen=True)
class DigitsRecord:
    """Which digits were predicted."""

    name: str
    split: str
    n: int
    sha256: str


@dataclass(frozen=True)
class BenchReport:
    """What was measured, where, and how."""

    env: dict[str, Any]
    """The machine before the measurement, as `describe_environment` gives it."""
    digits: DigitsRecord
    config: BenchmarkConfig
    import_ms: dict[str, float]
    """Of each back end with all that it needs; empty where it was not measured."""
    preprocess_us: Percentiles
    """From a picture file to the tensor."""
    models: tuple[MeasuredModel, ...]
    advice: tuple[str, ...]
    """What to ship here instead."""
    warnings: tuple[str, ...]
    """What speaks against the figures."""
    skipped: tuple[dict[str, str], ...] = ()
    """Files that cannot run here, as `model` and `reason`."""

    @property
    def conditions(self) -> dict[str, Any]:
        """What must be the same for latencies to be comparable, by name."""
        backends = {model.backend for model in self.models}
        return {
            "CPU": self.env["cpu"],
            "instruction sets": self.env["instruction_sets"],
            "usable cores": self.env["usable_cores"],
            "CPU quota": self.env["cpu_quota_cores"],
            "threads": [*self.config.threads],
            "rate": self.config.rate,
            **{
                f"{package} version": self.env["versions"].get(package)
                for backend, package in ENGINE_PACKAGES.items()
                if backend in backends
            },
        }

    def to_json(self) -> str:
        """The text of the report, with each list of numbers on one line."""
        text = json.dumps({"schema_version": BENCH_SCHEMA_VERSION, **asdict(self)}, indent=2)
        number = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
        numbers = rf"\[\s+({number}(?:,\s+{number})*)\s+\]"
        return re.sub(numbers, lambda found: "[" + " ".join(found[1].split()) + "]", text)

    @classmethod
    def from_json(cls, text: str, *, origin: str) -> BenchReport:
        """What `to_json` was made from; `origin` is for messages.

        Raises:
            IntegrityError: It is no report, one of another version, or a damaged one.
        """
        try:
            record = json.loads(text)
            found = record["schema_version"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise IntegrityError(f"{origin}: not a JSON report of `edge-mnist bench` ({first_line(error)})") from error
        if found != BENCH_SCHEMA_VERSION:
            raise IntegrityError(
                f"{origin}: its schema {found!r} is not the known {BENCH_SCHEMA_VERSION}; measure again with this "
                "version"
            )
        try:
            report = cls._from_dict(record)
            _ = report.conditions  # raises where the machine's record is damaged
        except (ValueError, KeyError, TypeError, AttributeError, UsageError) as error:
            raise IntegrityError(f"{origin}: a damaged report ({error!r}); measure again") from error
        return report

    @classmethod
    def _from_dict(cls, record: dict[str, Any]) -> BenchReport:
        config = {**record["config"], **{name: tuple(record["config"][name]) for name in ("batch_sizes", "threads")}}
        models = tuple(MeasuredModel.from_dict(item) for item in record["models"])
        if not models:
            raise ValueError("it holds no models")
        return cls(
            env=record["env"],
            digits=DigitsRecord(**record["digits"]),
            config=BenchmarkConfig(**config),
            import_ms=record["import_ms"],
            preprocess_us=record["preprocess_us"],
            models=models,
            advice=tuple(map(str, record["advice"])),
            warnings=tuple(map(str, record["warnings"])),
            skipped=tuple(record.get("skipped", ())),
        )

    @classmethod
    def load(cls, path: Path) -> BenchReport:
        """Read a report.

        Raises:
            UsageError: The file cannot be opened.
            IntegrityError: As `from_json`.
        """
        try:
            text = path.read_text("utf-8")
        except OSError as error:
            raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error
        except ValueError as error:
            raise IntegrityError(f"{path}: not a JSON report of `edge-mnist bench` (not text)") from error
        return cls.from_json(text, origin=str(path))
