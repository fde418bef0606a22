"""Place activations in one block of memory (arena), so that those not needed at the same time share memory.

The planner is greedy by size, as in TensorFlow Lite and its version for microcontrollers. It places the largest buffer
first. Each buffer gets the smallest sufficient gap between the buffers that are in use at the same time. Source:
Pisarchyk and Lee, "Efficient Memory Management for Deep Neural Net Inference", 2020, section 5.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ALIGNMENT: Final = 16
"""Alignment of every buffer, in bytes, as in TensorFlow Lite for microcontrollers."""


@dataclass(frozen=True)
class Buffer:
    """The memory of one tensor, from its first to its last use."""

    first_use: int
    """Number of the operation that writes it."""
    last_use: int
    """Number of the last operation that reads it, at least `first_use`."""
    size_bytes: int

    def __post_init__(self) -> None:
        if not (self.first_use <= self.last_use and self.size_bytes >= 0):
            raise ValueError(f"no buffer lives from {self.first_use} to {self.last_use} in {self.size_bytes} bytes")

    def lives_beside(self, other: Buffer) -> bool:
        """Whether some operation needs both buffers."""
        return self.first_use <= other.last_use and other.first_use <= self.last_use


@dataclass(frozen=True)
class MemoryPlan:
    """Offsets of all buffers in one block of memory."""

    offsets: tuple[int, ...]
    """Start of each buffer, in bytes from the start of the block, in the given order of buffers."""
    arena_bytes: int
    """Size of the block."""


def plan_memory(buffers: Sequence[Buffer], *, alignment: int = ALIGNMENT) -> MemoryPlan:
    """Place buffers in one block so that buffers in use at the same time do not overlap.

    Args:
        buffers: Sizes and lifetimes.
        alignment: Bytes; offsets and the arena's size are multiples of it.
    """
    sizes = [-(-buffer.size_bytes // alignment) * alignment for buffer in buffers]
    by_size = sorted(range(len(buffers)), key=lambda index: (-sizes[index], buffers[index].first_use))
    placed: dict[int, int] = {}
    for index in by_size:
        taken = [(at, at + sizes[other]) for other, at in placed.items() if buffers[index].lives_beside(buffers[other])]
        placed[index] = _find_gap(sizes[index], sorted(taken))
    ends = [offset + sizes[index] for index, offset in placed.items()]
    return MemoryPlan(tuple(placed[index] for index in range(len(buffers))), max(ends, default=0))


def _find_gap(size: int, taken: Sequence[tuple[int, int]]) -> int:
    """The start of the smallest gap of at least `size` bytes in `taken` (sorted by start), else its end."""
    best: tuple[int, int] | None = None
    end = 0
    for start, stop in taken:
        gap = start - end
        if gap >= size and (best is None or gap < best[0]):
            best = (gap, end)
        end = max(end, stop)
    return end if best is None else best[1]
