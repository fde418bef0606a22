"""Options of an engine: back end, threads, memory, providers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final, Literal, get_args

from edge_mnist_runtime.errors import UsageError

Backend = Literal["auto", "onnxruntime", "litert", "native"]
"""The library that runs a model; `auto` measures which is fastest here."""

BACKENDS: Final[tuple[str, ...]] = get_args(Backend)

FORMAT_OF: Final = {"onnxruntime": "onnx", "litert": "tflite", "native": "lib"}
"""The format that each back end runs, as manifests name it."""

SUFFIXES_OF: Final = {"onnx": (".onnx",), "tflite": (".tflite",), "lib": (".so", ".dll", ".dylib")}
"""Suffixes of the files of each format."""

MAX_THREADS: Final = 256
"""Upper limit, because engines start as many threads as they are asked for until memory ends."""


@cache
def default_backend() -> Backend:
    """The back end where nobody names one: onnxruntime, or `native` where onnxruntime is not installed."""
    from importlib.util import find_spec

    return "onnxruntime" if find_spec("onnxruntime") else "native"


def check_count(name: str, count: object) -> None:
    """Raise `UsageError` unless `count`, of threads or processes, is a whole number in 1..256."""
    if type(count) is not int or not 1 <= count <= MAX_THREADS:
        raise UsageError(f"`{name}` must be a whole number, 1..{MAX_THREADS}, not {count!r}")


@dataclass(frozen=True)
class EngineOptions:
    """Options of an engine. An engine refuses an option that it does not support.

    Raises:
        UsageError: `threads` is not in 1..256, or `providers` is no list of names.
    """

    threads: int = 1
    """Threads for one call. A network of this size is fastest on one."""
    spin: bool = False
    """Whether idle threads spin: their cores stay busy, and the next call starts sooner. No effect on one thread."""
    low_memory: bool = False
    """Whether to save memory rather than time: 16 images in one call instead of 128, and weights outside the arena."""
    providers: tuple[str, ...] = ()
    """onnxruntime's execution providers in order of preference; empty: the CPU's. onnxruntime runs on the CPU what a
    provider does not support."""

    def __post_init__(self) -> None:
        check_count("threads", self.threads)
        providers: object = self.providers
        if not isinstance(providers, (tuple, list)) or not all(isinstance(name, str) for name in providers):
            raise UsageError(f"providers must be a list of names, as in ['CPUExecutionProvider'], not {providers!r}")
        object.__setattr__(self, "providers", tuple(providers))

    def beyond_threads(self) -> list[str]:
        """Names of all options except `threads` that differ from their default."""
        return [name for name in ("spin", "low_memory", "providers") if getattr(self, name)]


def require_backend(backend: str | None) -> Backend | None:
    """Check the name of a back end, and return it; None stays None.

    Raises:
        UsageError: There is no such back end.
    """
    if backend is not None and backend not in BACKENDS:
        raise UsageError(f"`backend` {backend}: not a back end; known are {', '.join(BACKENDS)}")
    return backend  # type: ignore[return-value]  # compared with all of them above
