"""Read labelled images from files of arrays: pickles, MATLAB files, and .npy files.

    FILE.pkl[.gz]   (training, validation, test) or (training, test), like mnist.pkl.gz; or a dictionary of arrays
    FILE.mat        arrays by name, one array for each digit (mnist_all.mat), or EMNIST's structure

No code in a file is run.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.dataset import read_unpacked
from edge_mnist_runtime.errors import DataError, first_line
from edge_mnist_trainer.data.array_pickle import unpickle_arrays
from edge_mnist_trainer.data.digit_arrays import (
    ImageClasses,
    LabelledParts,
    is_transposed,
    join_images,
    transpose_back,
)
from edge_mnist_trainer.data.named_arrays import take_named, take_pair


def read_pickle(path: Path, expected: ImageClasses) -> LabelledParts:
    """Read a pickle of arrays, which may be compressed.

    Raises:
        DataError: It contains something else, or images and labels are not what is expected.
    """
    content = unpickle_arrays(read_unpacked(path), origin=str(path))
    if isinstance(content, Mapping):
        return take_named({str(name): value for name, value in content.items()}, path, expected)
    pairs = [part for part in content if _is_pair(part)] if isinstance(content, (tuple, list)) else []
    if len(pairs) not in (2, 3) or len(pairs) != len(content):
        raise DataError(
            f"{path}: a {type(content).__name__}; expected (training, test) or (training, validation, test), each a "
            "pair of images and labels, or a dictionary of arrays"
        )
    origins = (f"{path}: images", f"{path}: labels")
    parts = [take_pair(images, labels, *origins, expected) for images, labels in pairs]
    return LabelledParts(join_images(parts[:-1]), parts[-1])


def _is_pair(part: object) -> bool:
    return isinstance(part, (tuple, list)) and len(part) == 2 and all(isinstance(one, np.ndarray) for one in part)


def read_mat(path: Path, expected: ImageClasses) -> LabelledParts:
    """Read a MATLAB file.

    Raises:
        DataError: It is not a MATLAB file, or images and labels are not what is expected.
    """
    from scipy.io import loadmat

    try:
        content = loadmat(io.BytesIO(read_unpacked(path)))
    except NotImplementedError as error:
        raise DataError(f"{path}: a MATLAB 7.3 file, which SciPy does not read; save it with -v7") from error
    except DataError:
        raise
    except Exception as error:  # SciPy raises ValueError, TypeError, MatReadError, OSError, ...
        raise DataError(f"{path}: cannot be read as a MATLAB file ({first_line(error)}); fetch it again") from error
    arrays = {name: value for name, value in content.items() if not name.startswith("__")}
    whole = arrays.get("dataset")
    if whole is not None and whole.dtype.names and whole.size == 1:
        arrays, is_emnist = _flatten_structure(whole), "mapping" in whole.dtype.names
    else:
        is_emnist = False
    parts = take_named(arrays, path, expected, ten_may_be_zero=True)
    return transpose_back(parts) if is_emnist or is_transposed(path.name) else parts


def _flatten_structure(whole: npt.NDArray[Any]) -> dict[str, Any]:
    """Flatten EMNIST's `dataset` to `train_images`, `train_labels` and so on, without its `mapping` of labels."""
    values = {name: whole.flat[0][name] for name in whole.dtype.names or () if name != "mapping"}
    halves = {name: value for name, value in values.items() if value.dtype.names and value.size == 1}
    inner = {
        f"{half}_{kind}": value.flat[0][kind]
        for half, value in halves.items()
        for kind in value.dtype.names or ()
        if kind != "writers"
    }
    return {**{name: value for name, value in values.items() if name not in halves}, **inner}


def load_npy(path: Path) -> npt.NDArray[Any]:
    """Load the array of an .npy file.

    Raises:
        DataError: It is damaged, or not an .npy file.
    """
    try:
        array: npt.NDArray[Any] = np.load(path, allow_pickle=False)
    except Exception as error:  # NumPy raises OSError, ValueError, EOFError, ...
        raise DataError(f"{path}: damaged, or not an .npy file; save it again with numpy.save") from error
    return array
