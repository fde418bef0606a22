"""Read MNIST's IDX files, and prove them by their hashes.

The format is that of LeCun, Cortes and Burges, "The MNIST database of handwritten digits" (1998): a big-endian magic
number whose last two bytes give dtype and rank, a 32-bit size for each axis, then the raw values.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import os
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_runtime.paths import describe_missing, describe_unreadable, exists, is_file, is_folder, list_folder

if TYPE_CHECKING:
    from mmap import mmap

DATA_VARIABLE: Final = "EDGE_MNIST_DATA"
"""Environment variable with the folder of the four IDX files, or of the user's own digits."""

MNIST_NAME: Final = "mnist"
"""Name of MNIST in tables, reports and cards; only for files with MNIST's hashes."""

MNIST_SHA256: Final = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
"""SHA-256 of each uncompressed IDX file of the canonical MNIST."""

DOTTED: Final = re.compile(r"-(idx[13]-ubyte)")
"""Some copies of MNIST have a dot instead of this hyphen."""

DIGIT: Final = re.compile(r"\d")
DIGIT_OR_HALF: Final = re.compile(r"\d|train|test|training|testing", re.IGNORECASE)
"""Folder names that mean something. Other single folders are wrappers, and are entered."""

LEFT_BY_FILE_MANAGERS: Final = ("thumbs.db", "desktop.ini", "__macosx")
"""Files, in lower case, that Windows and macOS leave in folders and archives. Their other files begin with a dot."""

Half = Literal["train", "t10k"]
"""The two halves of MNIST: 60,000 images (`train`) and 10,000 (`t10k`, the test split)."""

UINT8_IDX_MAGIC: Final = {1: 0x0801, 3: 0x0803}
"""IDX magic number by rank, for uint8 values."""


@dataclass(frozen=True)
class LabelledDigits:
    """Digit images with their labels.

    N is the number of images; H = W = 28.
    """

    name: str
    """Name of the data set in reports, such as `mnist` or `sklearn-digits`."""
    split: str
    """Name of the split, such as `train`, `validation` or `test`."""
    images: npt.NDArray[np.uint8]
    """Pixels, uint8, shape (N, 28, 28, 1), bright ink on black."""
    labels: npt.NDArray[np.uint8]
    """Digits 0..9, uint8, shape (N,)."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def sha256(self) -> str:
        """SHA-256 of the pixels followed by the labels; identifies the images that a figure was measured on."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).tobytes())
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        return digest.hexdigest()

    def take(self, indices: npt.NDArray[np.integer], split: str) -> LabelledDigits:
        """Select the images at `indices` (integers, shape (K,)), in that order, as a split with this name."""
        return LabelledDigits(self.name, split, self.images[indices], self.labels[indices])


def encode_idx(values: npt.NDArray[np.uint8]) -> bytes:
    """Encode `values` (uint8, rank 1 or 3) as an uncompressed IDX file."""
    header = struct.pack(f">I{values.ndim}I", UINT8_IDX_MAGIC[values.ndim], *values.shape)
    return header + np.ascontiguousarray(values).tobytes()


def decode_idx(data: bytes | mmap, *, origin: str) -> npt.NDArray[np.uint8]:
    """Read an uncompressed IDX file of uint8 values.

    Args:
        data: The whole file, or its memory map, of which only the values that are used are read.
        origin: The file's name for the error message.

    Returns:
        A read-only uint8 array with the shape in the header.

    Raises:
        DataError: Header or length do not fit a uint8 IDX file of rank 1 or 3.
    """
    if len(data) < 4:
        raise DataError(f"{origin}: {len(data)} bytes is too short for an IDX file; fetch it again")
    rank = data[3]
    if struct.unpack(">I", data[:4])[0] != UINT8_IDX_MAGIC.get(rank) or len(data) < 4 + 4 * rank:
        raise DataError(f"{origin}: not an IDX file of uint8 values (magic {data[:4].hex()}); fetch it again")
    shape = struct.unpack(f">{rank}I", data[4 : 4 + 4 * rank])
    found, expected = len(data) - 4 - 4 * rank, math.prod(shape)
    if found != expected:
        raise DataError(f"{origin}: header promises {expected} values, file holds {found}; fetch it again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(shape)


def prove_mnist(file_name: str, data: bytes, *, origin: str) -> None:
    """Raise `DataError` unless `data` has the SHA-256 of MNIST's uncompressed file `file_name`."""
    found = hashlib.sha256(data).hexdigest()
    if found != MNIST_SHA256[file_name]:
        raise DataError(
            f"{origin}: SHA-256 {found[:12]}... is not MNIST's {MNIST_SHA256[file_name][:12]}...; fetch the file again"
        )


def find_idx_file(folder: Path, file_name: str) -> Path | None:
    """Find an IDX file in a folder, .gz before uncompressed; None if there is none.

    Also find names like `train-images.idx3-ubyte`, and a file in a folder of its own name, as in Kaggle's copy.
    """
    for name in (file_name, DOTTED.sub(r".\1", file_name)):
        for path in (folder / f"{name}.gz", folder / name):
            if is_file(path, DataNotFoundError):
                return path
            if is_folder(path, DataNotFoundError) and (inside := find_idx_file(path, file_name)):
                return inside
    return None


def innermost_folder(folder: Path, meaningful: re.Pattern[str] = DIGIT_OR_HALF) -> Path:
    """Enter folders that contain only one folder, as unpacked archives do, and return the last one.

    Also enter `MNIST/raw`, where torchvision keeps its digits, whatever is beside it.

    Args:
        folder: A folder; any other path is returned as it is.
        meaningful: Names of folders that are not entered.

    Raises:
        DataNotFoundError: A folder cannot be listed.
    """
    while is_folder(folder, DataNotFoundError):
        raw = folder / "MNIST" / "raw"
        if is_folder(raw, DataNotFoundError):
            return raw
        entries = [path for path in list_folder(folder, DataNotFoundError) if not is_left_by_a_file_manager(path.name)]
        if len(entries) != 1 or meaningful.fullmatch(entries[0].name) or not is_folder(entries[0], DataNotFoundError):
            break
        folder = entries[0]
    return folder


def is_left_by_a_file_manager(name: str) -> bool:
    """Whether a file or folder of that name is hidden, or was left by the operating system."""
    return name.startswith(".") or name.lower() in LEFT_BY_FILE_MANAGERS


def read_unpacked(path: Path) -> bytes:
    """Read a whole file, and unpack it if its name ends in .gz.

    Raises:
        DataNotFoundError: Permissions forbid reading it.
        DataError: It cannot be read or unpacked.
    """
    try:
        data = path.read_bytes()
        return gzip.decompress(data) if path.suffix == ".gz" else data
    except PermissionError as error:
        raise DataNotFoundError(describe_unreadable(path)) from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error


def _read_proved(folder: Path, file_name: str) -> npt.NDArray[np.uint8]:
    inner = innermost_folder(folder)
    names = (file_name, file_name.replace("t10k", "test")) if is_folder(folder, DataNotFoundError) else ()
    path = next((path for name in names if (path := find_idx_file(inner, name))), None)
    if path is None:
        raise DataNotFoundError(
            f"{folder}: no {file_name}[.gz]; name a folder that holds MNIST's four IDX files "
            f"(`data` or {DATA_VARIABLE})"
        )
    data = read_unpacked(path)
    prove_mnist(file_name, data, origin=str(path))
    return decode_idx(data, origin=str(path))


def name_mnist_half(half: Half, images: npt.NDArray[np.uint8], labels: npt.NDArray[np.uint8]) -> LabelledDigits:
    """Make a data set of one half of MNIST: `images` (N, 28, 28), `labels` (N,), both uint8."""
    return LabelledDigits(MNIST_NAME, "test" if half == "t10k" else "train", images[..., np.newaxis], labels)


def load_mnist_half(folder: Path, half: Half) -> LabelledDigits:
    """Read one half of MNIST from a folder of IDX files, .gz or not, and check its SHA-256.

    Raises:
        DataNotFoundError: A file is missing.
        DataError: A file is damaged or is not MNIST's.
    """
    return name_mnist_half(
        half,
        _read_proved(folder, f"{half}-images-idx3-ubyte"),
        _read_proved(folder, f"{half}-labels-idx1-ubyte"),
    )


def find_mnist_folder(data: Path | None = None) -> Path | None:
    """Find the data that the user named: `data`, else the environment variable `EDGE_MNIST_DATA`, else None.

    The content is not checked. It may be a file, because the trainer reads a user's own digits from several kinds of
    files; `load_mnist_half` refuses those.

    Raises:
        DataNotFoundError: The path does not exist. It is never silently replaced.
    """
    if data is None:
        named = os.environ.get(DATA_VARIABLE)
        if not named:
            return None
        data, source = Path(named), DATA_VARIABLE
    else:
        source = "`data`"
    if not exists(data, DataNotFoundError):
        problem = describe_missing(data, "file" if data.suffix and not data.name.startswith(".") else "folder")
        raise DataNotFoundError(f"{problem} (from {source}); name the folder of MNIST's four IDX files")
    return data
