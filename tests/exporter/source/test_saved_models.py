"""Models as .keras, .h5 and SavedModel are read, and code inside them does not run unless allowed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_mnist_exporter.config import SourceConfig
from edge_mnist_exporter.source.source_model import find_source, load_source
from edge_mnist_runtime.contract import NAMED_RANGES
from edge_mnist_runtime.errors import CorruptModelError, UnsupportedModelError

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5:UserWarning")]

UNSAFE = SourceConfig(unsafe=True)
BYTES = SourceConfig(input_range=NAMED_RANGES["0..255"])


@pytest.fixture(scope="module")
def tf():
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def saved(blob_model, blob_file, tmp_path_factory):
    """The same network in every form, with the expected notes. A SavedModel hides its rescaling layer."""
    folder = tmp_path_factory.mktemp("saved")
    blob_model.save(folder / "blobs.h5")
    blob_model.export(folder / "blobs", verbose=False)
    return {"keras": (blob_file, None), "h5": (folder / "blobs.h5", None), "SavedModel": (folder / "blobs", BYTES)}


FORMS = ("keras", "h5", "SavedModel")


@pytest.mark.parametrize("form", FORMS)
def test_every_file_form_gives_equal_predictions_and_its_own_hash(form, saved, blob_model, blob_images):
    path, config = saved[form]
    assert find_source(path) == ("blobs", path)
    source, again = (load_source("blobs", path, config) for _ in range(2))
    assert np.allclose(source.probabilities(blob_images), blob_model.predict(blob_images, verbose=0), atol=1e-5)
    assert source.sha256 == again.sha256
    others = [load_source("blobs", *saved[other]).sha256 for other in FORMS if other != form]
    assert source.sha256 not in others


@pytest.mark.parametrize("form", ["h5", "SavedModel"])
@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_every_form_is_converted(form, format_name, precision, saved, convert, blob_images, blob_calibration):
    source = load_source("blobs", *saved[form])
    expected = source.probabilities(blob_images)
    file = convert(source, format_name, precision, blob_calibration)
    found = file.engine.run(blob_images)
    assert file.engine.inputs[0].dtype == "uint8"
    assert np.array_equal(found.argmax(1), expected.argmax(1))
    assert np.abs(found - expected).max() < (1e-5 if precision == "fp32" else 0.1)


@pytest.mark.parametrize("precision", ["fp16", "dynamic", "int16x8"])
def test_saved_model_is_converted_to_other_precisions(precision, saved, convert, blob_images, blob_calibration):
    source = load_source("blobs", *saved["SavedModel"])
    found = convert(source, "tflite", precision, blob_calibration).engine.run(blob_images)
    assert np.abs(found - source.probabilities(blob_images)).max() < 0.05


@pytest.fixture
def save_with_lambda(tmp_path):
    """Save a model with a Lambda layer in a nested model; the layer touches a file when it runs."""

    def save(suffix: str) -> tuple[Path, Path]:
        import keras
        from keras import layers

        marker = tmp_path / "was-run"
        name = str(marker)
        code = layers.Lambda(
            lambda x: (__import__("pathlib").Path(name).touch(), x)[1], output_shape=(16, 16, 3), name="secret"
        )
        inner = keras.Sequential([keras.Input((16, 16, 3)), code], name="inner")
        model = keras.Sequential([keras.Input((16, 16, 3)), inner, layers.Flatten(), layers.Dense(5, "softmax")])
        path = tmp_path / f"hidden{suffix}"
        model.save(path)
        marker.unlink(missing_ok=True)
        return path, marker

    return save


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layer_is_refused_by_name_and_not_run(suffix, save_with_lambda):
    path, marker = save_with_lambda(suffix)
    with pytest.raises(UnsupportedModelError, match=rf"hidden{suffix}: the layer secret holds Python .* `unsafe=True`"):
        load_source("hidden", path)
    assert not marker.exists()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_lambda_layer_runs_with_unsafe(suffix, save_with_lambda, blob_images):
    path, marker = save_with_lambda(suffix)
    assert load_source("hidden", path, UNSAFE).probabilities(blob_images).shape == (100, 5)
    assert marker.exists()


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_layer_of_an_unknown_class_is_refused_by_its_name(suffix, tmp_path):
    import keras

    @keras.saving.register_keras_serializable("somebody")
    class Swirl(keras.layers.Layer):
        def call(self, inputs):
            return 2 * inputs

    image = keras.Input((8, 8, 3))
    answers = keras.layers.Dense(5, activation="softmax")(keras.layers.Flatten()(Swirl()(image)))
    keras.Model(image, answers).save(tmp_path / f"custom{suffix}")
    del keras.saving.get_custom_objects()["somebody>Swirl"]
    with pytest.raises(UnsupportedModelError, match=r"of the class Swirl, .* SavedModel"):
        load_source("custom", tmp_path / f"custom{suffix}")


@pytest.fixture
def save_function(tf, tmp_path):
    """Save a function of a tensor as a SavedModel."""

    def save(function, shape, dtype="float32", name="serving_default"):
        traced = tf.function(function, input_signature=[tf.TensorSpec(shape, dtype)])
        module = tf.Module()
        module.traced = traced
        tf.saved_model.save(module, str(tmp_path / "saved"), signatures={name: traced})
        return tmp_path / "saved"

    return save


def first_two(tf, x):
    return tf.nn.softmax(tf.reshape(tf.cast(x, tf.float32), (-1, 64))[:, :2])


def test_saved_model_not_made_by_keras_is_read(tf, save_function):
    source = load_source("saved", save_function(lambda x: {"p": first_two(tf, x)}, (None, 8, 8, 1)))
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    assert np.allclose(source.probabilities(images), first_two(tf, images / np.float32(255)), atol=1e-6)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda tf, save: save(lambda x: {"p": first_two(tf, x)}, (None, 8, 8, 1), "uint8"), "takes uint8"),
        (lambda tf, save: save(lambda x: {"p": first_two(tf, x)}, (1, 8, 8, 1)), "takes exactly 1 images at once"),
        (lambda tf, save: save(lambda x: {"p": first_two(tf, x)}, (None, None, 8, 1)), "whose size is free"),
        (lambda tf, save: save(lambda x: {"p": first_two(tf, x)}, None), "fixed shape"),
        (lambda tf, save: save(lambda x: {"p": x, "q": x}, (None, 8, 8, 1)), "1 inputs and 2 outputs"),
        (lambda tf, save: save(lambda x: {"p": first_two(tf, x)}, (None, 8, 8, 1), name="predict"), "serving_default"),
    ],
)
def test_saved_model_of_another_kind_is_refused(make, words, tf, save_function):
    with pytest.raises(UnsupportedModelError, match=words):
        load_source("saved", make(tf, save_function))


def test_saved_model_that_writes_files_is_refused_and_not_run(tf, save_function, tmp_path):
    marker = tmp_path / "was-written"

    def write(x):
        with tf.control_dependencies([tf.io.write_file(str(marker), "x")]):
            return {"p": first_two(tf, x)}

    folder = save_function(write, (None, 8, 8, 1))
    with pytest.raises(UnsupportedModelError, match=r"operation WriteFile .* `unsafe=True`"):
        load_source("saved", folder)
    assert not marker.exists()
    load_source("saved", folder, UNSAFE)
    assert marker.exists()


@pytest.mark.parametrize("content", [b"", b"Dear model,"])
def test_folder_without_a_valid_saved_model_is_corrupt(content, tmp_path):
    (tmp_path / "saved_model.pb").write_bytes(content)
    with pytest.raises(CorruptModelError, match=str(tmp_path)):
        load_source("saved", tmp_path)


@pytest.mark.parametrize("content", [b"", b"Dear model,", b"\x89HDF\r\n\x1a\n and no more"])
def test_invalid_h5_file_is_corrupt(content, tmp_path):
    (tmp_path / "letter.h5").write_bytes(content)
    with pytest.raises(CorruptModelError, match=r"letter.h5"):
        load_source("letter", tmp_path / "letter.h5")


def test_nan_in_the_weights_of_a_saved_model_is_found(tmp_path):
    import keras

    dense = keras.layers.Dense(5, activation="softmax", name="answers")
    model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), dense])
    kernel, bias = dense.get_weights()
    kernel[0, 0] = np.nan
    dense.set_weights([kernel, bias])
    model.export(tmp_path / "saved", verbose=False)
    with pytest.raises(UnsupportedModelError, match=r"answers_kernel:0 holds NaN or infinity"):
        load_source("saved", tmp_path / "saved")
