"""Save .keras files that older versions of Keras can read, with the same bytes for the same network.

Keras writes every argument of every layer, and older versions refuse arguments that they do not know. Keras 3.12 is the
last version for Python 3.10. Keras also writes the date. This module removes both.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any, Final

import keras

from edge_mnist_runtime.errors import CorruptModelError, first_line

UNKNOWN_TO_KERAS_3_12: Final = {
    "input_axes": None,
    "output_axes": None,
    "quantization_config": None,
    "renorm": False,
    "renorm_clipping": None,
    "renorm_momentum": 0.99,
}
"""Arguments added after Keras 3.12, with their defaults, which every version uses if they are absent."""

SHARED_OBJECT_ID: Final = "shared_object_id"
"""A memory address, different in every process. Without it, Keras loads shared objects as separate equal ones."""

SAME_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip archive can hold."""


def save_keras(model: Any, path: Path) -> None:
    """Save a functional `keras.Model` without its optimizer, whose state is four times as large as the network.

    Args:
        model: The model; its current weights are saved.
        path: The file to write, ending in .keras.
    """
    # A new, uncompiled model of the same layers has no optimizer.
    keras.Model(model.input, model.output, name=model.name).save(path)
    with zipfile.ZipFile(path) as archive:
        entries = {name: archive.read(name) for name in archive.namelist()}
    entries["config.json"] = json.dumps(_drop_defaults(json.loads(entries["config.json"]))).encode()
    metadata = json.loads(entries["metadata.json"])
    entries["metadata.json"] = json.dumps({"keras_version": metadata["keras_version"]}).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name, SAME_DATE), data)


def load_keras(path: Path) -> Any:
    """Load a .keras file without compiling the model.

    Raises:
        CorruptModelError: It cannot be read.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises ValueError, OSError, KeyError, BadZipFile, ...
        raise CorruptModelError(f"{path}: cannot be read ({first_line(error)}); train it again") from error


def _drop_defaults(config: Any) -> Any:
    """Remove arguments that older versions do not know, if they have their default values, and shared object ids."""
    if isinstance(config, dict):
        return {
            key: _drop_defaults(value)
            for key, value in config.items()
            if key != SHARED_OBJECT_ID and (key not in UNKNOWN_TO_KERAS_3_12 or value != UNKNOWN_TO_KERAS_3_12[key])
        }
    if isinstance(config, list):
        return [_drop_defaults(item) for item in config]
    return config
