"""The summary of a complete run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

SUMMARY_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class ArchiveSummary:
    """What a run did. `_summary.json` holds the same."""

    out: str
    sources: tuple[str, ...]
    engine: str
    """Engine of the run that finished."""
    model: str
    model_sha256: str
    rows: int
    """Number of pictures, and of rows."""
    accepted: int
    rejected: dict[str, int]
    """Pictures without an accepted digit, by reason."""
    unreadable: int
    """Pictures that could not be read; `error` says why."""
    digits: dict[str, int]
    """Accepted pictures by digit."""
    parts: int
    """Number of Parquet files."""
    rows_before: int
    """Rows that earlier runs had made."""
    seconds: float
    """Time of this run, with the start of the engine, without finding the pictures."""
    rows_per_second: float | None
    """Rate of this run since every process had made its first part; None for a few parts."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"schema_version": SUMMARY_SCHEMA_VERSION, **asdict(self)}
