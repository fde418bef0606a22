"""The limits of the service."""

from __future__ import annotations

from dataclasses import dataclass, field

from edge_mnist_runtime.errors import UsageError


@dataclass(frozen=True)
class ServiceConfig:
    """Who may call the service, and how much it accepts.

    Raises:
        UsageError: A limit is out of range.
    """

    token: str | None = field(default=None, repr=False)
    """Bearer token that /classify and /metrics require; None needs none."""
    max_bytes: int = 8_000_000
    """Maximum size of a request body, in bytes. 8,000,000 hold 10,204 tensors."""
    max_requests: int = 32
    """Maximum number of /classify requests in progress, those that still arrive included. Others get status 503."""
    timeout_s: float = 10.0
    """Time from the head of a request to its answer, in seconds. It includes receiving the body and waiting."""

    def __post_init__(self) -> None:
        if self.max_bytes < 784:
            raise UsageError(f"`max_bytes` is {self.max_bytes}; expected at least 784, the size of a tensor")
        if self.max_requests < 1:
            raise UsageError(f"`max_requests` is {self.max_requests}; expected at least 1")
        if not 0 < self.timeout_s <= 3600:  # also false for NaN
            raise UsageError(f"`timeout_s` is {self.timeout_s:g}; expected more than 0 and at most 3600 seconds")
