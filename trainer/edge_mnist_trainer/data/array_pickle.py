"""Read pickles of NumPy arrays safely: nothing else in a pickle is run.

A pickle gets no access to NumPy's own functions: `numpy.ndarray` can make an array of objects from any bytes, which
crashes the process. The functions below replace NumPy's, and build plain arrays from checked parts.
"""

from __future__ import annotations

import io
import math
import pickle  # see `_ArraysOnly`
import pickletools
import re
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import DataError, first_line

PLAIN_DTYPE: Final = re.compile(r"[biufSU][1-9]\d{0,5}")
"""Accepted dtypes as NumPy pickles them: booleans, numbers and text; no objects and no structures."""

MAX_TUPLES: Final = 10_000
"""Maximum number of tuples in a pickle. An array needs two, apart from those that make it.

Python's stack overflows if a dictionary's key is tens of thousands of nested tuples."""

MAX_DEPTH: Final = 4
"""Maximum nesting of containers: a dictionary of parts, pairs, lists of labels."""


class _Dtype:
    """A dtype being built: first its kind and size, then its byte order."""

    __slots__ = ("order", "text")

    def __init__(self, text: object, *flags: object) -> None:
        _require_integers(flags)
        if not (isinstance(text, str) and PLAIN_DTYPE.fullmatch(text)):
            raise DataError(f"holds an array of dtype {str(text)[:20]!r}; expected numbers; nothing of it was run")
        self.text, self.order = text, "="

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 8 and state[1] in ("<", ">", "|", "=")):
            raise DataError("holds a damaged dtype")
        if state[2:5] != (None, None, None):
            raise DataError("holds an array of structures; expected numbers; nothing of it was run")
        _require_integers((state[0], *state[5:]))
        self.order = state[1]

    def build(self) -> np.dtype[Any]:
        return np.dtype(f"{self.order}{self.text}")


class _Array:
    """An array being built. `__setstate__` completes it."""

    __slots__ = ("values",)

    def __init__(self) -> None:
        self.values: npt.NDArray[Any] | None = None

    def __setstate__(self, state: object) -> None:
        if not (isinstance(state, tuple) and len(state) == 5):
            raise DataError("holds a damaged array")
        version, shape, dtype, is_fortran, data = state
        _require_integers((version, is_fortran))
        self.values = _build(data, dtype, shape).reshape(shape, order="F" if is_fortran else "C")


class _Function:
    """A function that a pickle may call. It has no other attributes, and refuses to be changed."""

    __slots__ = ("call",)

    def __init__(self, call: Callable[..., object]) -> None:
        self.call = call

    def __call__(self, *arguments: object) -> object:
        return self.call(*arguments)

    def __setstate__(self, _: object) -> None:
        raise DataError("sets the state of a function; nothing of it was run")


def _require_integers(values: tuple[object, ...]) -> None:
    """Refuse anything but integers and booleans, above all nested tuples."""
    if not all(isinstance(value, int) for value in values):
        raise DataError("holds a damaged array")


def _build(data: object, dtype: object, shape: object) -> npt.NDArray[Any]:
    """Build a flat array, after checking that dtype, shape and number of bytes match."""
    if isinstance(data, str):
        data = data.encode("latin1")  # as Python 2 pickles bytes
    if not (isinstance(data, (bytes, bytearray)) and isinstance(dtype, _Dtype) and isinstance(shape, tuple)):
        raise DataError("holds a damaged array")
    made = dtype.build()
    if not all(type(size) is int and size >= 0 for size in shape) or math.prod(shape) * made.itemsize != len(data):
        raise DataError(f"holds an array whose shape {str(shape)[:40]} does not match its {len(data):,} bytes")
    return np.frombuffer(data, made)


def _reconstruct(kind: object, shape: object, code: object) -> _Array:
    if kind is not NDARRAY or shape != (0,) or code not in ("b", b"b"):
        raise DataError("holds an array of an unknown class; nothing of it was run")
    return _Array()


def _from_buffer(data: object, dtype: object, shape: tuple[int, ...], order: Any, axes: Any = None) -> _Array:
    _require_integers(axes or ())
    made = _Array()
    row = _build(data, dtype, shape)
    made.values = row.reshape(shape).transpose(axes) if order == "K" else row.reshape(shape, order=order)
    return made


def _scalar(dtype: object, data: object) -> object:
    return _build(data, dtype, (1,))[0]


def _encode(text: object, encoding: object) -> bytes:
    """Decode bytes that pickle protocols 0 to 2 store as text."""
    if not (isinstance(text, str) and encoding == "latin1"):
        raise DataError("holds text in an unknown encoding; nothing of it was run")
    return text.encode("latin1")


def _refuse_call(*_: object) -> None:
    raise DataError("calls numpy.ndarray, which no saved array does; nothing of it was run")


NDARRAY: Final = _Function(_refuse_call)
"""Stands for `numpy.ndarray`, which the pickle of an array names but does not call."""

PARTS: Final = {
    ("numpy", "ndarray"): NDARRAY,
    ("numpy", "dtype"): _Function(_Dtype),
    ("_codecs", "encode"): _Function(_encode),
    # NumPy 2 calls the package `numpy._core`, NumPy 1 `numpy.core`.
    **{
        (f"numpy.{core}.{module}", name): _Function(function)
        for core in ("core", "_core")
        for module, name, function in (
            ("multiarray", "_reconstruct", _reconstruct),
            ("multiarray", "scalar", _scalar),
            ("numeric", "_frombuffer", _from_buffer),
        )
    },
}
"""Functions that the pickle of an array uses, by module and name."""


class _ArraysOnly(pickle.Unpickler):
    """Unpickles NumPy arrays and Python's containers. Anything else is refused before it is imported."""

    def find_class(self, module: str, name: str) -> Any:
        """Return the replacement for a function of NumPy."""
        if part := PARTS.get((module, name)):
            return part
        raise DataError(f"holds {module}.{name}, which is not a NumPy array; nothing of it was run")


def unpickle_arrays(data: bytes, *, origin: str) -> Any:
    """Unpickle arrays in tuples, lists and dictionaries, also from Python 2.

    Raises:
        DataError: The pickle is damaged, or contains something else.
    """
    try:
        _require_bounded(data)
        return _finish(_ArraysOnly(io.BytesIO(data), encoding="latin1").load(), {})
    except DataError as error:
        raise DataError(f"{origin}: {error}") from error
    except Exception as error:  # pickle raises UnpicklingError, EOFError, AttributeError, IndexError, ...
        raise DataError(f"{origin}: cannot be unpickled ({first_line(error)}); fetch it again") from error


def _require_bounded(data: bytes) -> None:
    """Refuse a pickle that would make the unpickler run out of stack or memory."""
    n_tuples, before = 0, ""
    for opcode, argument, _ in pickletools.genops(data):
        n_tuples += opcode.name.startswith("TUPLE")
        n_tuples -= opcode.name in ("REDUCE", "BUILD") and before.startswith("TUPLE")  # it made an array or a number
        if not opcode.name.endswith(("PUT", "MEMOIZE")):
            before = opcode.name
        if n_tuples > MAX_TUPLES or (opcode.name.endswith("PUT") and int(argument or 0) > len(data)):
            raise DataError("larger than any pickle of arrays; nothing of it was run")


def _finish(value: Any, finished: dict[int, Any], depth: int = 0) -> Any:
    """Replace unfinished arrays in `value` by arrays. `finished` maps the ids of finished containers to the results."""
    if isinstance(value, _Array):
        if value.values is None:
            raise DataError("holds an array without values")
        return value.values
    if isinstance(value, (_Dtype, _Function)):
        raise DataError("holds parts of arrays instead of arrays")
    if not isinstance(value, (tuple, list, dict)):
        return value
    if depth == MAX_DEPTH:
        raise DataError(f"holds containers nested deeper than {MAX_DEPTH}; expected arrays")
    if id(value) not in finished:
        if isinstance(value, dict):
            done: Any = {key: _finish(item, finished, depth + 1) for key, item in value.items()}
        else:
            done = type(value)(_finish(item, finished, depth + 1) for item in value)
        finished[id(value)] = done
    return finished[id(value)]
