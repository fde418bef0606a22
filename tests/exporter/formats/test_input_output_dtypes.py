"""Files with uint8, int8 or float input give the same predictions through the engine."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.config import SourceConfig
from edge_mnist_exporter.kinds import DTYPES_OF_KIND, FORMAT_NAMES
from edge_mnist_exporter.source.options import parse_input_range
from edge_mnist_exporter.source.source_model import load_source
from edge_mnist_runtime.engines import to_input
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.errors import PrecisionProofError

pytestmark = pytest.mark.slow

EVERY_KIND = [
    (name, precision, io)
    for (name, precision), dtypes in DTYPES_OF_KIND.items()
    for io in dtypes
    if name in FORMAT_NAMES  # no engine runs C source
]


@pytest.fixture(scope="module")
def files(blob_source, convert, blob_calibration):
    """A file of every kind."""
    return {
        (name, precision, io): convert(blob_source, name, precision, blob_calibration, io=io)
        for name, precision, io in EVERY_KIND
    }


@pytest.mark.parametrize(("format_name", "precision", "io"), EVERY_KIND)
def test_file_has_the_requested_input_dtype_and_predicts_like_keras(
    format_name, precision, io, files, blob_source, blob_images
):
    file = files[format_name, precision, io]
    engine = open_engine(file.data, file_name=f"blobs.{format_name}")
    (image,), (probabilities,) = engine.inputs, engine.outputs
    assert (image.dtype, image.shape[1:]) == (io, (16, 16, 3))
    assert probabilities.shape[1:] == (5,)
    assert engine.contract.precision == precision
    found, expected = engine.run(blob_images), blob_source.probabilities(blob_images)
    assert (found.dtype, found.shape) == (np.float32, (100, 5))
    assert np.array_equal(found.argmax(1), expected.argmax(1))
    limits = {"fp32": 1e-5, "fp16": 1e-2, "int16x8": 0.02}
    assert np.abs(found - expected).max() < limits.get(precision, 0.1)


@pytest.mark.parametrize(("format_name", "precision", "io"), EVERY_KIND)
def test_single_images_give_the_predictions_of_a_batch(format_name, precision, io, files, blob_images):
    engine = files[format_name, precision, io].engine
    single = np.concatenate([engine.run(blob_images[i : i + 1]) for i in range(10)])
    assert np.allclose(single, engine.run(blob_images[:10]), atol=1e-6)
    assert b"".join(engine.run_bytes(image.tobytes()) for image in blob_images[:10]) == single.tobytes()


@pytest.mark.parametrize(("format_name", "precision"), [kind for kind, dtypes in DTYPES_OF_KIND.items() if dtypes[1:]])
def test_predictions_do_not_depend_on_the_input_dtype(format_name, precision, files, blob_images):
    usual, *others = (
        files[format_name, precision, io].engine.run(blob_images) for io in DTYPES_OF_KIND[format_name, precision]
    )
    for other in others:
        assert np.abs(other - usual).max() <= (1e-5 if precision in ("fp32", "fp16", "dynamic") else 1e-7)


def test_int8_tflite_output_has_the_input_dtype_and_all_others_are_float(files):
    for (format_name, precision, io), file in files.items():
        quantized = format_name == "tflite" and precision == "int8"
        assert file.engine.outputs[0].dtype == (io if quantized else "float32")


def test_contract_states_scale_and_zero_point_only_for_8_bit_inputs(files):
    for (_, precision, io), file in files.items():
        contract, (image,) = file.engine.contract, file.audit.inputs
        stated = (contract.input_scale, contract.input_zero_point)
        if precision != "int8" or io == "float32":
            assert stated == (image.scale, image.zero_point) == (None, None)
        else:
            assert stated == (pytest.approx(image.scale, rel=1e-6), -128 if io == "int8" else 0)


def test_signed_input_is_the_byte_minus_128(files):
    contract = files["tflite", "int8", "int8"].engine.contract
    images = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    assert np.array_equal(to_input(images, "int8", contract), images.astype(np.int16) - 128)
    assert to_input(images, "uint8", contract) is images


@pytest.fixture(scope="module")
def signed_source(blob_model, tmp_path_factory):
    """The same network for inputs in -1..1, without a rescaling layer. Its mean, 127.5, is between two bytes."""
    import keras
    from keras import layers

    image = keras.Input((16, 16, 3))
    to_unit = layers.DepthwiseConv2D(1)
    x = to_unit(image)
    for layer in blob_model.layers[2:]:
        x = layer(x)
    model = keras.Model(image, x)
    to_unit.set_weights([np.full((1, 1, 3, 1), 0.5), np.full(3, 0.5)])
    path = tmp_path_factory.mktemp("signed") / "signed.keras"
    model.save(path)
    return load_source("signed", path, SourceConfig(input_range=parse_input_range("-1..1")))


@pytest.mark.parametrize("format_name", ["tflite", "onnx"])
def test_float_input_has_the_range_of_the_network(format_name, signed_source, convert, blob_images, blob_calibration):
    expected = signed_source.probabilities(blob_images)
    for precision, limit in (("fp32", 1e-5), ("int8", 0.1)):
        for io in ("uint8", "float32"):
            engine = convert(signed_source, format_name, precision, blob_calibration, io=io).engine
            assert np.abs(engine.run(blob_images) - expected).max() < limit
    values = to_input(blob_images, "float32", engine.contract)
    assert values.min() >= -1
    assert values.max() <= 1
    assert values.min() < -0.9


def test_file_with_another_input_dtype_than_requested_is_refused(files, blob_source, blob_calibration):
    from edge_mnist_exporter.config import ConversionConfig
    from edge_mnist_exporter.conversion import make_request, prove
    from edge_mnist_exporter.kinds import Kind

    request = make_request(blob_source, blob_calibration, Kind("onnx", "fp32", "float32"), ConversionConfig())
    with pytest.raises(PrecisionProofError, match="takes uint8; float32 was requested"):
        prove(request, files["onnx", "fp32", "uint8"].data)
