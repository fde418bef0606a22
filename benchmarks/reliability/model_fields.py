"""Make hostile model files: well-formed, but with wrong values in one to three fields.

Random damage mostly hits weights or is refused by the parser. These files reach the code behind the parser.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np

Change = Callable[[random.Random], None]
"""Changes one field of a model."""

NUMBERS: Final = (-(2**31), -128, -2, -1, 0, 1, 2, 3, 7, 9, 27, 255, 256, 4096, 65_536, 10**6, 2**31 - 1)


def change_model(data: bytes, rng: random.Random) -> bytes:
    """Change one to three fields of an ONNX or TFLite model."""
    return _change_tflite(data, rng) if data[4:8] == b"TFL3" else _change_onnx(data, rng)


def _change_onnx(data: bytes, rng: random.Random) -> bytes:
    import onnx

    model = onnx.load_model_from_string(data)
    for _ in range(rng.choice((1, 1, 2, 3))):
        rng.choice([*_message_changes(model)])(rng)
    return bytes(model.SerializeToString())


def _change_tflite(data: bytes, rng: random.Random) -> bytes:
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    while True:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
        for _ in range(rng.choice((1, 1, 2, 3))):
            rng.choice([*_object_changes(model)])(rng)
        builder = flatbuffers.Builder(len(data))
        try:
            builder.Finish(model.Pack(builder), b"TFL3")
        except Exception:  # noqa: BLE001  # the field cannot hold the number; try again
            continue
        return bytes(builder.Output())


def _message_changes(message: Any) -> Iterator[Change]:
    """Yield every possible change of a protobuf message and the messages in it."""
    for field, value in message.ListFields():
        if not field.is_repeated:
            if field.message_type:
                yield from _message_changes(value)
            else:
                yield _set_field(message, field.name, value)
            continue
        yield _change_list(value, is_made_of_messages=bool(field.message_type))
        if field.message_type:
            for entry in value:
                yield from _message_changes(entry)


def _set_field(message: Any, name: str, value: Any) -> Change:
    def change(rng: random.Random) -> None:
        try:
            setattr(message, name, _other(value, rng))
        except ValueError:
            message.ClearField(name)  # not a value of the enumeration

    return change


def _change_list(values: Any, *, is_made_of_messages: bool) -> Change:
    def change(rng: random.Random) -> None:
        if not len(values):
            return
        at = rng.randrange(len(values))
        kind = rng.choice(("drop", "repeat", "swap", "other"))
        if kind == "drop":
            del values[at]
        elif kind == "repeat":
            values.append(values[at])
        elif is_made_of_messages:
            entry = type(values[0])()
            entry.CopyFrom(values[at])
            values[at].CopyFrom(values[0])
            values[0].CopyFrom(entry)
        elif kind == "swap":
            values[at], values[0] = values[0], values[at]
        else:
            values[at] = _other(values[at], rng)

    return change


def _object_changes(owner: Any) -> Iterator[Change]:
    """Yield every possible change of a flatbuffer object and the objects in it."""
    for name, value in vars(owner).items():
        if isinstance(value, (int, float, bytes, np.ndarray)):
            yield lambda rng, name=name, value=value: setattr(owner, name, _other(value, rng))
        elif isinstance(value, list) and value:
            yield lambda rng, name=name, value=value: setattr(owner, name, _rearranged(value, rng))
            for entry in value:
                if hasattr(entry, "__dict__"):
                    yield from _object_changes(entry)
        elif hasattr(value, "__dict__"):
            yield from _object_changes(value)


def _rearranged(values: list[Any], rng: random.Random) -> list[Any]:
    at = rng.randrange(len(values))
    return rng.choice((values[:at] + values[at + 1 :], [*values, values[at]], values[at:] + values[:at], []))


def _other(value: Any, rng: random.Random) -> Any:
    """Choose another value of the same type."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return rng.choice((*NUMBERS, value + 1, value - 1, value * 2))
    if isinstance(value, float):
        return rng.choice((0.0, -1.0, 1e-30, 1e30, float("inf"), float("nan"), value * 2))
    if isinstance(value, np.ndarray):
        return _other_array(value, rng)
    cut = rng.randrange(len(value) + 1)
    return rng.choice((value[:0], value[:cut], value + value[:cut]))


def _other_array(values: np.ndarray[Any, Any], rng: random.Random) -> np.ndarray[Any, Any]:
    if not values.size or rng.random() < 0.3:
        return np.concatenate([values, values[:1]]) if rng.random() < 0.5 else values[: len(values) // 2]
    changed = values.copy()
    at = rng.randrange(len(changed))
    with np.errstate(all="ignore"):
        changed[at] = np.array(_other(values[at].item(), rng)).astype(values.dtype)
    return changed
