"""Saved .keras files can be read by older versions of Keras, with the same bytes for the same network."""

from __future__ import annotations

import json
import warnings
import zipfile

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model():
    from edge_mnist_trainer.networks.architectures import find_architecture

    return find_architecture("edge").build()


@pytest.fixture
def saved(model, tmp_path):
    from edge_mnist_trainer.networks.keras_file import save_keras

    save_keras(model, tmp_path / "model.keras")
    return tmp_path / "model.keras"


def test_saved_network_loads_as_the_same_network(model, saved):
    import keras

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = keras.models.load_model(saved, compile=False)
        image = np.full((1, 28, 28, 1), 0.5, np.float32)
        assert np.array_equal(loaded(image), model(image))
    assert loaded.name == model.name
    assert all(np.array_equal(*pair) for pair in zip(loaded.get_weights(), model.get_weights(), strict=True))


def test_same_network_is_saved_as_the_same_bytes(model, saved, tmp_path):
    from edge_mnist_trainer.networks.keras_file import save_keras

    save_keras(model, tmp_path / "again.keras")
    assert (tmp_path / "again.keras").read_bytes() == saved.read_bytes()


def test_rebuilt_network_with_the_same_weights_is_saved_as_the_same_bytes(model, saved, tmp_path):
    import keras

    from edge_mnist_trainer.networks.architectures import find_architecture
    from edge_mnist_trainer.networks.keras_file import save_keras

    # As in another process, the objects that Keras shares between layers have other addresses.
    keras.utils.clear_session()
    twin = find_architecture("edge").build()
    twin.set_weights(model.get_weights())
    save_keras(twin, tmp_path / "twin.keras")
    with zipfile.ZipFile(saved) as one, zipfile.ZipFile(tmp_path / "twin.keras") as other:
        assert one.read("config.json") == other.read("config.json")
    assert (tmp_path / "twin.keras").read_bytes() == saved.read_bytes()


def keys_of(config) -> set[str]:
    """Every key at any depth."""
    if isinstance(config, dict):
        return set(config).union(*map(keys_of, config.values()))
    return set().union(*map(keys_of, config)) if isinstance(config, list) else set()


def test_arguments_that_older_versions_refuse_are_left_out(saved):
    from edge_mnist_trainer.networks.keras_file import UNKNOWN_TO_KERAS_3_12

    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
    assert not keys_of(config) & set(UNKNOWN_TO_KERAS_3_12)
    assert {"filters", "momentum", "units"} <= keys_of(config)


def test_argument_with_another_value_than_its_default_is_kept():
    # This uses plain dictionaries, because layers of the oldest supported Keras do not have the argument.
    from edge_mnist_trainer.networks.keras_file import _drop_defaults

    config = {"layers": [{"renorm": True, "renorm_momentum": 0.99, "renorm_clipping": None, "units": None}]}
    assert _drop_defaults(config) == {"layers": [{"renorm": True, "units": None}]}
