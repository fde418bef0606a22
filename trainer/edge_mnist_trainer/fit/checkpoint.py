"""Save and load the state of a run between two epochs, so that a killed run can resume with the same result.

checkpoint.npz contains the record and every variable of the model and its optimizer: weights, their moving average,
AdamW's moments, the step, the state of dropout. All other state follows from the seed and the epoch.
"""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.errors import CorruptModelError, UsageError, first_line
from edge_mnist_runtime.paths import exists
from edge_mnist_trainer.run_folder import CHECKPOINT_FILE, RECORD_FILE, RunFolder
from edge_mnist_trainer.run_record import RunRecord

FIXED_KEYS: Final = (
    *("architecture", "options", "config", "dataset", "transfer_set", "started_from", "preprocess", "versions"),
)
"""Entries of the record that must be the same when a run is resumed."""

_LESSONS: Final = {
    "transfer_set": ("with a transfer set; name it again with `transfer_set`", "transfer_set"),
    "started_from": ("from trained weights; name them again with `start_from`", "start_from"),
}
"""What to say of a run that was begun with a lesson and is resumed without it, and the parameter that names one."""


def write_checkpoint(folder: RunFolder, model: Any, record: RunRecord) -> None:
    """Save the state of a compiled model; the older checkpoint is replaced only when this one is complete."""
    arrays: Any = {f"variable_{number}": np.asarray(value) for number, value in enumerate(_variables(model))}
    arrays["record"] = np.frombuffer(record.to_json().encode(), np.uint8)

    def write(path: Any) -> None:
        with path.open("wb") as handle:
            np.savez(handle, **arrays)

    folder.replace(CHECKPOINT_FILE, write)


def read_checkpoint(folder: RunFolder, model: Any, expected: RunRecord) -> RunRecord:
    """Load a checkpoint into a compiled model.

    Args:
        folder: The run to resume.
        model: A compiled model of the same architecture.
        expected: A new record with the current settings and data; those of the checkpoint must be the same.

    Returns:
        The record in the checkpoint, with the finished epochs. `expected` itself for a run that was killed in its first
        epoch.

    Raises:
        UsageError: There is no checkpoint, or it has other settings or data.
        CorruptModelError: It cannot be read.
    """
    path = folder.path / CHECKPOINT_FILE
    if not exists(path):
        begun = folder.read_record()
        if len(begun.epochs) <= 1:  # killed before the first checkpoint, which is written before epoch 2
            _check_same(folder, begun, expected)
            return expected
        raise UsageError(f"{folder.path}: holds no {CHECKPOINT_FILE} to resume from; start again with `force=True`")
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as archive:  # NumPy leaves files open
            arrays = {name: archive[name] for name in archive.files}
        record = RunRecord.from_json(arrays.pop("record").tobytes())
        _check_same(folder, record, expected)
        for number, variable in enumerate(_variables(model)):
            variable.assign(arrays[f"variable_{number}"])
    except UsageError:
        raise
    except Exception as error:  # zipfile and NumPy raise OSError, BadZipFile, ValueError, NotImplementedError, ...
        raise CorruptModelError(
            f"{path}: cannot be read ({first_line(error)}); remove it and start again with `force=True`"
        ) from error
    return record


def _check_same(folder: RunFolder, record: RunRecord, expected: RunRecord) -> None:
    then, today = (json.loads(one.to_json()) for one in (record, expected))
    for key in FIXED_KEYS:
        if then[key] != today[key]:
            raise UsageError(
                f"{folder.path / RECORD_FILE}: the run was begun {_explain(key, then[key], today[key])}, "
                "or start again with `force=True`"
            )


def _explain(key: str, before: Any, now: Any) -> str:
    if key in _LESSONS and now is None:
        return _LESSONS[key][0]
    if key in _LESSONS and before is None:
        return f"without `{_LESSONS[key][1]}`; resume it without"
    detail = _difference(before, now) if isinstance(before, dict) and isinstance(now, dict) else ""
    return f"with another {key}{detail}; resume it with the same"


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str:
    name = next(name for name in (*before, *now) if before.get(name) != now.get(name))
    return f" ({name} {before.get(name)}, now {now.get(name)})"


def _variables(model: Any) -> list[Any]:
    return [*model.variables, *model.optimizer.variables]
