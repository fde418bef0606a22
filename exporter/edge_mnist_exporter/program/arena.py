"""Where every value of a program lies in one block of memory.

A convolution copies the rows that it works on into a band, so its target may lie over rows of its source that the band
already holds. That is the idea of Blacker, Bonfigli and Gaura, "Diagonal Memory Optimisation for Machine Learning on
Micro-controllers" (2020). `audit/memory_plan.py` plans for engines that cannot do that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_mnist_exporter.audit.memory_plan import Buffer
from edge_mnist_exporter.program.program import Add, Convolution, Lookup, Operation, Program, list_sources


@dataclass(frozen=True)
class Arena:
    """A place for every value but the pixels and the scores, which the caller keeps."""

    offsets: dict[str, int]
    """Where a value begins, by name; `band NAME` for the band of the convolution that makes NAME. In bytes."""
    lives: dict[str, tuple[int, int, int]]
    """Its size, and the numbers of the first and last operation that need it."""
    size_bytes: int


def plan_arena(program: Program) -> Arena:
    """Place every value so that nothing is overwritten while it is needed, in as little memory as was found.

    Placing is greedy, each buffer at the lowest place that is free; the better of two orders wins (the largest first,
    as they come).
    """
    buffers, leads = _list_buffers(program)
    names = list(buffers)
    largest_first = sorted(names, key=lambda name: -buffers[name].size_bytes)
    placed = min((_place(order, buffers, leads) for order in (largest_first, names)), key=lambda found: found[1])
    lives = {name: (buffer.size_bytes, buffer.first_use, buffer.last_use) for name, buffer in buffers.items()}
    return Arena({name: placed[0][name] for name in names}, lives, placed[1])


def _list_buffers(program: Program) -> tuple[dict[str, Buffer], dict[tuple[str, str], int]]:
    """What needs memory, and by how many bytes a target must begin before the source that it may lie over."""
    own = {program.pixels.name, program.scores.name}
    buffers: dict[str, Buffer] = {}
    leads: dict[tuple[str, str], int] = {}
    for number, operation in enumerate(program.operations):
        for source in list_sources(operation):
            if source.name not in own:
                known = buffers[source.name]
                buffers[source.name] = Buffer(known.first_use, number, known.size_bytes)
            lead = _find_lead(operation)
            if lead is not None:
                leads[operation.target.name, source.name] = lead
        if operation.target.name not in own:
            buffers[operation.target.name] = Buffer(number, number, operation.target.size_bytes)
        if isinstance(operation, Convolution) and operation.band_bytes:
            buffers[f"band {operation.target.name}"] = Buffer(number, number, operation.band_bytes)
    # A source that is read again later must not be overwritten.
    last = {name: buffer.last_use for name, buffer in buffers.items()}
    writers = {operation.target.name: number for number, operation in enumerate(program.operations)}
    return buffers, {pair: lead for pair, lead in leads.items() if last.get(pair[1]) == writers[pair[0]]}


def _find_lead(operation: Operation) -> int | None:
    """Minimum distance in bytes between the starts of target and source if they overlap; None if they must not."""
    if isinstance(operation, (Lookup, Add)):
        return 0
    if not isinstance(operation, Convolution) or operation.is_direct:
        return None
    source, target, window = operation.source, operation.target, operation.window
    source_row, target_row = source.width * source.channels, target.width * target.channels
    lead = 0
    for row in range(target.height):
        # Rows of the source that the band has taken in before this row of the target is written.
        taken = row * operation.pool * window.stride_y - window.pad_top + operation.band_rows
        if taken < source.height:
            lead = max(lead, (row + 1) * target_row - max(taken, 0) * source_row)
    return lead


def _place(
    order: Sequence[str], buffers: dict[str, Buffer], leads: dict[tuple[str, str], int]
) -> tuple[dict[str, int], int]:
    """Offsets by name, and the end of the last buffer."""
    placed: dict[str, int] = {}
    for name in order:
        size = buffers[name].size_bytes
        taken = []
        for other, offset in placed.items():
            if not buffers[name].lives_beside(buffers[other]):
                continue
            # Where `name` must not begin: from one place to another, both left out.
            first, last = offset - size, offset + buffers[other].size_bytes
            if (name, other) in leads:
                first = max(first, offset - leads[name, other])
            if (other, name) in leads:
                last = min(last, offset + leads[other, name])
            taken.append((first, last))
        starts = sorted({0, *(last for _, last in taken)})
        placed[name] = next(at for at in starts if not any(first < at < last for first, last in taken))
    return placed, max((offset + buffers[name].size_bytes for name, offset in placed.items()), default=0)
