"""Files of one network share what the converter prepares: the result is the same, and it is prepared once."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from edge_mnist_exporter.config import ConversionConfig
from edge_mnist_exporter.kinds import Kind

pytestmark = pytest.mark.slow

INT8 = Kind("onnx", "int8", "uint8")


@pytest.fixture(scope="module")
def request_for(blob_source, blob_calibration):
    from edge_mnist_exporter.conversion import share_requests

    return share_requests(blob_source, blob_calibration, ConversionConfig())


def test_graph_is_prepared_once_for_all_files_of_a_network(request_for):
    from edge_mnist_exporter.formats.onnx_files.conversion import prepare

    mixed = replace(request_for(Kind("onnx", "mixed", "float32")), config=ConversionConfig(float_layers=("first",)))
    assert prepare(mixed) is prepare(request_for(INT8))


def test_other_settings_are_prepared_anew(request_for):
    from edge_mnist_exporter.formats.onnx_files.conversion import prepare

    request = request_for(INT8)
    assert prepare(replace(request, config=ConversionConfig(allow_saturation=True))) is not prepare(request)


def test_file_is_the_same_after_others_were_made(request_for, blob_source, blob_calibration):
    from edge_mnist_exporter.conversion import make_request
    from edge_mnist_exporter.formats import FORMATS

    onnx = FORMATS["onnx"]
    errors = onnx.measure_errors(request_for(INT8), blob_calibration)
    mixed = onnx.make_mixer(request_for(Kind("onnx", "mixed", "uint8")))((errors[-1].layer,))
    alone = make_request(blob_source, blob_calibration, INT8, ConversionConfig())
    shared, own = (onnx.converters["int8"](request) for request in (request_for(INT8), alone))
    assert without_numbers(shared) == without_numbers(own) != without_numbers(mixed)


def without_numbers(data: bytes) -> str:
    """A file's content as text; tf2onnx and TensorFlow number all that a process traces."""
    import onnx

    return re.sub(r"_\d+", "", str(onnx.load_from_string(data)))
