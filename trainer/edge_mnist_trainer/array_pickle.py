"""Pickles of NumPy arrays, read without running what else they may hold."""

from __future__ import annotations

import io
import pickle  # see `_ArraysOnly`
from typing import Any, Final

import numpy as np

from edge_mnist_runtime.errors import DataError, first_line

HARMLESS: Final = {("numpy", "ndarray"), ("numpy", "dtype"), ("_codecs", "encode")}
"""What a pickled array is made with, by module and name; `encode` makes the bytes of older protocols."""

REBUILD: Final = {("multiarray", "_reconstruct"), ("multiarray", "scalar"), ("numeric", "_frombuffer")}
"""The same, in a package that NumPy 2 calls `numpy._core` and NumPy 1 `numpy.core`."""

CORE: Final = "numpy._core" if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else "numpy.core"


class _ArraysOnly(pickle.Unpickler):
    """Makes NumPy's arrays and Python's own containers; anything else is refused before it is looked up."""

    def find_class(self, module: str, name: str) -> Any:
        """One of a few known functions."""
        if (module, name) in HARMLESS:
            return super().find_class(module, name)
        package, _, own = module.rpartition(".")
        if package in ("numpy.core", "numpy._core") and (own, name) in REBUILD:
            return super().find_class(f"{CORE}.{own}", name)
        raise DataError(f"holds {module}.{name}, which is no NumPy array; nothing of it was run")


def unpickle_arrays(data: bytes, *, origin: str) -> Any:
    """What a pickle holds: arrays, in tuples, lists and dictionaries. Those of Python 2 are read, too.

    Raises:
        DataError: It is damaged, or holds something else.
    """
    try:
        return _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except DataError as error:
        raise DataError(f"{origin}: {error}") from error
    except Exception as error:  # pickle raises UnpicklingError, EOFError, AttributeError, IndexError, ...
        raise DataError(f"{origin}: cannot be unpickled ({first_line(error)}); fetch it again") from error
