"""What an engine really does, whatever it was asked for."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EngineInfo:
    """What an engine really does."""

    backend: str
    """`onnxruntime` or `litert`."""
    backend_version: str
    providers: tuple[str, ...] | None
    """The session's execution providers, in order; None for LiteRT, which has none."""
    threads: int
    """Threads that one call may use; 0: as many as onnxruntime likes, in a session of the caller's."""
    spin: bool
    low_memory: bool
    exact_sums: bool | None
    """Whether onnxruntime was asked for exact int8 sums, for a file that can saturate here; None for LiteRT."""
    callers_session: bool = False
    """Whether the session is the caller's own."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
