"""Buffers in use at the same time do not overlap, and the arena has the size of a greedy-by-size plan."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.audit.memory_plan import Buffer, plan_memory

buffers = st.builds(
    lambda first, length, size: Buffer(first, first + length, size),
    st.integers(0, 12),
    st.integers(0, 6),
    st.integers(0, 200),
)


def most_bytes_alive(buffers, alignment):
    """Largest sum of aligned sizes in use at one time, which is a lower bound for every plan."""
    sizes = [-(-buffer.size_bytes // alignment) * alignment for buffer in buffers]
    moments = range(max((buffer.last_use for buffer in buffers), default=-1) + 1)
    return max(
        (sum(s for b, s in zip(buffers, sizes, strict=True) if b.first_use <= m <= b.last_use) for m in moments),
        default=0,
    )


def test_empty_plan_needs_no_memory():
    assert plan_memory([]).arena_bytes == 0


def test_chain_of_layers_needs_memory_for_its_two_largest_neighbours():
    chain = [Buffer(0, 1, 100), Buffer(1, 2, 60), Buffer(2, 3, 100), Buffer(3, 4, 20)]
    assert plan_memory(chain, alignment=1).arena_bytes == 160


def test_input_of_a_residual_branch_keeps_its_memory():
    # 0 -> 1 -> 2, and the sum reads both 0's and 2's result.
    block = [Buffer(0, 3, 50), Buffer(1, 2, 50), Buffer(2, 3, 50), Buffer(3, 4, 50)]
    assert plan_memory(block, alignment=1).arena_bytes == 150


def test_sizes_are_rounded_up_to_the_alignment():
    plan = plan_memory([Buffer(0, 1, 17), Buffer(0, 1, 1)])
    assert plan.offsets == (0, 32)
    assert plan.arena_bytes == 48


def test_buffer_is_placed_in_the_smallest_sufficient_gap():
    # At time 1, 9 bytes are free behind the first buffer and 7 behind the third.
    row = [Buffer(0, 1, 10), Buffer(0, 0, 9), Buffer(0, 1, 8), Buffer(0, 0, 7), Buffer(0, 1, 6), Buffer(1, 1, 5)]
    plan = plan_memory(row, alignment=1)
    assert plan.offsets == (0, 10, 19, 27, 34, 27)
    assert plan.arena_bytes == 40


@pytest.mark.parametrize("bad", [(3, 2, 1), (0, 0, -1)])
def test_impossible_buffer_is_refused(bad):
    with pytest.raises(ValueError, match="no buffer lives"):
        Buffer(*bad)


@given(st.lists(buffers, max_size=20), st.sampled_from([1, 16, 64]))
def test_plan_has_no_overlap_and_at_most_the_sum_of_sizes(row, alignment):
    plan = plan_memory(row, alignment=alignment)
    sizes = [-(-buffer.size_bytes // alignment) * alignment for buffer in row]
    assert all(offset % alignment == 0 for offset in plan.offsets)
    for one in range(len(row)):
        for other in range(one):
            apart = (
                plan.offsets[one] + sizes[one] <= plan.offsets[other]
                or plan.offsets[other] + sizes[other] <= plan.offsets[one]
            )
            assert apart or not row[one].lives_beside(row[other])
    assert most_bytes_alive(row, alignment) <= plan.arena_bytes <= sum(sizes)


@given(st.lists(buffers, max_size=12))
def test_same_buffers_give_the_same_plan(row):
    assert plan_memory(row) == plan_memory(tuple(row))
