"""The options that an engine really applies, which may differ from those requested."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class EngineInfo:
    """The options that an engine really applies."""

    backend: str
    """`onnxruntime`, `litert` or `native`."""
    backend_version: str
    providers: tuple[str, ...] | None
    """The session's execution providers, in order; None for others, which have none."""
    threads: int
    """Threads for one call; 0 in a caller's session means that onnxruntime chooses."""
    spin: bool
    low_memory: bool
    exact_sums: bool | None
    """Whether onnxruntime computes int8 sums exactly, for a file that can saturate here; None for others."""
    callers_session: bool = False
    """Whether the caller made the session."""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
