"""The fast path for a single tensor in bytes gives the same predictions as arrays."""

from __future__ import annotations

import pickle
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.prediction import Prediction

IMAGES = load_samples().images
BLENDED = np.stack([one // 2 + other // 2 for one, other in combinations(IMAGES, 2)])
"""Two digits on top of each other, which give low confidence."""
NOISE = np.pad(np.random.default_rng(0).integers(0, 256, (20, 20, 20, 1), np.uint8), ((0, 0), (4, 4), (4, 4), (0, 0)))
"""No digits, which every model rejects."""


@pytest.mark.parametrize("model", BUNDLED_MODELS)
def test_single_tensor_is_classified_as_in_a_batch(model: str) -> None:
    classifier = DigitClassifier(model)
    images = np.concatenate([IMAGES, BLENDED, NOISE])[..., 0]
    alone = [classifier.predict(image) for image in images]
    assert alone == classifier.predict_batch(images)
    assert [one.confidence for one in alone] == [float(one.probabilities.max()) for one in alone]
    assert {one.accepted for one in alone} == {True, False}, "accepted and rejected images are both needed here"


def probabilities_of(prediction: Prediction) -> npt.NDArray[np.float32]:
    return np.array([*prediction.to_dict()["probabilities"]], np.float32)


def test_probabilities_as_bytes_equal_the_array_also_after_pickling() -> None:
    values = np.linspace(0, 0.1, 10, dtype=np.float32)
    kept, given = Prediction(9, 0.1, values.tobytes()), Prediction(9, 0.1, values)
    assert kept == given
    assert hash(kept) == hash(given)
    assert pickle.loads(pickle.dumps(kept)) == given
    assert np.array_equal(probabilities_of(kept), values)
    assert kept.probabilities is kept.probabilities
    with pytest.raises(ValueError, match="read-only"):
        kept.probabilities[0] = 1


def test_nan_output_is_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    classifier = DigitClassifier()
    nothing = np.full(10, np.nan, np.float32)
    monkeypatch.setattr(classifier.engine, "run_bytes", lambda _image: nothing.tobytes(), raising=True)
    assert not classifier.predict(IMAGES[0, ..., 0]).accepted
