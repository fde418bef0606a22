"""Read Keras models from disk: a .keras file, a legacy .h5 file, or a SavedModel folder.

The content of a file, not its name, decides how it is read. Code inside a model does not run unless the user allows it:
a Lambda layer contains Python code, and operations of a SavedModel can read and write files.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from edge_mnist_exporter.source.keras_int8 import with_float_weights
from edge_mnist_exporter.source.model_config import (
    Config,
    compute_in_float32,
    find_module,
    list_layers_with_code,
    repair_config,
)
from edge_mnist_exporter.source.saved_model import read_saved_model
from edge_mnist_runtime.errors import (
    CorruptModelError,
    EdgeMnistError,
    UnsupportedModelError,
    UsageError,
    first_line,
)

MODEL_SUFFIXES: Final = (".keras", ".h5", ".hdf5")

HDF5_SIGNATURE: Final = b"\x89HDF\r\n\x1a\n"

CONFIG_FILE: Final = "config.json"
"""File with the configuration in a .keras file, which is a zip archive."""

CONFIG_ATTRIBUTE: Final = "model_config"
"""Attribute with the configuration in an HDF5 file."""

WEIGHT_GROUPS: Final = ("model_weights", "layers", "_layer_checkpoint_dependencies", "vars")
"""Groups with weights in an HDF5 file, written by `save` or `save_weights`."""

UNKNOWN_CLASS: Final = re.compile(r"(?:Could not locate class|Unknown layer:) '(?:.*>)?(?P<name>[^']+)'")
"""Keras's message about an unknown layer class, in a .keras and in an .h5 file."""

CAUSE: Final = re.compile(r"Exception encountered: (?P<cause>[^\n]+)")
"""The cause at the end of a Keras message, behind the whole configuration."""


class LoadedModel(NamedTuple):
    """A model read from disk."""

    keras_model: Any
    """A `keras.Model`."""
    sha256: str
    """SHA-256 of the file; of a SavedModel, over the names and contents of its files."""
    notes: tuple[str, ...] = ()
    """Repairs of the loaded copy, for the report."""


def read_model(path: Path, *, unsafe: bool = False) -> LoadedModel:
    """Load a Keras model, saved by this or an older version of Keras.

    Args:
        path: A .keras or .h5 file, or a SavedModel folder.
        unsafe: Allow code inside the model to run.

    Raises:
        UsageError: It cannot be opened.
        CorruptModelError: It is not a Keras model, or is damaged.
        UnsupportedModelError: It needs code that may not run, or classes that the installed Keras does not have. Or it
            is a SavedModel without exactly one input and one output.
    """
    if path.is_dir():
        model, sha256, notes = read_saved_model(path, unsafe=unsafe)
        return LoadedModel(model, sha256, tuple(notes))
    return _read_file(path, unsafe=unsafe)


def find_suffix(data: bytes) -> str | None:
    """The suffix for a file with these bytes: `.keras` or `.h5`; None if they are not a Keras model."""
    if data.startswith(HDF5_SIGNATURE):
        return ".h5"
    try:
        names = zipfile.ZipFile(io.BytesIO(data)).namelist()
    except (zipfile.BadZipFile, ValueError):
        return None
    return ".keras" if CONFIG_FILE in names else None


def read_model_file(path: Path) -> bytes:
    """Read a .keras or .h5 file and check its format without importing Keras, which is slow.

    Raises:
        UsageError: It cannot be opened.
        CorruptModelError: It has another format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be opened ({error.strerror or error})") from error
    if find_suffix(data) is None:
        raise CorruptModelError(
            f"{path}: neither a .keras file (a zip archive with {CONFIG_FILE}) nor an HDF5 file, or a damaged one; "
            "save the model again"
        )
    return data


def _read_file(path: Path, *, unsafe: bool) -> LoadedModel:
    data = read_model_file(path)
    with tempfile.TemporaryDirectory() as folder:
        # Load exactly the hashed bytes: a training run may replace the file between hashing and loading.
        copy = Path(folder) / f"model{find_suffix(data)}"
        copy.write_bytes(data)
        config = _read_config(copy, path)
        with _refusing_malformed(path):
            notes = compute_in_float32(config)
        model, repairs = _load(copy, path, config, is_changed=bool(notes), unsafe=unsafe)
    model, casts = with_float_weights(model, path)
    return LoadedModel(model, hashlib.sha256(data).hexdigest(), (*repairs, *notes, *casts))


@contextmanager
def _refusing_malformed(path: Path) -> Iterator[None]:
    """Raise `CorruptModelError` if a configuration does not have the structure of a Keras configuration."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise CorruptModelError(
            f"{path}: its configuration describes no Keras model ({first_line(error)}); save the model again"
        ) from error


def _load(copy: Path, path: Path, config: Config, *, is_changed: bool, unsafe: bool) -> tuple[Any, list[str]]:
    """Load a file unchanged, else with its configuration repaired. May change `config` and `copy`."""
    import keras

    repairs: list[str] = []
    while True:
        try:
            if is_changed:
                _write_config(copy, config)
            return keras.models.load_model(copy, compile=False, safe_mode=not unsafe), repairs
        except Exception as error:  # keras raises ValueError, KeyError, OSError, TypeError, ...
            with _refusing_malformed(path):
                may_help = not repairs and _is_whole(copy) and (unsafe or not list_layers_with_code(config))
                repairs = repair_config(config) if may_help else []
            is_changed = bool(repairs)
            if not is_changed:
                raise _explain(path, copy, config, error, unsafe=unsafe) from error


def _read_config(copy: Path, path: Path) -> Config:
    """The configuration of the model in `copy`; `path` is the original file, for messages."""
    try:
        config = json.loads(_read_config_text(copy))
    except Exception as error:  # zipfile, zlib, h5py and json raise many classes
        raise CorruptModelError(f"{path}: holds no Keras model that can be read ({first_line(error)})") from error
    if config is None and not _holds_weights(copy):
        raise CorruptModelError(f"{path}: an HDF5 file that holds no Keras model; save the model again")
    if config is None:
        raise UnsupportedModelError(
            f"{path}: holds weights alone, without a network; save the whole model: model.save(FILE.keras)"
        )
    if not isinstance(config, dict) or not {"class_name", "config"} <= config.keys():
        raise CorruptModelError(f"{path}: holds no Keras model (its {CONFIG_FILE} describes something else)")
    return config


def _read_config_text(copy: Path) -> str | bytes:
    """The configuration as JSON text; `null` for an HDF5 file without one."""
    import h5py

    if copy.suffix == ".keras":
        return zipfile.ZipFile(copy).read(CONFIG_FILE)
    with h5py.File(copy) as file:
        text: str | bytes = file.attrs.get(CONFIG_ATTRIBUTE, "null")
    return text


def _holds_weights(copy: Path) -> bool:
    """Whether a file holds weights, with or without a configuration."""
    import h5py

    if copy.suffix == ".keras":
        return any(name.startswith("model.weights.") for name in zipfile.ZipFile(copy).namelist())
    with h5py.File(copy) as file:
        return "layer_names" in file.attrs or any(name in file for name in WEIGHT_GROUPS)


def _write_config(copy: Path, config: Config) -> None:
    import h5py

    if copy.suffix == ".keras":
        with zipfile.ZipFile(copy) as archive:
            contents = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(copy, "w") as archive:
            for name, content in {**contents, CONFIG_FILE: json.dumps(config).encode()}.items():
                archive.writestr(name, content)
    else:
        with h5py.File(copy, "r+") as file:
            file.attrs[CONFIG_ATTRIBUTE] = json.dumps(config)


def _is_whole(copy: Path) -> bool:
    """Whether a .keras file passes the checksums of its zip archive; always true for .h5, which has none."""
    return copy.suffix != ".keras" or zipfile.ZipFile(copy).testzip() is None


def _explain(path: Path, copy: Path, config: Config, error: Exception, *, unsafe: bool) -> EdgeMnistError:
    """The error for a file that Keras did not load; `copy` is the file that was tried."""
    if not _is_whole(copy):
        return CorruptModelError(f"{path}: is damaged ({first_line(error)}); save the model again")
    with_code = [] if unsafe else list_layers_with_code(config)
    if with_code:
        return UnsupportedModelError(
            f"{path}: the layer {', '.join(with_code)} holds Python code (a Lambda), which would run here; replace it "
            "by layers, or add `unsafe=True` if you trust whoever made the file"
        )
    if not _holds_weights(copy):
        return CorruptModelError(f"{path}: holds a network without its weights; save the whole model again")
    unknown = UNKNOWN_CLASS.search(str(error))
    if unknown and find_module(unknown["name"]) is None:
        return UnsupportedModelError(
            f"{path}: holds a layer of the class {unknown['name']}, which is not one of Keras's; save the model as a "
            "SavedModel (model.export(FOLDER)), which needs no classes"
        )
    causes = CAUSE.findall(str(error))
    cause = first_line(ValueError(causes[-1]) if causes else error).replace(str(copy), str(path))
    return UnsupportedModelError(
        f"{path}: Keras cannot load this model ({cause}); with the Keras that made it, save it again as .keras or as a "
        "SavedModel (model.export(FOLDER))"
    )
