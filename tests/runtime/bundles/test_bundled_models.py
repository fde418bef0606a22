"""The models inside the package, by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL, find_bundled
from edge_mnist_runtime.errors import UsageError


@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_every_bundled_model_is_int8_under_its_own_name(name: str) -> None:
    contract = DigitClassifier(name).engine.contract
    assert (contract.name, contract.precision) == (name, "int8")


@pytest.mark.parametrize("name", ["robust", "edge", "micro"])
def test_bundled_models_read_the_sample_pictures(name: str) -> None:
    classifier = DigitClassifier(name)
    for file, data in read_samples().items():
        assert classifier.predict(data).digit == int(file[0]), file


def test_no_name_means_the_default() -> None:
    assert DigitClassifier().engine.sha256 == DigitClassifier(DEFAULT_MODEL).engine.sha256


def test_file_of_that_name_goes_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_bundled("edge") == BUNDLED_MODELS["edge"]
    Path("edge").mkdir()
    assert find_bundled("edge") is None


def test_unknown_name_is_refused_as_a_path() -> None:
    with pytest.raises(UsageError, match="nosuch"):
        DigitClassifier("nosuch")
