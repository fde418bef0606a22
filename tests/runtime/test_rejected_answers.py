"""Rejected predictions and their reasons."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_runtime import open_model
from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.errors import ContractError
from edge_mnist_runtime.prediction import Prediction, Quality, explain_rejection, reject


def spread(*largest: float) -> np.ndarray:
    """Ten probabilities that sum to 1 and begin with the given ones."""
    rest = (1 - sum(largest)) / (10 - len(largest))
    return np.array([*largest, *[rest] * (10 - len(largest))], np.float32)


def test_two_digits_that_share_the_probability_are_ambiguous():
    assert explain_rejection(spread(0.5, 0.45), 0.6) == "ambiguous"


def test_probability_spread_over_many_is_no_digit():
    assert explain_rejection(spread(0.3, 0.2), 0.6) == "no digit"
    assert explain_rejection(spread(), 0.6) == "no digit"


def test_confident_but_rejected_prediction_is_no_digit():
    assert explain_rejection(spread(0.7, 0.29), 0.6) == "no digit"


@given(st.lists(st.floats(0.01, 1), min_size=10, max_size=10))
def test_reason_does_not_depend_on_the_order_of_the_digits(values):
    probabilities = np.array(values, np.float32) / np.float32(sum(values))
    assert explain_rejection(probabilities, 0.6) == explain_rejection(probabilities[::-1], 0.6)


def test_accepted_prediction_has_no_reason():
    assert Prediction(3, 0.9, spread(0.9)).accepted
    assert not Prediction(None, 0.4, spread(0.4), "no digit").accepted


def test_likeliest_digit_of_a_rejected_picture_is_told():
    assert Prediction(3, 0.9, spread(0.9)).likeliest == 3
    rejected = Prediction(None, 0.4, spread(0.1, 0.2, 0.4), "no digit")
    assert (rejected.digit, rejected.likeliest, rejected.to_dict()["likeliest"]) == (None, 2, 2)


def test_blank_picture_has_no_likeliest_digit():
    assert reject("blank").likeliest is None
    assert reject("blank").to_dict()["likeliest"] is None


def test_rejected_prediction_differs_from_the_accepted_one_of_the_same_probabilities():
    accepted, rejected = Prediction(0, 0.4, spread(0.4)), Prediction(None, 0.4, spread(0.4), "no digit")
    assert accepted != rejected
    assert len({accepted, rejected, Prediction(0, 0.4, spread(0.4))}) == 2


def test_to_dict_has_all_fields():
    record = Prediction(None, 0.4, spread(0.4), "ambiguous", Quality(20.04, 0.51234)).to_dict()
    assert (record["digit"], record["accepted"], record["reason"]) == (None, False, "ambiguous")
    assert record["quality"] == {"side_pixels": 20.0, "contrast": 0.512}
    assert sum(record["probabilities"]) == pytest.approx(1)


def contract_with(least_confidence: object) -> ModelContract:
    """The contract of a bundled model with another minimum confidence."""
    fields = {**json.loads(open_model("nano").contract.to_json()), "least_confidence": least_confidence}
    return ModelContract.from_json(json.dumps(fields), origin="test")


@pytest.mark.parametrize("stored", [None, 0, 0.0])
def test_model_file_without_a_threshold_has_the_threshold_0(stored):
    assert contract_with(stored).least_confidence == 0.0


@pytest.mark.parametrize("stored", [-0.1, 1, float("nan"), "0.5", [0.5]])
def test_threshold_that_is_not_a_probability_is_refused(stored):
    with pytest.raises(ContractError, match="malformed contract"):
        contract_with(stored)
