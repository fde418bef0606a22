""".keras files that older versions of Keras can read, and that are the same bytes for the same network.

Keras writes every argument of every layer, those too that older versions do not know and then refuse; Python 3.10 has
no Keras after 3.12. It also writes the date. Neither says anything about the network.
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
"""Arguments that came after Keras 3.12, with the defaults that every version means where they are left out."""

SHARED_OBJECT_ID: Final = "shared_object_id"
"""An address in memory, another one in every process; without it, equal objects are made twice."""

SAME_DATE: Final = (1980, 1, 1, 0, 0, 0)
"""The earliest date that a zip archive can hold."""


def save_keras(model: Any, path: Path) -> None:
    """Save a functional `keras.Model`, without its optimizer, whose state would be four times as large as the network.

    Args:
        model: The model; its weights are saved as they are.
        path: Where, ending in .keras.
    """
    # The same layers in a model that was never compiled.
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
    """Load a model without compiling it.

    Raises:
        CorruptModelError: It cannot be read.
    """
    try:
        return keras.models.load_model(path, compile=False)
    except Exception as error:  # Keras raises ValueError, OSError, KeyError, BadZipFile, ...
        raise CorruptModelError(f"{path}: cannot be read ({first_line(error)}); train it anew") from error


def _drop_defaults(config: Any) -> Any:
    """The same configuration without those arguments that older versions do not know and that hold their defaults."""
    if isinstance(config, dict):
        return {
            key: _drop_defaults(value)
            for key, value in config.items()
            if key != SHARED_OBJECT_ID and (key not in UNKNOWN_TO_KERAS_3_12 or value != UNKNOWN_TO_KERAS_3_12[key])
        }
    if isinstance(config, list):
        return [_drop_defaults(item) for item in config]
    return config
