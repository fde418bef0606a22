"""The files that `make golden` writes into the runtime package."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from benchmarks.tools.device_checks import make_bundled_golden, make_saturation_model
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, BUNDLED_MODELS
from edge_mnist_runtime.doctor.saturation import ACTIVATION, CHANNELS, SIDE, find_wrong_layers
from edge_mnist_runtime.engines.opening import open_engine


def test_golden_vectors_in_the_package_are_up_to_date() -> None:
    made, shipped = (np.load(io.BytesIO(data)) for data in (make_bundled_golden(), Path(BUNDLED_GOLDEN).read_bytes()))
    assert set(made) == set(shipped)
    assert np.array_equal(made["labels"], shipped["labels"])
    # NumPy's matrix products round differently on other processors. On one of two tried, a pixel differs by one level.
    differences = np.abs(made["images"].astype(np.int16) - shipped["images"])
    assert differences.max() <= 1
    assert np.count_nonzero(differences) <= 5
    for path in map(Path, BUNDLED_MODELS.values()):
        assert made[f"sha256/{path.name}"] == shipped[f"sha256/{path.name}"], "run: make golden"


def test_saturation_model_is_reproducible_and_its_sums_are_exact_here() -> None:
    data = make_saturation_model()
    assert data == make_saturation_model()
    image = np.full((1, SIDE, SIDE, CHANNELS), ACTIVATION, np.uint8)
    assert find_wrong_layers(open_engine(data, file_name="saturation.onnx").run(image)[0].astype(np.float64)) == {}


def test_saturation_model_is_run_by_int8_kernels() -> None:
    """A layer in float would have exact sums on every processor, so the check could not fail."""
    from edge_mnist_runtime.bench.operator_profile import profile_operators

    images = np.zeros((1, SIDE, SIDE, CHANNELS), np.uint8)
    operators = [item.operator for item in profile_operators(make_saturation_model(), images, origin="saturation.onnx")]
    assert operators.count("QLinearConv") == 3
    assert operators.count("QLinearMatMul") == 1
    assert not {"Conv", "MatMul", "FusedConv"} & {*operators}
