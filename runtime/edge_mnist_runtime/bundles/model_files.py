"""Open a model by path or name: a bundle, a single file, or a model inside this package."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, find_bundled, read_package_file
from edge_mnist_runtime.bundles.opened import OpenedModel
from edge_mnist_runtime.bundles.program_formats import describe_use
from edge_mnist_runtime.engines import DEFAULT_OPTIONS, MODEL_SUFFIXES, Engine, suffix_of
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.engines.options import (
    FORMAT_OF,
    SUFFIXES_OF,
    Backend,
    EngineOptions,
    default_backend,
    require_backend,
)
from edge_mnist_runtime.errors import ContractError, ManifestError, SignatureError, UsageError
from edge_mnist_runtime.paths import describe_missing, describe_unreadable, explain, is_url

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime

    from edge_mnist_runtime.bundles.manifest import Artifact, Manifest
    from edge_mnist_runtime.bundles.signature import SignaturePolicy

PREFERRED_PRECISIONS: Final = ("int8", "mixed", "fp16", "fp32")
"""Order of preference among a bundle's files of one format."""


def open_model(
    model: str | os.PathLike[str] | None = None,
    *,
    backend: Backend | None = None,
    options: EngineOptions = DEFAULT_OPTIONS,
) -> Engine:
    """Open a bundle's preferred model, a single model file, or a model inside this package.

    Raises:
        As `DigitClassifier` does.
    """
    return find_and_open(model, backend=backend, options=options).engine


def find_and_open(
    model: str | os.PathLike[str] | None = None,
    *,
    backend: Backend | None = None,
    options: EngineOptions = DEFAULT_OPTIONS,
    policy: SignaturePolicy | None = None,
) -> OpenedModel:
    """Like `open_model`, but also return how the model was chosen.

    The suffix of a single file decides the back end. The models inside this package are .onnx files. With a `policy`
    only a bundle whose signature it accepts is opened.

    Raises:
        As `DigitClassifier` does.
    """
    require_backend(backend)
    path = "" if model is None else os.path.normpath(_as_text(model))
    if policy is not None and not os.path.isdir(path):
        raise SignatureError(f"{path or 'the built-in model'}: not a bundle folder, and only a bundle has a signature")
    if bundled := find_bundled(path or None):
        return _open_bundled(bundled, backend, options)
    if os.path.isdir(path):
        return _open_bundle(path, backend, options, policy)
    if os.path.exists(path) and suffix_of(path) not in MODEL_SUFFIXES:
        if use := describe_use(suffix_of(path)):
            raise UsageError(f"{path}: {use}; name the .tflite or .onnx file instead")
        raise UsageError(f"{path}: not a model; expected a bundle folder or a file ending in .onnx or .tflite")
    require_runnable(path, backend)
    if suffix_of(path) in SUFFIXES_OF["lib"] and os.path.exists(path):
        return _open_library(path, options)
    try:
        data = _read(path)
    except PermissionError as error:
        raise UsageError(describe_unreadable(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        problem = describe_missing(path, "file") if is_url(path) else f"{path}: cannot be opened ({explain(error)})"
        raise UsageError(
            f"{problem}; expected a bundle folder, a file ending in .onnx or .tflite, or one of "
            f"{', '.join(BUNDLED_MODELS)}"
        ) from error
    return OpenedModel(open_engine(data, file_name=path, options=options), path)


def _open_bundled(path: str, backend: Backend | None, options: EngineOptions) -> OpenedModel:
    """Open a model inside this package: its ONNX file, its compiled library, or the faster one if there are both."""
    file = os.path.basename(path)
    require_runnable(
        file,
        None if backend == "native" else backend,
        remedy="the models inside this package are .onnx files and compiled libraries; name a bundle",
    )
    if backend == "auto":
        from edge_mnist_runtime.bundles.backend_choice import choose_bundled

        return choose_bundled(path, options)
    if (backend or default_backend()) == "native":
        from edge_mnist_runtime.bundles.libraries import require_bundled_library

        library, data = require_bundled_library(file.removesuffix("_int8.onnx"))
        return OpenedModel(open_engine(data, file_name=library, options=options), library)
    return OpenedModel(open_engine(read_package_file(path), file_name=file, options=options), file)


def _open_library(path: str, options: EngineOptions) -> OpenedModel:
    """Open a compiled library of a bundle. Its hash is proved first, because loading it runs its code."""
    from pathlib import Path

    from edge_mnist_runtime.bundles.manifest import MANIFEST_FILE, Manifest, read_proved

    library = Path(path)
    if not (library.parent / MANIFEST_FILE).exists():
        raise UsageError(
            f"{path}: a library is loaded only from its bundle, and there is no {MANIFEST_FILE} beside it; name a "
            "library inside the bundle that `edge-mnist export` made"
        )
    hashes = Manifest.load(library.parent).hashes()
    if library.name not in hashes:
        raise ManifestError(f"{path}: not in the manifest of its bundle; export the bundle again")
    data = read_proved(library, hashes[library.name])
    return OpenedModel(open_engine(data, file_name=path, options=options), path)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def over_session(
    session: onnxruntime.InferenceSession,
    model: str | os.PathLike[str] | None,
    backend: Backend | None,
    options: EngineOptions,
) -> OpenedModel:
    """Use an onnxruntime session that the caller opened.

    Raises:
        UsageError: It is no session, or an argument is given that a session already decides.
        ContractError: Its model has no contract, or one that this version cannot read.
    """
    given = {
        "model": model is not None,
        "threads": options.threads != 1,
        "backend": backend not in (None, "onnxruntime"),
    }
    for name in [name for name, is_given in given.items() if is_given] + options.beyond_threads():
        raise UsageError(f"{name}: a session has its own model and options; omit {name}, or omit session")
    from edge_mnist_runtime.engines.onnx_session import OnnxSession

    return OpenedModel(OnnxSession.from_session(session), "session")


def require_digits(engine: Engine, origin: str) -> Engine:
    """Return the engine, or raise `ContractError`, which names `origin`, unless it reads digits."""
    contract = engine.contract
    if not contract.reads_digits:
        raise ContractError(
            f"{origin}: not a digit classifier (images of {contract.image_shape}, {len(contract.labels)} classes); "
            "only `info`, `verify` and `open_model` take it"
        )
    return engine


def _as_text(model: str | os.PathLike[str]) -> str:
    try:
        text = os.fsdecode(model)
    except TypeError:
        text = ""
    if not text:
        given = "an empty text" if isinstance(model, str) else f"a {type(model).__name__}"
        raise UsageError(f"{given} does not name a model; expected a path, or the name of a model inside this package")
    return text


def require_runnable(
    file: str, backend: Backend | None, *, remedy: str = "its suffix decides; name another file, or its bundle"
) -> None:
    """Raise `UsageError`, which ends with `remedy`, if `backend` does not run files of that suffix."""
    suffix, wanted = suffix_of(file), FORMAT_OF.get(backend or "auto")
    if wanted and suffix in MODEL_SUFFIXES and suffix not in SUFFIXES_OF[wanted]:
        raise UsageError(f"{file}: {backend} does not run {suffix} files; {remedy}")


def _open_bundle(
    path: str, backend: Backend | None, options: EngineOptions, policy: SignaturePolicy | None
) -> OpenedModel:
    from pathlib import Path  # costs 3 ms of a cold start; bundled models and single files do not need it

    from edge_mnist_runtime.bundles.manifest import Manifest, read_proved

    # The link `current` of an installation may be replaced while files are read; all must be from one bundle.
    folder = Path(os.path.realpath(path) if os.path.islink(path) else path)
    manifest = Manifest.load(folder, policy)
    manifest.require_runnable(folder)
    if backend == "auto":
        from edge_mnist_runtime.bundles.backend_choice import choose_fastest

        return choose_fastest(folder, manifest, options)
    artifact = _preferred(folder, manifest, FORMAT_OF[backend or default_backend()])
    chosen = folder / artifact.file
    engine = open_engine(read_proved(chosen, artifact.sha256), file_name=str(chosen), options=options)
    return OpenedModel(engine, str(chosen))


def _preferred(folder: Path, manifest: Manifest, format_name: str) -> Artifact:
    by_precision = {artifact.precision: artifact for artifact in manifest.runnable if artifact.format == format_name}
    for precision in (*PREFERRED_PRECISIONS, *by_precision):
        if artifact := by_precision.get(precision):
            return artifact
    name = {"onnx": "ONNX model", "tflite": "TFLite model", "lib": "library for this machine"}[format_name]
    raise ManifestError(f"{folder}: the bundle has no {name}; choose another `backend`, like auto, or name a file")
