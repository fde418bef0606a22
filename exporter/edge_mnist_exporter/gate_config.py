"""Limits of an export's gates, from options and from a TOML file.

The file has one table; each key is optional:

    [gate]
    max_drop_points = 0.5
    min_agreement = 0.99
    max_probability_diff = 0.2
    min_top1 = 0.99
    min_int8_parity = 0.995
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from edge_mnist_runtime.errors import UsageError, first_line
from edge_mnist_runtime.extras import require_extra

INT8_PRECISION: Final = "int8"
"""Precision of the two files that `min_int8_parity` compares."""

GATE_TABLE: Final = "gate"
"""Name of the file's table."""


@dataclass(frozen=True)
class _Range:
    """The range of a limit, from 0."""

    highest: float
    unit: str = ""


_RANGES: Final = {
    "max_drop_points": _Range(100, " percentage points"),
    "min_agreement": _Range(1),
    "max_probability_diff": _Range(1),
    "min_top1": _Range(1),
    "min_int8_parity": _Range(1),
}


@dataclass(frozen=True)
class GateConfig:
    """Limits of an export's gates; None: not checked.

    Raises:
        UsageError: A value is out of its range; the message names it.
    """

    max_drop_points: float = 0.5
    """Maximum loss of top-1 accuracy against Keras, in percentage points."""
    min_agreement: float = 0.99
    """Minimum fraction of the evaluation images with the same answer as Keras, in 0..1."""
    max_probability_diff: float | None = None
    """Maximum difference of any probability from Keras's on any image, in 0..1."""
    min_top1: float | None = None
    """Minimum accuracy of every file, in 0..1."""
    min_int8_parity: float | None = None
    """Minimum fraction of the evaluation images with the same answer of both int8 files, in 0..1."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None:
                _check_range(f"`{field.name}`", field.name, value)

    @classmethod
    def load(cls, file: Path | None, **options: float | None) -> GateConfig:
        """Load the limits of a file. Options override them.

        Args:
            file: A TOML file; None for the defaults.
            **options: Limits by name; None if the option was not given.

        Raises:
            UsageError: The file cannot be read or is not valid, or a value is out of its range.
        """
        given = {name: value for name, value in options.items() if value is not None}
        return cls(**{**(_read_file(file) if file else {}), **given})


def _read_file(file: Path) -> dict[str, float]:
    content = _read_toml(file)
    known = ", ".join(_RANGES)
    for name in content:
        if name != GATE_TABLE:
            raise UsageError(
                f"{file}: {_quote(name)} is unknown; expected one table [{GATE_TABLE}] with any of {known}"
            )
    table = content.get(GATE_TABLE)
    if not isinstance(table, dict):
        raise UsageError(f"{file}: has no table [{GATE_TABLE}]; expected one with any of {known}")
    for key, value in table.items():
        if key not in _RANGES:
            raise UsageError(f"{file}: [{GATE_TABLE}] {_quote(key)} is unknown; expected any of {known}")
        where = f"{file}: [{GATE_TABLE}] {key}"
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UsageError(f"{where} must be a number, not {_quote(value)}")
        _check_range(where, key, value)
    return {key: float(value) for key, value in table.items()}


def _read_toml(file: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        require_extra("export", "A file of limits (Python 3.10)", "tomli")
        import tomli as tomllib
    try:
        with file.open("rb") as handle:
            content: dict[str, Any] = tomllib.load(handle)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror or error}); expected a TOML file") from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or endless brackets
        raise UsageError(f"{file}: not a TOML file ({first_line(error)})") from error
    return content


def _quote(value: object) -> str:
    """Format any value as one short line."""
    text = f"{value:g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def _check_range(where: str, name: str, value: float) -> None:
    limits = _RANGES[name]
    if not 0 <= value <= limits.highest:
        raise UsageError(f"{where} must be 0..{limits.highest:g}{limits.unit}, not {_quote(value)}")
