"""Signal to noise: its definition, and what rounding to steps costs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_exporter.audit.layer_errors import NO_NOISE_DB, median_signal_to_noise, round_to_steps, signal_to_noise
from edge_mnist_exporter.formats.layer_names import find_layer


def values(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)


def test_noise_of_a_tenth_is_twenty_decibels():
    assert signal_to_noise(values(3, 4), values(3.3, 4.4)) == pytest.approx(20, abs=1e-4)


def test_noise_as_strong_as_the_signal_is_zero_decibels():
    assert signal_to_noise(values(3, 4), values(0, 0)) == 0


def test_no_noise_is_a_number_that_json_knows():
    assert signal_to_noise(values(1, 2), values(1, 2)) == NO_NOISE_DB


def test_silence_with_noise_is_as_bad_as_can_be():
    assert signal_to_noise(values(0, 0), values(1, 0)) == -NO_NOISE_DB


def test_median_is_over_channels_that_are_heard():
    exact = np.array([[1, 100, 0], [1, 100, 0]], np.float32)
    found = np.array([[0, 100, 5], [0, 100, 5]], np.float32)
    assert signal_to_noise(exact, found) > 20  # the strong channel hides what the weak one lost
    assert median_signal_to_noise(exact, found, channel_axis=1) == (0 + NO_NOISE_DB) / 2


def test_rounding_cuts_off_what_lies_beyond_the_range():
    rounded = round_to_steps(values(-1, 0.26, 0.24, 200), 0.5, 10, np.uint8)
    assert rounded.tolist() == [-1, 0.5, 0, (255 - 10) * 0.5]


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=30), st.floats(0.001, 0.1))
def test_rounding_within_the_range_is_off_by_half_a_step_at_most(numbers, step):
    exact = np.clip(values(*numbers), -127 * step, 127 * step)
    assert np.abs(round_to_steps(exact, step, 0, np.int8) - exact).max() <= step / 2 + 1e-5


@given(st.integers(2, 12))
def test_one_bit_more_is_worth_six_decibels(bits):
    exact = np.linspace(-1, 1, 20001, dtype=np.float32)
    coarse, fine = (exact - np.rint(exact * 2**b) / np.float32(2**b) for b in (bits, bits + 1))
    gain = signal_to_noise(exact, exact - fine) - signal_to_noise(exact, exact - coarse)
    assert gain == pytest.approx(20 * math.log10(2), abs=0.7)


LAYERS = (("conv1", True), ("relu1", False), ("conv10", True), ("pool", False))


@pytest.mark.parametrize(
    ("names", "layer"),
    [
        (["edge_1/relu1_1/Relu;edge_1/conv1_1/convolution"], "conv1"),
        (["edge_1/conv10_3/convolution/merged_input:0"], "conv10"),
        (["edge_1/pool/MaxPool"], "pool"),
        (["edge_1/relu1/Relu:0"], "relu1"),
        (["Conv__22", "edge_1/norm9/batchnorm"], None),
        (["edge_1/conv100/convolution"], None),
        (["edge_1/conv10_1/conv1/depthwise"], "conv10"),
        (["edge_1/pool/Mul", "edge_1/conv1_1/kernel"], "conv1"),
    ],
)
def test_layer_is_found_by_the_names_that_converters_leave(names, layer):
    assert find_layer(names, LAYERS) == layer
