"""Find the input of a foreign file that takes a digit, and the output that gives ten values.

An input with free axes may fit several shapes. The caller then tries which of them the file runs with.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, TensorSpec

N_PIXELS: Final = math.prod(IMAGE_SHAPE)
N_VALUES: Final = len(DIGIT_LABELS)

FLOATS: Final = ("float32", "float64", "float16")

DTYPES: Final = (*FLOATS, "uint8", "int8")
"""Accepted dtypes of inputs and outputs."""

BATCH: Final = -1
"""Any number of images, as -1 in a NumPy shape."""

LAYOUTS: Final = (
    (BATCH, 784),
    (BATCH, 1, 28, 28),
    (BATCH, 28, 28, 1),
    (BATCH, 28, 28),
    (28, 28),
    (28, 28, 1),
    (1, 28, 28),
    (784,),
)
"""Usual shapes of digits, tried in this order if a file has free axes."""


@dataclass(frozen=True)
class ForeignSignature:
    """How to feed a digit to a file, and where to read the result."""

    shapes: tuple[tuple[int, ...], ...]
    """Input shapes that the file allows; -1 is the number of images."""
    output: int
    """Index of the output that gives ten values."""


def find_signature(inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]) -> ForeignSignature:
    """Find how a file can be fed with digits.

    Raises:
        ValueError: It cannot; the message says why.
    """
    return ForeignSignature(_find_shapes(inputs), _find_output(outputs))


def _find_shapes(inputs: Sequence[TensorSpec]) -> tuple[tuple[int, ...], ...]:
    if len(inputs) != 1:
        raise ValueError(f"it takes {len(inputs)} inputs ({_list(inputs)}), not one image")
    (spec,) = inputs
    if spec.dtype not in DTYPES:
        raise ValueError(f"it takes {spec.dtype} values; files that take {', '.join(DTYPES)} can be fed")
    sizes = _sizes(spec)
    if sizes and BATCH not in sizes[1:]:
        of_one = math.prod(sizes[1:])
        if math.prod(sizes) == N_PIXELS or (sizes[0] == BATCH and of_one == N_PIXELS):
            return (sizes,)
        if of_one == N_PIXELS:
            raise ValueError(f"its batch size is fixed at {sizes[0]}; convert it with a free first axis, or with 1")
    fitting = tuple(
        (BATCH if sizes[:1] in ((), (BATCH,)) else 1, *layout[1:]) if layout[0] == BATCH else layout
        for layout in LAYOUTS
        if not sizes or _fits(sizes, layout)
    )
    if not fitting:
        raise ValueError(f"it takes {_list(inputs)}, which does not fit {N_PIXELS} pixels")
    return fitting


def _fits(sizes: tuple[int, ...], layout: tuple[int, ...]) -> bool:
    return len(sizes) == len(layout) and all(
        size in (BATCH, 1 if wanted == BATCH else wanted) for size, wanted in zip(sizes, layout, strict=True)
    )


def _find_output(outputs: Sequence[TensorSpec]) -> int:
    usable = {number: _sizes(spec) for number, spec in enumerate(outputs) if spec.dtype in DTYPES}
    certain = [number for number, sizes in usable.items() if sizes and abs(math.prod(sizes)) == N_VALUES]
    found = certain or [number for number, sizes in usable.items() if not sizes or sizes.count(BATCH) > 1]
    if len(found) == 1:
        return found[0]
    if found:
        raise ValueError(f"several of its outputs give {N_VALUES} values ({_list([outputs[n] for n in found])})")
    if any(spec.dtype.startswith("seq(map") for spec in outputs):
        raise ValueError("it gives a map for each image; skl2onnx's option {'zipmap': False} gives an array instead")
    raise ValueError(f"it gives {_list(outputs)}, not {N_VALUES} values an image")


def _sizes(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(size if isinstance(size, int) and size > 0 else BATCH for size in spec.shape)


def _list(specs: Sequence[TensorSpec]) -> str:
    return "; ".join(f"{spec.name} {spec.dtype} ({', '.join(map(str, spec.shape))})" for spec in specs)
