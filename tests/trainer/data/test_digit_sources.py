"""Sources of digits, and files that must not be taken for MNIST."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest
from sklearn.datasets import load_digits

from edge_mnist_runtime.dataset import DATA_VARIABLE, MNIST_SHA256
from edge_mnist_runtime.errors import DataError, DataNotFoundError
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_trainer.data.sources import STAND_IN_NAME, load_export_digits, load_mnist, load_stand_in

REPORT_SOURCES = """
import json, sys
from pathlib import Path
import numpy as np
from edge_mnist_runtime.errors import EdgeMnistError
from edge_mnist_trainer.data.sources import load_export_digits, load_mnist

def report():
    try:
        mnist = load_mnist("train").name
    except EdgeMnistError as error:
        mnist = type(error).__name__
    source = load_export_digits()
    halves = [[half.name, half.split, len(half), half.sha256] for half in (source.calibration, source.evaluation)]
    return {"mnist": mnist, "notice": source.notice, "halves": halves}

without_a_copy = report()
copy = Path(sys.argv[1]) / "datasets" / "mnist.npz"
copy.parent.mkdir(parents=True, exist_ok=True)
parts = (("train", 60_000), ("test", 10_000))
np.savez(
    copy,
    **{f"x_{part}": np.zeros((size, 28, 28), np.uint8) for part, size in parts},
    **{f"y_{part}": np.zeros(size, np.uint8) for part, size in parts},
)
print()  # Keras prints to standard output, too
print(json.dumps([without_a_copy, report()]))
"""


@pytest.fixture(scope="module")
def sources_without_network(run_script, without_network, tmp_path_factory):
    """What is loaded without MNIST and network: first without Keras's copy of MNIST, then with a wrong one."""
    home = tmp_path_factory.mktemp("keras")
    said = run_script(REPORT_SOURCES, home, env={DATA_VARIABLE: "", "KERAS_HOME": str(home)}, prefix=without_network)
    return json.loads(said.splitlines()[-1])


def image_hashes(images: np.ndarray) -> list[str]:
    return [hashlib.sha256(image.tobytes()).hexdigest() for image in images]


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(DataNotFoundError, match=r"nowhere.*`data`"):
        load_mnist("train", tmp_path / "nowhere")


def test_missing_folder_from_the_environment_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(DataNotFoundError, match=rf"nowhere.*{DATA_VARIABLE}"):
        load_export_digits()


def test_named_folder_without_files_is_not_replaced_by_the_stand_in(tmp_path):
    with pytest.raises(DataNotFoundError, match="train-images-idx3-ubyte"):
        load_export_digits(tmp_path)


def test_named_folder_with_other_content_is_refused(tmp_path):
    for name in MNIST_SHA256:
        (tmp_path / name).write_bytes(b"\x00\x00\x08\x01\x00\x00\x00\x01\x05")
    with pytest.raises(DataError, match="not MNIST's"):
        load_export_digits(tmp_path)


def test_named_folder_overrides_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(tmp_path / "of-the-environment"))
    (tmp_path / "named").mkdir()
    with pytest.raises(DataNotFoundError, match="named"):
        load_mnist("train", tmp_path / "named")


def test_stand_in_has_all_digits_of_scikit_learn():
    digits = load_stand_in()
    assert digits.name == STAND_IN_NAME
    assert (digits.images.shape, digits.images.dtype) == ((1797, 28, 28, 1), np.uint8)
    assert np.array_equal(digits.labels, load_digits().target)


def test_stand_in_is_preprocessed_like_other_pictures():
    digits, originals = load_stand_in(), load_digits().images
    for index in (0, 7, 900, 1796):
        ink = np.floor(originals[index] * 255 / 16).astype(np.uint8)
        assert np.array_equal(digits.images[index, :, :, 0], normalise_ink(ink))


@pytest.mark.slow
def test_stand_in_halves_are_disjoint_complete_and_noted(sources_without_network):
    digits, numbers = load_stand_in(), np.arange(1797)
    found, _ = sources_without_network
    assert found["mnist"] == "DataNotFoundError"
    assert "scikit-learn" in found["notice"]
    assert found["halves"] == [
        [STAND_IN_NAME, "even", 899, digits.take(numbers[::2], "even").sha256],
        [STAND_IN_NAME, "odd", 898, digits.take(numbers[1::2], "odd").sha256],
    ]


def test_stand_in_has_no_image_in_both_halves():
    hashes = image_hashes(load_stand_in().images)
    assert not set(hashes[::2]) & set(hashes[1::2])


@pytest.mark.slow
def test_cached_copy_with_other_content_is_refused(sources_without_network):
    _, found = sources_without_network
    assert found["mnist"] in ("DataNotFoundError", "DataError")
    assert [half[0] for half in found["halves"]] == [STAND_IN_NAME] * 2


def test_mnist_is_loaded_from_the_named_folder(mnist_folder):
    source = load_export_digits(mnist_folder)
    assert source.notice is None
    assert (source.calibration.name, source.calibration.split, len(source.calibration)) == ("mnist", "train", 55_000)
    assert (source.evaluation.name, source.evaluation.split, len(source.evaluation)) == ("mnist", "test", 10_000)


def test_mnist_halves_have_their_sizes(mnist_folder):
    assert load_mnist("train", mnist_folder).images.shape == (60_000, 28, 28, 1)
    assert load_mnist("t10k").labels.shape == (10_000,)
