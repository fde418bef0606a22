"""Settings of an export."""

from __future__ import annotations

import numpy as np
import pytest

from edge_mnist_exporter.config import ConversionConfig, ExportConfig
from edge_mnist_exporter.images.calibration import draw_calibration
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.data.splits import indices_sha256


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("calibration_samples", {"calibration_samples": 0}),
        ("calibration_samples", {"calibration_samples": -3}),
        ("seed", {"seed": -1}),
    ],
)
def test_value_out_of_range_is_refused_by_name(name, values):
    with pytest.raises(UsageError, match=rf"^`{name}` .*{next(iter(values.values())):g}$"):
        ExportConfig(**values)


def test_empty_precisions_are_refused():
    with pytest.raises(UsageError, match="`precisions`"):
        ExportConfig(precisions=())


@pytest.mark.parametrize("asked", [{"formats": ("tflite",)}, {"precisions": ("fp32", "int16x8")}])
def test_allow_saturation_is_refused_if_no_file_can_saturate(asked):
    with pytest.raises(UsageError, match=r"^`allow_saturation`: only int8 ONNX files can saturate"):
        ExportConfig(conversion=ConversionConfig(allow_saturation=True), **asked)


def test_smallest_and_largest_values_are_accepted():
    ExportConfig(calibration_samples=1, seed=0)


@pytest.fixture
def numbered() -> LabelledDigits:
    """256 images whose every pixel is their number."""
    images = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None, None], (256, 28, 28, 1))
    return LabelledDigits("numbered", "train", images, np.zeros(256, np.uint8))


def test_more_calibration_images_than_exist_are_refused(numbered):
    with pytest.raises(UsageError, match=r"`calibration_samples` 257: numbered train has 256 images"):
        draw_calibration(numbered, 257, seed=0)


def test_calibration_images_are_distinct_and_repeatable_by_seed(numbered):
    first, again, other = (draw_calibration(numbered, 100, seed=seed) for seed in (0, 0, 1))
    assert len(np.unique(first.images[:, 0, 0, 0])) == 100
    assert np.array_equal(first.images, again.images)
    assert first.origin == again.origin
    assert first.origin["indices_sha256"] != other.origin["indices_sha256"]


def test_calibration_records_the_origin_of_its_images(numbered):
    drawn = draw_calibration(numbered, 10, seed=3)
    indices = drawn.images[:, 9, 9, 0].astype(np.int64)
    assert drawn.origin == {
        "name": "numbered",
        "split": "train",
        "n": 10,
        "seed": 3,
        "indices_sha256": indices_sha256(indices),
        "ends_added": True,
    }
