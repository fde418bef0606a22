"""Open onnxruntime sessions with our options, and report what a session really uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import onnxruntime

from edge_mnist_runtime.engines.external_data import require_one_file
from edge_mnist_runtime.engines.file_kind import describe_kind, is_onnx
from edge_mnist_runtime.engines.options import EngineOptions
from edge_mnist_runtime.errors import CorruptModelError, UsageError, first_line

if TYPE_CHECKING:
    from edge_mnist_runtime.engines.info import EngineInfo

BACKEND: Final = "onnxruntime"
"""The name of this back end."""

PROCESSOR: Final = "CPUExecutionProvider"

SPINNING: Final = "session.intra_op.allow_spinning"
EXACT_SUMS: Final = "session.x64quantprecision"
LEAN_WEIGHTS: Final = "session.use_device_allocator_for_initializers"
"""Allocate weights at their exact size. The default arena grows in powers of two."""


def open_session(
    model: bytes,
    origin: str,
    options: EngineOptions | None = None,
    profile_prefix: str | None = None,
    exact: bool = False,
) -> onnxruntime.InferenceSession:
    """Open a session. Every session of this project is opened here.

    Args:
        model: The whole file.
        origin: Its name or path, for error messages.
        options: Threads, memory and providers. None: onnxruntime's own defaults, on the CPU, as in other programs.
        profile_prefix: As for `OnnxSession`.
        exact: Compute int8 sums exactly.

    Raises:
        CorruptModelError: onnxruntime cannot read the model.
        UsageError: A provider is unknown or does not start here, or the model keeps weights in other files.
    """
    require_one_file(model, origin)
    providers = options.providers if options else ()
    _require_providers(providers)
    settings = _session_options(options, exact=exact)
    if profile_prefix is not None:
        settings.enable_profiling, settings.profile_file_prefix = True, profile_prefix
    try:
        # Without fallback onnxruntime raises an error. With it, it prints the error and tries another provider.
        session = onnxruntime.InferenceSession(
            model, settings, providers=list(providers) or [PROCESSOR], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's own classes derive from Exception directly
        if not is_onnx(model) and (kind := describe_kind(model)):
            raise CorruptModelError(f"{origin}: not an ONNX model, but {kind}") from error
        raise CorruptModelError(f"{origin}: onnxruntime cannot read this model ({first_line(error)})") from error
    # onnxruntime silently drops a provider whose libraries it cannot load.
    missing = [name for name in providers if name not in session.get_providers()]
    if missing:
        raise UsageError(f"onnxruntime has {', '.join(missing)}, but cannot start it here; install its libraries")
    return session


def _session_options(options: EngineOptions | None, *, exact: bool) -> onnxruntime.SessionOptions:
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4  # do not print errors: they are raised as exceptions
    if exact:
        settings.add_session_config_entry(EXACT_SUMS, "1")
    if options is None:
        return settings
    # A network of this size is done before a second thread wakes up, and a spinning thread pool wastes a core.
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.add_session_config_entry(SPINNING, str(int(options.spin)))
    if options.low_memory:
        # The arena stays: without it single calls use 0.2 MB less, but the heap fragments, and long batches use 14 MB
        # more. Weights that are not prepacked would save 0.4 MB and double the time.
        settings.add_session_config_entry(LEAN_WEIGHTS, "1")
    return settings


def _require_providers(names: tuple[str, ...]) -> None:
    available = onnxruntime.get_available_providers() if names else []
    for name in names:
        if name not in available:
            raise UsageError(f"{name}: this onnxruntime has no such execution provider; it has {', '.join(available)}")


def describe_session(session: onnxruntime.InferenceSession, *, callers: bool) -> EngineInfo:
    """Describe the options that a session reports. `callers`: whether the caller made the session."""
    from edge_mnist_runtime.engines.info import EngineInfo

    settings = session.get_session_options()

    def entry(key: str, default: str) -> bool:
        try:
            return bool(settings.get_session_config_entry(key) == "1")
        except RuntimeError:  # not set
            return default == "1"

    return EngineInfo(
        backend=BACKEND,
        backend_version=str(onnxruntime.__version__),
        providers=tuple(session.get_providers()),
        threads=int(settings.intra_op_num_threads),
        spin=entry(SPINNING, "1"),
        low_memory=entry(LEAN_WEIGHTS, "0"),
        exact_sums=entry(EXACT_SUMS, "0"),
        callers_session=callers,
    )
