"""The limits that an export must keep."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.evaluation import Comparison
from edge_mnist_exporter.gates import LEAST_REFERENCE_TOP1, judge

LIMITS = ExportConfig(max_drop_points=0.5, min_agreement=0.99)


def figures(*, delta_points: float = 0.0, agreement: float = 1.0) -> Comparison:
    return Comparison(top1=0.99, delta_points=delta_points, agreement=agreement, max_abs_probability_diff=0.01)


def failed(reference_top1: float, *files: Comparison) -> list[str]:
    named = [(f"file{number}", comparison) for number, comparison in enumerate(files)]
    return [gate.name for gate in judge(reference_top1, named, LIMITS) if not gate.passed]


def test_perfect_file_passes_every_gate():
    assert failed(0.99, figures()) == []


@pytest.mark.parametrize("delta_points", [-0.5, 100 * (0.995 - 1.0), 100 * (0.9912 - 0.9962), 0.4, 12.0])
def test_drop_of_at_most_the_limit_passes(delta_points):
    assert failed(0.99, figures(delta_points=delta_points)) == []


@pytest.mark.parametrize("delta_points", [-0.5001, -0.51, -89.0])
def test_drop_beyond_the_limit_fails(delta_points):
    assert failed(0.99, figures(delta_points=delta_points)) == ["drop_points(file0)"]


@pytest.mark.parametrize("agreement", [0.99, 9900 / 10_000, 1.0])
def test_agreement_of_at_least_the_limit_passes(agreement):
    assert failed(0.99, figures(agreement=agreement)) == []


@pytest.mark.parametrize("agreement", [0.9899, 0.1, 0.0])
def test_agreement_below_the_limit_fails(agreement):
    assert failed(0.99, figures(agreement=agreement)) == ["agreement(file0)"]


def test_reference_that_reads_too_little_fails():
    assert failed(LEAST_REFERENCE_TOP1, figures()) == []
    assert failed(0.4999, figures()) == ["reference_top1"]


def test_every_file_is_judged_by_itself():
    good, bad = figures(), figures(delta_points=-1, agreement=0.9)
    assert failed(0.99, good, bad, good) == ["drop_points(file1)", "agreement(file1)"]


def test_nan_never_passes():
    assert failed(0.99, figures(delta_points=math.nan, agreement=math.nan)) == [
        "drop_points(file0)",
        "agreement(file0)",
    ]


def test_gate_says_value_and_limit():
    gates = {gate.name: gate for gate in judge(0.99, [("edge_int8.onnx", figures(delta_points=-0.25))], LIMITS)}
    drop = gates["drop_points(edge_int8.onnx)"]
    assert (drop.value, drop.limit) == (0.25, "<= 0.5")
    assert gates["agreement(edge_int8.onnx)"].limit == ">= 0.99"
    assert gates["reference_top1"].value == 0.99


def test_no_loss_is_not_shown_as_minus_zero():
    drop = judge(0.99, [("file", figures(delta_points=0.0))], LIMITS)[1]
    assert math.copysign(1, drop.value) == 1


@settings(deadline=None)
@given(st.floats(-100, 100), st.floats(0, 1))
def test_worse_figures_never_pass_what_better_ones_fail(delta_points, agreement):
    better = set(failed(0.99, figures(delta_points=delta_points, agreement=agreement)))
    worse = set(failed(0.99, figures(delta_points=delta_points - 0.1, agreement=agreement - 0.01)))
    assert better <= worse
