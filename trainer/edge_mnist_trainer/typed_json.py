"""Parse JSON into dataclasses, and check every value against the annotations."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from edge_mnist_runtime.errors import EdgeMnistError

Record = TypeVar("Record")


def parse_record(kind: type[Record], value: object) -> Record:
    """Build a dataclass from a JSON object, checking every value. Unknown names are ignored.

    Args:
        kind: The dataclass. A field is a `str`, `int`, `float`, `bool`, `Any`, `Literal[...]`, `X | None`,
            `tuple[X, ...]` or `tuple[X, Y]` (JSON lists), `dict[str, X]`, or another such dataclass. A field with a
            default may be missing.
        value: The result of `json.loads`.

    Raises:
        ValueError: A value is missing, of another type, or refused by the dataclass; the message says where.
    """
    return cast("Record", _parse(kind, value, ""))


def _parse(kind: Any, value: Any, where: str) -> Any:
    if get_origin(kind):
        return _parse_generic(get_origin(kind), get_args(kind), value, where)
    if is_dataclass(kind):
        return _parse_fields(kind, value, where)
    if kind is not Any:
        accepted = (int, float) if kind is float else kind
        holds = isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))
        _require(holds, value, where, kind.__name__)
    return value


def _parse_generic(origin: Any, arguments: tuple[Any, ...], value: Any, where: str) -> Any:
    if origin in (Union, types.UnionType):
        (other,) = (argument for argument in arguments if argument is not type(None))
        return None if value is None else _parse(other, value, where)
    if origin is Literal:
        _require(value in arguments, value, where, f"one of {', '.join(map(str, arguments))}")
        return value
    if origin is tuple:
        _require(isinstance(value, list), value, where, "a list")
        kinds = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        _require(len(value) == len(kinds), value, where, f"a list of {len(kinds)}")
        return tuple(
            _parse(kind, item, f"{where}[{index}]") for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
        )
    if origin is dict:
        _require(isinstance(value, dict), value, where, "an object")
        return {name: _parse(arguments[1], item, _inside(where, name)) for name, item in value.items()}
    raise TypeError(f"{where}: {origin} is not supported in a record")


def _parse_fields(kind: Any, value: Any, where: str) -> Any:
    _require(isinstance(value, dict), value, where, "an object")
    types_by_name, found = get_type_hints(kind), {}
    for field in fields(kind):
        inside = _inside(where, field.name)
        if field.name in value:
            found[field.name] = _parse(types_by_name[field.name], value[field.name], inside)
        elif field.default is MISSING and field.default_factory is MISSING:
            raise ValueError(f"it has no {inside}")
    try:
        return kind(**found)
    except EdgeMnistError as error:
        raise ValueError(f"{where or kind.__name__}: {error}") from error


def _inside(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _require(holds: bool, value: object, where: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"{where or 'it'} is {value!r:.40}; expected {expected}")
