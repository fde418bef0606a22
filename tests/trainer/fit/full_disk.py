"""Train into folders on a disk that becomes full: `full_disk.py DIGITS.npz FOLDER CASES`, JSON on standard output.

CASES is a JSON list: the epoch, counted from 0, in which the disk becomes full, and whether at its end.

A process of its own, because the limit on the size of files is one of the whole process.
"""

from __future__ import annotations

import json
import resource
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import OutputError
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.fit.training import train
from edge_mnist_trainer.networks.architectures import custom_architecture
from edge_mnist_trainer.run_folder import create_run_folder


class FullDisk(keras.callbacks.Callback):
    """Limits files to a few bytes, and records the weights after every epoch."""

    def __init__(self, *, epoch: int, at_end: bool) -> None:
        super().__init__()
        self.epoch, self.at_end, self.after_epochs = epoch, at_end, []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch and not self.at_end:
            self._fill()

    def on_epoch_end(self, epoch, logs=None):
        self.after_epochs.append(self.model.get_weights())
        if epoch == self.epoch and self.at_end:
            self._fill()

    def _fill(self) -> None:
        # Python ignores SIGXFSZ: a longer write fails with EFBIG.
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))


def train_until_full(digits: DigitSet, path: Path, epoch: int, at_end: bool) -> dict[str, object]:
    tiny = custom_architecture(filters=(4,), pool=4, dense=())
    config = replace(tiny.config, epochs=3, batch_size=50, augmentation=None, longest_average_steps=0, keep="last")
    folder, disk = create_run_folder(path), FullDisk(epoch=epoch, at_end=at_end)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        train(digits, tiny, config, folder, callbacks=(disk,))
        error = ""
    except OutputError as raised:
        error = str(raised)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    epochs = len(folder.read_record().epochs)
    kept = keras.models.load_model(folder.model_path, compile=False).get_weights()
    last = disk.after_epochs[epochs - 1]
    return {
        "error": error,
        "epochs": epochs,
        "keeps_last_epoch": all(np.array_equal(*pair) for pair in zip(kept, last, strict=True)),
        "files": sorted(file.name for file in path.iterdir()),
    }


def main() -> None:
    arrays = np.load(sys.argv[1])
    training, validation = (
        LabelledDigits("drawn", split, arrays[f"{split}_images"], arrays[f"{split}_labels"])
        for split in ("train", "validation")
    )
    digits = DigitSet(training, validation, test=None)
    results = [
        train_until_full(digits, Path(sys.argv[2]) / str(number), epoch, at_end)
        for number, (epoch, at_end) in enumerate(json.loads(sys.argv[3]))
    ]
    print(json.dumps(results))


if __name__ == "__main__":
    main()
