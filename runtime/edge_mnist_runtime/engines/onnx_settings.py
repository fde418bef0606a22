"""onnxruntime's sessions: opened with the options that are asked for, and asked what they really use."""

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
"""Its name among the back ends."""

PROCESSOR: Final = "CPUExecutionProvider"

SPINNING: Final = "session.intra_op.allow_spinning"
EXACT_SUMS: Final = "session.x64quantprecision"
LEAN_WEIGHTS: Final = "session.use_device_allocator_for_initializers"
"""Weights in as many bytes as they have, instead of in an arena that grows in powers of two."""


def open_session(
    model: bytes, origin: str, options: EngineOptions, profile_prefix: str | None, exact: bool
) -> onnxruntime.InferenceSession:
    """Open a session as `OnnxSession` is asked to; its arguments are described there.

    Raises:
        CorruptModelError: onnxruntime cannot read the model.
        UsageError: There is no such provider, it cannot be started here, or the model keeps weights in other files.
    """
    require_one_file(model, origin)
    _require_providers(options.providers)
    settings = _session_options(options, exact=exact)
    if profile_prefix is not None:
        settings.enable_profiling, settings.profile_file_prefix = True, profile_prefix
    try:
        # Providers are named and fallback is off: an error is raised, not printed and retried elsewhere.
        session = onnxruntime.InferenceSession(
            model, settings, providers=list(options.providers) or [PROCESSOR], enable_fallback=0
        )
    except Exception as error:  # onnxruntime's own classes derive from Exception directly
        if not is_onnx(model) and (kind := describe_kind(model)):
            raise CorruptModelError(f"{origin}: not an ONNX model, but {kind}") from error
        raise CorruptModelError(f"{origin}: onnxruntime cannot read this model ({first_line(error)})") from error
    # onnxruntime goes on without a provider whose libraries it cannot load.
    missing = [name for name in options.providers if name not in session.get_providers()]
    if missing:
        raise UsageError(f"onnxruntime has {', '.join(missing)}, but cannot start it here; install what it needs")
    return session


def _session_options(options: EngineOptions, *, exact: bool) -> onnxruntime.SessionOptions:
    settings = onnxruntime.SessionOptions()
    # A net of this size is done before a second thread has woken up, and a spinning pool burns a core for nothing.
    settings.intra_op_num_threads = options.threads
    settings.inter_op_num_threads = 1
    settings.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    settings.add_session_config_entry(SPINNING, str(int(options.spin)))
    if exact:
        settings.add_session_config_entry(EXACT_SUMS, "1")
    if options.low_memory:
        # The arena stays: without it the heap fragments, which took 14 MB more in long batches to save 0.2 in single
        # calls. Unpacked weights would save 0.4 MB, and take twice the time.
        settings.add_session_config_entry(LEAN_WEIGHTS, "1")
    settings.log_severity_level = 4  # errors arrive as exceptions; onnxruntime need not print them too
    return settings


def _require_providers(names: tuple[str, ...]) -> None:
    available = onnxruntime.get_available_providers() if names else []
    for name in names:
        if name not in available:
            raise UsageError(f"{name}: no execution provider of this onnxruntime; it has {', '.join(available)}")


def describe_session(session: onnxruntime.InferenceSession, *, callers: bool) -> EngineInfo:
    """What a session really uses, as it tells itself; `callers`: whether it is one of the caller's."""
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
