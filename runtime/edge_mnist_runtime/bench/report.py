"""The JSON report of `edge-mnist bench`: write it, read it back and check it."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.instructions import InstructionCount
from edge_mnist_runtime.bench.operator_profile import OperatorTime
from edge_mnist_runtime.bench.paired_calls import PairedCalls
from edge_mnist_runtime.bench.server_load import StreamsResult
from edge_mnist_runtime.errors import IntegrityError, UsageError, first_line
from edge_mnist_runtime.machine.environment import ENGINE_PACKAGES

BENCH_SCHEMA_VERSION: Final = 3

COMPARED: Final = ("p50", "p90", "p99")
"""Percentiles that `compare` compares."""

LARGEST: Final = 1e15
"""Every figure of a report is below this, also in microseconds."""

Percentiles: TypeAlias = dict[str, float | None]
"""Microseconds by percentile name, such as `p50`; None if there are too few samples to estimate it."""


@dataclass(frozen=True)
class Warmup:
    """The warm-up of one model."""

    calls: int
    steady: bool
    """Whether it reached a steady state."""


@dataclass(frozen=True)
class MeasuredModel:
    """The measurements of one model.

    Raises:
        TypeError, ValueError: A value that was read back is damaged.
    """

    model: str
    """Path of the file, or name of the bundled model."""
    backend: str
    precision: str
    size_bytes: int | None
    sha256: str | None
    threads: int
    """Number of threads that one call may use."""
    load_ms: float
    """From the bytes of the file to a callable model."""
    first_us: float
    """The first prediction after loading."""
    samples: int
    """Number of measured one-image calls."""
    stopped: str
    """Why measuring ended: `stable`, `samples` or `seconds`."""
    warmup: Warmup
    late: bool
    """Whether calls had to wait because the model is too slow for the rate."""
    latency_us: Percentiles
    bound_us: Percentiles
    """Upper bounds of the percentiles, at 99 % confidence."""
    unknown: dict[str, str]
    """Why a figure is unknown, by its name, such as `p99.9` or `energy_uj`."""
    service_us: Percentiles | None
    """With a rate: from the start of a call to its end. None without a rate, because the latency is the same."""
    latencies_us: list[float]
    """Evenly thinned latencies, in microseconds and in the order of measurement."""
    stages_us: dict[str, Percentiles]
    """p50 and p90 of `run` (the engine alone) and `picture` (from a picture file to the prediction)."""
    images_per_second: dict[str, float]
    """Throughput by batch size."""
    operators: list[OperatorTime] | None
    """Times by operator; None if they were not measured."""
    memory_mb: dict[str, float] | None
    """The result of `measure_memory_mb`; None if it was not measured."""
    instructions: InstructionCount | None
    """Instructions of a digit; None if they were not counted."""
    runs: tuple[PairedCalls, ...]
    """The latency and its ratio to the yardstick's in each run; empty if there was none."""
    streams: StreamsResult | None
    """Several threads at once; None if that was not measured."""
    slo_rate: float | None
    """Highest rate of requests a second at which p99 stays under the goal; None if unknown, or not measured."""
    energy_uj: float | None
    """Energy of a digit, in microjoules, of the whole processor; None if it has no counter that this user may read."""

    def __post_init__(self) -> None:
        latencies_us = np.array(self.latencies_us, np.float64)
        if (
            latencies_us.ndim != 1
            or not latencies_us.size
            or not (np.isfinite(latencies_us) & (latencies_us > 0)).all()
        ):
            raise ValueError("latencies_us must be numbers above 0")
        for name in COMPARED:
            if self.latency_us[name] is not None:
                _require_positive(name, self.latency_us[name])
        for run in self.runs:
            _require_positive("ratio of a run", run.ratio)
        if self.instructions is not None:
            _require_positive("instructions", self.instructions.per_digit)
            if not isinstance(self.instructions.features, list) or not all(
                isinstance(feature, str) for feature in self.instructions.features
            ):
                raise TypeError("features of instructions must be a list of names")
        if not isinstance(self.model, str) or not isinstance(self.threads, int):
            raise TypeError("model must be text, threads a number")

    @property
    def name(self) -> str:
        """The model's file name."""
        return Path(self.model).name

    @property
    def label(self) -> str:
        """The model's file name, with the number of threads if there are several."""
        return self.name + (f" with {self.threads} threads" if self.threads > 1 else "")

    @classmethod
    def from_dict(cls, record: dict[str, Any]) -> MeasuredModel:
        """Create it from the result of `asdict`."""
        operators = record["operators"] and [OperatorTime(**item) for item in record["operators"]]
        instructions = None if record["instructions"] is None else InstructionCount(**record["instructions"])
        known = {field.name: record[field.name] for field in fields(cls)}
        runs = tuple(PairedCalls(**run) for run in record["runs"])
        parts = {
            "runs": runs,
            "streams": record["streams"] and StreamsResult(**record["streams"]),
            "warmup": Warmup(**record["warmup"]),
            "operators": operators,
            "instructions": instructions,
        }
        return cls(**{**known, **parts})


def _require_positive(name: str, value: object) -> None:
    """Check a figure that was read back: NaN would pass every limit, and a huge one has no ratio."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < LARGEST:
        raise ValueError(f"{name} is {str(value)[:20]!r}, not a number above 0")


@dataclass(frozen=True)
class DigitsRecord:
    """Which digits were the input."""

    name: str
    split: str
    n: int
    sha256: str


@dataclass(frozen=True)
class ReferenceRatio:
    """The latency of one model / that of the reference."""

    model: str
    """The model's label."""
    ratio: float
    interval: tuple[float, float]
    """95 % interval of the ratio."""


@dataclass(frozen=True)
class BenchReport:
    """The whole report: machine, settings and the measurements of every model."""

    env: dict[str, Any]
    """The result of `describe_environment` before the measurement."""
    digits: DigitsRecord
    config: BenchmarkConfig
    import_ms: dict[str, float]
    """Import time of each back end with its dependencies; empty if it was not measured."""
    preprocess_us: Percentiles
    """From a picture file to the network's input."""
    models: tuple[MeasuredModel, ...]
    advice: tuple[str, ...]
    """Sentences that advise fp32 where it is faster."""
    warnings: tuple[str, ...]
    """Conditions that make the figures unreliable, one sentence each."""
    yardstick_sha256: str
    """The model that runs are ratios to."""
    reference: tuple[ReferenceRatio, ...] = ()
    """Ratios to the reference, if one was named."""
    skipped: tuple[dict[str, str], ...] = ()
    """Files that cannot run here, each with `model` and `reason`."""

    @property
    def conditions(self) -> dict[str, Any]:
        """What must be equal in two reports for latencies to be comparable, by name."""
        backends = {model.backend for model in self.models}
        return {
            "CPU": self.env["cpu"],
            "instruction sets": self.env["instruction_sets"],
            "visible features of the CPU": self.env["cpu_features"],
            "digits": f"{self.digits.name} {self.digits.sha256[:8]}",
            "yardstick": self.yardstick_sha256[:8],
            "usable cores": self.env["usable_cores"],
            "CPU quota": self.env["cpu_quota_cores"],
            "threads": [*self.config.threads],
            "rate": self.config.rate,
            "Poisson rate": self.config.poisson,
            **{
                f"{package} version": self.env["versions"].get(package)
                for backend, package in ENGINE_PACKAGES.items()
                if backend in backends
            },
        }

    def to_json(self) -> str:
        """Write the report as JSON, with each list of numbers on one line."""
        text = json.dumps({"schema_version": BENCH_SCHEMA_VERSION, **asdict(self)}, indent=2)
        number = r"-?\d+(?:\.\d+)?(?:e-?\d+)?"
        numbers = rf"\[\s+({number}(?:,\s+{number})*)\s+\]"
        return re.sub(numbers, lambda found: "[" + " ".join(found[1].split()) + "]", text)

    @classmethod
    def from_json(cls, text: str, *, origin: str) -> BenchReport:
        """Read the JSON of `to_json`. Messages name `origin`.

        Raises:
            IntegrityError: It is not a report, has another schema version, or is damaged.
        """
        try:
            record = json.loads(text)
            found, _, _ = (record[name] for name in ("schema_version", "env", "models"))  # as in every schema
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            reason = f"no {error.args[0]}" if isinstance(error, KeyError) else first_line(error)
            raise IntegrityError(f"{origin}: not a JSON report of `edge-mnist bench` ({reason})") from error
        if found != BENCH_SCHEMA_VERSION:
            raise IntegrityError(
                f"{origin}: its schema {found!r} is not the known {BENCH_SCHEMA_VERSION}; measure again with this "
                "version"
            )
        try:
            report = cls._from_dict(record)
            _ = report.conditions  # raises if the machine's record is damaged
        except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, UsageError) as error:
            reason = f"no {error.args[0]}" if isinstance(error, KeyError) else first_line(error)
            raise IntegrityError(f"{origin}: a damaged report ({reason}); measure again") from error
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
            yardstick_sha256=str(record["yardstick_sha256"]),
            reference=tuple(
                ReferenceRatio(item["model"], float(item["ratio"]), (item["interval"][0], item["interval"][1]))
                for item in record["reference"]
            ),
            skipped=tuple(record.get("skipped", ())),
        )

    @classmethod
    def load(cls, path: Path) -> BenchReport:
        """Read a report file.

        Raises:
            UsageError: The file cannot be opened.
            IntegrityError: As `from_json`.
        """
        try:
            text = path.read_text("utf-8-sig")  # some editors and shells begin a file with a byte order mark
        except OSError as error:
            raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error
        except ValueError as error:
            raise IntegrityError(f"{path}: not a JSON report of `edge-mnist bench` (not text in UTF-8)") from error
        return cls.from_json(text, origin=str(path))
