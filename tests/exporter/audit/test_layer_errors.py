"""The signal-to-noise ratio, the error of rounding to steps, and finding layers by name."""

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


def test_noise_of_one_tenth_is_20_decibels():
    assert signal_to_noise(values(3, 4), values(3.3, 4.4)) == pytest.approx(20, abs=1e-4)


def test_noise_as_strong_as_the_signal_is_0_decibels():
    assert signal_to_noise(values(3, 4), values(0, 0)) == 0


def test_no_noise_gives_a_finite_number():
    assert signal_to_noise(values(1, 2), values(1, 2)) == NO_NOISE_DB


def test_zero_signal_with_noise_gives_the_lowest_ratio():
    assert signal_to_noise(values(0, 0), values(1, 0)) == -NO_NOISE_DB


def test_median_ignores_channels_that_are_all_zero():
    exact = np.array([[1, 100, 0], [1, 100, 0]], np.float32)
    found = np.array([[0, 100, 5], [0, 100, 5]], np.float32)
    assert signal_to_noise(exact, found) > 20  # the strong channel hides the error of the weak one
    assert median_signal_to_noise(exact, found, channel_axis=1) == (0 + NO_NOISE_DB) / 2


def test_rounding_clips_values_outside_the_range():
    rounded = round_to_steps(values(-1, 0.26, 0.24, 200), 0.5, 10, np.uint8)
    assert rounded.tolist() == [-1, 0.5, 0, (255 - 10) * 0.5]


@given(st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=30), st.floats(0.001, 0.1))
def test_rounding_error_within_the_range_is_at_most_half_a_step(numbers, step):
    exact = np.clip(values(*numbers), -127 * step, 127 * step)
    assert np.abs(round_to_steps(exact, step, 0, np.int8) - exact).max() <= step / 2 + 1e-5


@given(st.integers(2, 12))
def test_one_more_bit_gains_6_decibels(bits):
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
def test_layer_is_found_by_names_in_converted_files(names, layer):
    assert find_layer(names, LAYERS) == layer
