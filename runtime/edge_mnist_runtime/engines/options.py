"""What an engine may be asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from edge_mnist_runtime.errors import UsageError

Backend = Literal["auto", "onnxruntime", "litert"]
"""What runs a model; `auto` is whatever is measured to be fastest here."""

BACKENDS: Final[tuple[str, ...]] = get_args(Backend)

FORMAT_OF: Final = {"onnxruntime": "onnx", "litert": "tflite"}
"""The format that each back end runs; a file's suffix is its format's name."""

MAX_THREADS: Final = 256
"""Engines start every thread they are asked for: a million of them would take the machine's memory."""


def check_count(name: str, count: object) -> None:
    """Raise `UsageError` unless so many threads or processes can be had."""
    if type(count) is not int or not 1 <= count <= MAX_THREADS:
        raise UsageError(f"{name} must be a whole number, 1..{MAX_THREADS}, not {count!r}")


@dataclass(frozen=True)
class EngineOptions:
    """How a model is run. An engine that cannot honour one of them refuses it.

    Raises:
        UsageError: `threads` is not in 1..256, or `providers` is no list of names.
    """

    threads: int = 1
    """Threads that one call may use. A net of this size is fastest on one."""
    spin: bool = False
    """Whether waiting threads burn their core for a faster start of the next call. It does nothing for one thread."""
    low_memory: bool = False
    """Whether memory goes before speed: 16 images in one call instead of 128, and weights outside of the arena."""
    providers: tuple[str, ...] = ()
    """onnxruntime's execution providers, the first one first; none named: the processor's. What a provider cannot
    compute, onnxruntime computes on the processor."""

    def __post_init__(self) -> None:
        check_count("threads", self.threads)
        providers: object = self.providers
        if not isinstance(providers, (tuple, list)) or not all(isinstance(name, str) for name in providers):
            raise UsageError(f"providers must be a list of names, as in ['CPUExecutionProvider'], not {providers!r}")
        object.__setattr__(self, "providers", tuple(providers))

    def beyond_threads(self) -> list[str]:
        """Names of the options, but for `threads`, that ask for something else than the default."""
        return [name for name in ("spin", "low_memory", "providers") if getattr(self, name)]


def require_backend(backend: str | None) -> Backend | None:
    """The back end of that name; None stays None.

    Raises:
        UsageError: There is none.
    """
    if backend is not None and backend not in BACKENDS:
        raise UsageError(f"{backend}: no back end; known are {', '.join(BACKENDS)}")
    return backend  # type: ignore[return-value]  # just compared with all of them
