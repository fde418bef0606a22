"""Transfer sets: distorted digits with teachers' probabilities, for a small network to learn.

The method is that of Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network" (2015). Teachers and
student see the same distorted images (Beyer et al., "Knowledge distillation: A good teacher is patient and consistent",
2022). If a disturbance follows, as noise or a line, only the student sees it: it does not change which digit it is, and
the teachers misread more disturbed digits than others (as in Xie et al., "Self-training with Noisy Student improves
ImageNet classification", 2020). The teachers run once for any number of students.

    images.npy            uint8, shape (V * N, 28, 28, 1): V views of N digits, view after view
    probabilities.npy     float16, shape (V * N, 10): the teachers' mean; of printed and drawn digits their label
    transfer_set.json     teachers, distortions, data, hashes
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import CorruptModelError, UsageError, first_line
from edge_mnist_runtime.paths import exists
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_trainer.augment.batches import TARGETS, DistortedBatches, SeededBatches
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.run_record import DefinitionRecord, TeachingSplitRecord, TransferSetRecord
from edge_mnist_trainer.typed_json import parse_record

IMAGES_FILE: Final = "images.npy"
PROBABILITIES_FILE: Final = "probabilities.npy"
RECORD_FILE: Final = "transfer_set.json"

LABELLING_BATCH: Final = 1000
"""Images in a teacher's batch."""


@dataclass(frozen=True)
class TransferSet:
    """A transfer set on disk, with memory-mapped arrays."""

    images: npt.NDArray[np.uint8]
    """Shape (V * N, 28, 28, 1)."""
    probabilities: npt.NDArray[np.float16]
    """Shape (V * N, 10)."""
    record: TransferSetRecord
    """The content of transfer_set.json."""

    @property
    def n_views(self) -> int:
        """V, the number of views. A student sees an image again after V epochs."""
        return self.record.views


class TransferBatches(SeededBatches):
    """Shuffled batches of a transfer set, one view an epoch in turn, repeatable by seed."""

    def __init__(self, transfer_set: TransferSet, *, batch_size: int, seed: int) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        self._set = transfer_set
        self._n = len(transfer_set.images) // transfer_set.n_views
        self._shuffle()

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        """Batch `index`: images float32 (B, 28, 28, 1) in 0..1, probabilities float32 (B, 10)."""
        chosen = np.sort(self._chosen(index))
        images = self._set.images[chosen] / np.float32(255)
        return images, self._set.probabilities[chosen].astype(np.float32)

    def _shuffle(self) -> None:
        order = np.random.default_rng((self._seed, self._epoch)).permutation(self._n)
        self._order = order + (self._epoch % self._set.n_views) * self._n


def make_transfer_set(
    digits: LabelledDigits,
    teachers: dict[str, Any],
    augmentation: Augmentation,
    folder: Path,
    *,
    views: int,
    seed: int,
    on_batch: Callable[[int, int], None] = lambda _done, _total: None,
) -> TransferSet:
    """Make a transfer set: distort the training digits `views` times and store the teachers' probabilities.

    Of printed and drawn digits, whose label is certain, the set stores the label; of negatives, equal probabilities.

    Args:
        digits: The training split.
        teachers: Keras models by the SHA-256 of their files; their probabilities are averaged.
        augmentation: The distortions.
        folder: An empty folder.
        views: V, at least 1.
        seed: Seed of the distortions.
        on_batch: Called with the number of finished batches and their total.
    """
    batches = DistortedBatches(digits, augmentation, batch_size=LABELLING_BATCH, seed=seed)
    n = batches.n_images
    # Files are written, not mapped, because a mapped file on a full disk ends the process with SIGBUS.
    with (folder / IMAGES_FILE).open("wb") as images, (folder / PROBABILITIES_FILE).open("wb") as probabilities:
        _begin_array(images, np.uint8, (views * n, 28, 28, 1))
        _begin_array(probabilities, np.float16, (views * n, 10))
        for view in range(views):
            for index in range(len(batches)):
                batch, asked = batches.pixels(index), ~batches.made(index)
                answers = TARGETS[batch.labels]
                if asked.any():
                    values = batch.undisturbed[asked] / np.float32(255)
                    found = [np.asarray(model.predict_on_batch(values)) for model in teachers.values()]
                    answers[asked] = np.mean(found, axis=0)
                images.write(batch.images.tobytes())
                probabilities.write(answers.astype(np.float16).tobytes())
                on_batch(view * len(batches) + index + 1, views * len(batches))
            batches.on_epoch_end()
    record = TransferSetRecord(
        views=views,
        seed=seed,
        teachers=tuple(teachers),
        augmentation=augmentation,
        dataset=TeachingSplitRecord(digits.name, digits.split, len(digits), digits.sha256),
        preprocess=DefinitionRecord(PREPROCESS.version, PREPROCESS.sha256),
    )
    # Written last, because it marks the set as complete.
    (folder / RECORD_FILE).write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")
    return open_transfer_set(folder)


def _begin_array(file: BinaryIO, dtype: npt.DTypeLike, shape: tuple[int, ...]) -> None:
    """Write the header of an .npy file; the values follow in C order."""
    descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
    np.lib.format.write_array_header_1_0(file, {"descr": descr, "fortran_order": False, "shape": shape})


def open_transfer_set(folder: Path) -> TransferSet:
    """Open a transfer set that `make_transfer_set` wrote.

    Raises:
        UsageError: There is none, or it was made with another preprocessing.
        CorruptModelError: It is damaged.
    """
    if not exists(folder / RECORD_FILE):
        raise UsageError(f"{folder}: holds no {RECORD_FILE}; make one with edge-mnist transfer-set")
    try:
        record = parse_record(TransferSetRecord, json.loads((folder / RECORD_FILE).read_text("utf-8")))
        images = np.load(folder / IMAGES_FILE, mmap_mode="r")
        probabilities = np.load(folder / PROBABILITIES_FILE, mmap_mode="r")
        n = len(images)
        whole = images.shape == (n, 28, 28, 1) and probabilities.shape == (n, 10) and n % record.views == 0
    except (OSError, ValueError, EOFError, ZeroDivisionError) as error:
        raise CorruptModelError(f"{folder}: cannot be read ({first_line(error)}); make it again") from error
    if not whole:
        raise CorruptModelError(
            f"{folder}: {len(images)} images but {len(probabilities)} rows of probabilities; make it again"
        )
    if record.preprocess != DefinitionRecord(PREPROCESS.version, PREPROCESS.sha256):
        raise UsageError(f"{folder}: made with another preprocessing than this version's; make it again")
    return TransferSet(images, probabilities, record)
