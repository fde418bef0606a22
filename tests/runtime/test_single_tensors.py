"""The short way of one tensor, in bytes, gives what arrays give: with any engine and any input of its file."""

from __future__ import annotations

import pickle
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.prediction import Prediction

IMAGES = load_samples().images
BLENDED = np.stack([one // 2 + other // 2 for one, other in combinations(IMAGES, 2)])
"""Two digits on top of each other, of which no network is sure."""


@pytest.mark.parametrize("model", ["robust", "edge", "nano"])
def test_one_tensor_is_answered_as_many_are(model: str) -> None:
    classifier = DigitClassifier(model)
    images = np.concatenate([IMAGES, BLENDED])[..., 0]
    alone = [classifier.predict(image) for image in images]
    assert alone == classifier.predict_batch(images)
    assert [one.confidence for one in alone] == [float(one.probabilities.max()) for one in alone]
    assert {one.accepted for one in alone} == {True, False}, "both endings of the way are taken"


def probabilities_of(prediction: Prediction) -> npt.NDArray[np.float32]:
    return np.array([*prediction.to_dict()["probabilities"]], np.float32)


def test_probabilities_kept_as_bytes_are_the_array_and_travel_as_it() -> None:
    values = np.linspace(0, 0.1, 10, dtype=np.float32)
    kept, given = Prediction(9, 0.1, values.tobytes()), Prediction(9, 0.1, values)
    assert kept == given
    assert hash(kept) == hash(given)
    assert pickle.loads(pickle.dumps(kept)) == given
    assert np.array_equal(probabilities_of(kept), values)
    assert kept.probabilities is kept.probabilities
    with pytest.raises(ValueError, match="read-only"):
        kept.probabilities[0] = 1


def test_network_that_gives_no_number_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = DigitClassifier()
    nothing = np.full(10, np.nan, np.float32)
    monkeypatch.setattr(classifier.engine, "run_bytes", lambda _image: nothing.tobytes(), raising=True)
    assert not classifier.predict(IMAGES[0, ..., 0]).accepted
