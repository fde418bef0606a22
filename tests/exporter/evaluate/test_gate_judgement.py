"""The gates of an export."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.evaluate.evaluation import Comparison
from edge_mnist_exporter.evaluate.gates import MIN_REFERENCE_TOP1, judge
from edge_mnist_exporter.evaluate.parity import Int8Parity
from edge_mnist_exporter.gate_config import GateConfig

LIMITS = GateConfig(max_drop_points=0.5, min_agreement=0.99)

ALIKE = Comparison(
    top1=0.99,
    expected_calibration_error=0.0,
    per_class_top1=(0.99,),
    delta_points=0.0,
    delta_interval_points=(-0.1, 0.1),
    mcnemar_p=1.0,
    lost=0,
    gained=0,
    agreement=1.0,
    max_abs_probability_diff=0.01,
    flips=(),
)


def figures(**changes: float) -> Comparison:
    return replace(ALIKE, **changes)


def parity(agreement: float) -> Int8Parity:
    return Int8Parity("m_int8.tflite", "m_int8.onnx", agreement, 1 / 256, 0, 1.0, (1,))


def failed(reference_top1: float, *files: Comparison, limits: GateConfig = LIMITS) -> list[str]:
    named = [(f"file{number}", comparison) for number, comparison in enumerate(files)]
    return [gate.name for gate in judge(reference_top1, named, limits) if not gate.passed]


def test_perfect_file_passes_every_gate():
    assert failed(0.99, figures()) == []


@pytest.mark.parametrize("delta_points", [-0.5, 100 * (0.995 - 1.0), 100 * (0.9912 - 0.9962), 0.4, 12.0])
def test_drop_within_the_limit_passes(delta_points):
    assert failed(0.99, figures(delta_points=delta_points)) == []


@pytest.mark.parametrize("delta_points", [-0.5001, -0.51, -89.0])
def test_drop_beyond_the_limit_fails(delta_points):
    assert failed(0.99, figures(delta_points=delta_points)) == ["drop_points(file0)"]


@pytest.mark.parametrize("agreement", [0.99, 9900 / 10_000, 1.0])
def test_agreement_at_or_above_the_limit_passes(agreement):
    assert failed(0.99, figures(agreement=agreement)) == []


@pytest.mark.parametrize("agreement", [0.9899, 0.1, 0.0])
def test_agreement_below_the_limit_fails(agreement):
    assert failed(0.99, figures(agreement=agreement)) == ["agreement(file0)"]


def test_reference_with_too_low_accuracy_fails():
    assert failed(MIN_REFERENCE_TOP1, figures()) == []
    assert failed(0.4999, figures()) == ["reference_top1"]


def test_every_file_has_its_own_gates():
    good, bad = figures(), figures(delta_points=-1, agreement=0.9)
    assert failed(0.99, good, bad, good) == ["drop_points(file1)", "agreement(file1)"]


def test_file_that_answers_otherwise_in_the_runtime_is_judged_there_as_well():
    bad = figures(delta_points=-1, agreement=0.9)
    gates = judge(0.99, [("m.onnx", ALIKE)], LIMITS, runtime=[("m.onnx", bad)])
    place = "m.onnx in edge-mnist's runtime"
    assert [(gate.name, gate.passed, gate.files) for gate in gates[1:]] == [
        ("drop_points(m.onnx)", True, ("m.onnx",)),
        ("agreement(m.onnx)", True, ("m.onnx",)),
        (f"drop_points({place})", False, ("m.onnx",)),
        (f"agreement({place})", False, ("m.onnx",)),
    ]


def test_nan_never_passes():
    assert failed(0.99, figures(delta_points=math.nan, agreement=math.nan)) == [
        "drop_points(file0)",
        "agreement(file0)",
    ]


def test_gate_has_value_and_limit():
    gates = {gate.name: gate for gate in judge(0.99, [("edge_int8.onnx", figures(delta_points=-0.25))], LIMITS)}
    drop = gates["drop_points(edge_int8.onnx)"]
    assert (drop.value, drop.limit) == (0.25, "<= 0.5")
    assert gates["agreement(edge_int8.onnx)"].limit == ">= 0.99"
    assert gates["reference_top1"].value == 0.99


def test_margin_is_the_distance_from_the_limit():
    gates = {gate.name: gate for gate in judge(0.4, [("file", figures(delta_points=-2.0, agreement=0.999))], LIMITS)}
    assert gates["drop_points(file)"].margin == -1.5
    assert gates["agreement(file)"].margin == pytest.approx(0.009)
    assert gates["reference_top1"].margin == pytest.approx(-0.1)
    assert (gates["reference_top1"].files, gates["agreement(file)"].files) == ((), ("file",))


def test_limits_that_are_not_set_are_not_checked():
    worst = figures(max_abs_probability_diff=1.0, top1=0.0)
    assert [gate.name for gate in judge(0.99, [("f", worst)], LIMITS, parity(0.0))] == [
        "reference_top1",
        "drop_points(f)",
        "agreement(f)",
    ]


@pytest.mark.parametrize(("difference", "passes"), [(0.2, True), (0.1 + 0.1, True), (0.2001, False), (1.0, False)])
def test_probability_difference_is_checked_if_it_has_a_limit(difference, passes):
    found = failed(0.99, figures(max_abs_probability_diff=difference), limits=replace(LIMITS, max_probability_diff=0.2))
    assert found == ([] if passes else ["probability_diff(file0)"])


@pytest.mark.parametrize(("top1", "passes"), [(0.95, True), (1.0, True), (0.9499, False)])
def test_top1_of_a_file_is_checked_if_it_has_a_limit(top1, passes):
    found = failed(0.99, figures(top1=top1), limits=replace(LIMITS, min_top1=0.95))
    assert found == ([] if passes else ["top1(file0)"])


@pytest.mark.parametrize(("agreement", "passes"), [(0.998, True), (0.9979, False)])
def test_int8_pair_is_checked_once_if_it_has_a_limit(agreement, passes):
    gates = judge(0.99, [("m_int8.tflite", ALIKE)], replace(LIMITS, min_int8_parity=0.998), parity(agreement))
    (gate,) = [gate for gate in gates if gate.name == "int8_parity"]
    assert (gate.value, gate.passed, gate.files) == (agreement, passes, ("m_int8.tflite", "m_int8.onnx"))


def test_no_loss_is_not_shown_as_minus_zero():
    drop = judge(0.99, [("file", figures(delta_points=0.0))], LIMITS)[1]
    assert math.copysign(1, drop.value) == 1


@given(st.floats(-100, 100), st.floats(0, 1))
def test_worse_figures_never_pass_if_better_ones_fail(delta_points, agreement):
    better = set(failed(0.99, figures(delta_points=delta_points, agreement=agreement)))
    worse = set(failed(0.99, figures(delta_points=delta_points - 0.1, agreement=agreement - 0.01)))
    assert better <= worse
