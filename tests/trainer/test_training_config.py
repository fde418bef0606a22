"""Settings of a training run."""

from __future__ import annotations

import json

import pytest

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.config import TrainingConfig


@pytest.mark.parametrize(
    ("option", "values"),
    [
        ("--epochs", {"epochs": 0}),
        ("--epochs", {"epochs": -1}),
        ("--batch-size", {"batch_size": 0}),
        ("--batch-size", {"batch_size": -5}),
        ("--seed", {"seed": -1}),
        ("--seed", {"seed": 2**31}),
    ],
)
def test_value_out_of_range_is_refused_by_the_name_of_its_option(option, values):
    with pytest.raises(UsageError, match=rf"^{option} .*{next(iter(values.values()))}"):
        TrainingConfig(**values)


def test_smallest_values_are_accepted():
    assert TrainingConfig(epochs=1, batch_size=1, seed=0).epochs == 1


def test_config_goes_through_json():
    config = TrainingConfig()
    assert json.loads(json.dumps(config.to_dict()))["affine"]["shift_pixels"] == config.affine.shift_pixels


@pytest.mark.parametrize(("total_steps", "horizon"), [(1, 1), (200, 10), (1_000_000, 1000)])
def test_average_reaches_over_a_twentieth_of_a_short_run(total_steps, horizon):
    assert TrainingConfig().average_momentum(total_steps) == pytest.approx(1 - 1 / horizon)
