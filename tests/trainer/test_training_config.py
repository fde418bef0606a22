"""Settings of a training run."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.augment.settings import AffineRange, Augmentation
from edge_mnist_trainer.config import TrainingConfig
from edge_mnist_trainer.networks.architectures import ARCHITECTURES
from edge_mnist_trainer.typed_json import parse_record

finite = st.floats(0, 100)
augmentations = st.builds(
    Augmentation,
    affine=st.builds(AffineRange, finite, finite, finite, finite),
    elastic_pixels=finite,
    corrupted_part=st.floats(0, 1),
    printed_part=st.floats(0, 0.5),
    drawn_part=st.floats(0, 0.4),
)
configs = st.builds(
    TrainingConfig,
    epochs=st.integers(1, 1000),
    batch_size=st.integers(1, 10_000),
    seed=st.integers(0, 2**31 - 1),
    optimizer=st.sampled_from(["adam", "adamw"]),
    schedule=st.sampled_from(["cosine", "constant"]),
    peak_learning_rate=st.floats(1e-9, 10),
    warmup_part=st.floats(0, 1),
    weight_decay=finite,
    longest_average_steps=st.integers(0, 10_000),
    augmentation=st.none() | augmentations,
    keep=st.sampled_from(["best", "last"]),
    patience=st.none() | st.integers(1, 100),
)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("`epochs`", {"epochs": 0}),
        ("`epochs`", {"epochs": -1}),
        ("`batch_size`", {"batch_size": 0}),
        ("`batch_size`", {"batch_size": -5}),
        ("`seed`", {"seed": -1}),
        ("`seed`", {"seed": 2**31}),
        ("`peak_learning_rate`", {"peak_learning_rate": 0.0}),
        ("`peak_learning_rate`", {"peak_learning_rate": -0.1}),
        ("`peak_learning_rate`", {"peak_learning_rate": float("nan")}),
        ("`peak_learning_rate`", {"peak_learning_rate": float("inf")}),
        ("`patience`", {"patience": 0}),
        ("`patience`", {"patience": -3}),
    ],
)
def test_value_out_of_range_is_refused_with_the_name_of_its_field(field, values):
    with pytest.raises(UsageError, match=rf"^{field} .*{next(iter(values.values()))}"):
        TrainingConfig(**values)


def test_smallest_values_are_accepted():
    config = TrainingConfig(epochs=1, batch_size=1, seed=0, patience=1)
    assert (config.epochs, config.patience) == (1, 1)


@given(configs)
def test_config_survives_json(config):
    assert parse_record(TrainingConfig, json.loads(json.dumps(asdict(config)))) == config


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_config_of_every_network_survives_json(name):
    config = ARCHITECTURES[name].config
    assert parse_record(TrainingConfig, json.loads(json.dumps(asdict(config)))) == config


def test_parsing_a_config_does_not_change_the_stored_data():
    stored = json.loads(json.dumps(asdict(TrainingConfig())))
    before = json.dumps(stored)
    parse_record(TrainingConfig, stored)
    assert json.dumps(stored) == before


@pytest.mark.parametrize(("total_steps", "horizon"), [(1, 1), (200, 10), (1_000_000, 1000)])
def test_average_horizon_is_a_twentieth_of_a_short_run(total_steps, horizon):
    assert TrainingConfig().average_momentum(total_steps) == pytest.approx(1 - 1 / horizon)


def test_no_average_if_it_is_turned_off():
    assert TrainingConfig(longest_average_steps=0).average_momentum(1000) is None
