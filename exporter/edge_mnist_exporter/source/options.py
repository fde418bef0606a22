"""Parse option values of the command line: lists of names, labels, and input ranges."""

from __future__ import annotations

import json
from pathlib import Path

from edge_mnist_runtime.contract import NAMED_RANGES, InputRange
from edge_mnist_runtime.errors import UsageError


def parse_input_range(text: str) -> InputRange:
    """Parse `0..1`, `0..255`, `-1..1`, or means and deviations.

    Args:
        text: A range by name, or MEAN,STD, or three means and then three deviations, one for each channel. Means and
            deviations are in 0..1, as in torchvision: 0.1307,0.3081.

    Raises:
        UsageError: It is none of these.
    """
    if text in NAMED_RANGES:
        return NAMED_RANGES[text]
    try:
        values = tuple(255 * float(value) for value in text.split(","))
        half = len(values) // 2 if len(values) in (2, 6) else 0
        return InputRange(values[:half], values[half:])  # ValueError where there are none
    except ValueError:
        raise UsageError(
            f"`input_range` {text}: expected {', '.join(NAMED_RANGES)}, MEAN,STD in 0..1, or three means and three "
            "deviations"
        ) from None


def parse_names(text: str) -> tuple[str, ...]:
    """Parse a list like `tflite,onnx` to unique names, in the given order."""
    return tuple(dict.fromkeys(item.strip() for item in text.split(",")))


def read_labels(path: Path) -> tuple[str, ...]:
    """Read class names from a text file with one a line, or from a JSON list.

    Raises:
        UsageError: The file cannot be read, or is not such a list.
    """
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as labels ({getattr(error, 'strerror', None) or error})") from error
    if path.suffix == ".json":
        try:
            names = json.loads(text)
        except ValueError as error:
            raise UsageError(f"{path}: not JSON ({error})") from error
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UsageError(f"{path}: expected a list of names")
        return tuple(names)
    return tuple(line.strip() for line in text.splitlines() if line.strip())
