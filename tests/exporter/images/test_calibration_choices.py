"""The choice of calibration images and methods, and their effect on files."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from ai_edge_litert import schema_py_generated as schema
from PIL import Image

from edge_mnist_exporter.config import ConversionConfig, ExportConfig
from edge_mnist_exporter.images.calibration import choose_calibration, choose_search_images
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import DataError, UsageError
from edge_mnist_trainer.data.sources import DigitSource
from edge_mnist_trainer.data.splits import indices_sha256

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def digits(draw_blobs):
    """Blob images to calibrate and to evaluate on, without black or white pixels."""
    parts = [(draw_blobs((16, 16, 3), 5, 80, seed=seed)) for seed in (2, 1)]
    calibration, evaluation = (
        LabelledDigits("blobs", split, images.clip(3, 250), labels)
        for split, (images, labels) in zip(("train", "test"), parts, strict=True)
    )
    return DigitSource(calibration, evaluation, calibration, None)


def save_pictures(folder, images):
    folder.mkdir(parents=True)
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{number:03}.png")
    return folder


def read_scales(data: bytes, suffix: str) -> dict[str, np.ndarray]:
    """Scales of every stored tensor, by name."""
    if suffix == "onnx":
        graph = onnx.load_from_string(data).graph
        stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
        nodes = [node for node in graph.node if node.op_type == "DequantizeLinear" and node.input[0] in stored]
        return {node.input[0]: np.ravel(stored[node.input[1]]) for node in nodes}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    tensors = [tensor for tensor in model.subgraphs[0].tensors if model.buffers[tensor.buffer].data is not None]
    return {t.name.decode(): t.quantization.scale for t in tensors if t.quantization.scale is not None}


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_weight_scales_are_per_channel_or_per_tensor(suffix, blob_source, convert, blob_calibration, blob_images):
    expected = blob_source.probabilities(blob_images)
    counts = {}
    for per_channel in (True, False):
        config = ConversionConfig(per_channel=per_channel)
        file = convert(blob_source, suffix, "int8", blob_calibration, config=config)
        counts[per_channel] = sorted(len(np.unique(scale)) for scale in read_scales(file.data, suffix).values())
        assert file.audit.per_channel == per_channel
        assert np.mean(file.engine.run(blob_images).argmax(1) == expected.argmax(1)) >= 0.97
    assert counts[True][-1] > 1
    assert {*counts[False]} == {1}


def read_activation_scales(data: bytes) -> list[float]:
    graph = onnx.load_from_string(data).graph
    stored = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    return [float(stored[node.input[1]]) for node in graph.node if node.op_type == "QuantizeLinear"]


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_onnx_calibration_method_changes_ranges_but_not_predictions(
    method, blob_source, convert, draw_blobs, blob_images
):
    calibration = draw_blobs((16, 16, 3), 5, 101, seed=2)[0]  # a prime number of images, and one image of noise
    calibration[0] = np.random.default_rng(0).integers(0, 2, (16, 16, 3)) * 255
    files = {
        name: convert(blob_source, "onnx", "int8", calibration, config=ConversionConfig(calibration_method=name))
        for name in ("minmax", method)
    }
    usual, other = (read_activation_scales(files[name].data) for name in files)
    assert len(usual) == len(other) > 2
    assert any(scale < 0.999 * usual_scale for scale, usual_scale in zip(other, usual, strict=True))
    assert files["minmax"].engine.inputs == files[method].engine.inputs
    expected = blob_source.probabilities(blob_images)
    assert np.mean(files[method].engine.run(blob_images).argmax(1) == expected.argmax(1)) >= 0.97


def test_calibration_images_are_training_images_and_recorded(blob_source, digits):
    chosen = choose_calibration(blob_source, digits, ExportConfig(calibration_samples=30, seed=7))
    indices = np.sort(np.random.default_rng(7).choice(80, 30, replace=False))
    assert np.array_equal(chosen.images[1:], digits.calibration.images[indices][1:])
    assert (chosen.origin["split"], chosen.origin["indices_sha256"]) == ("train", indices_sha256(indices))
    evaluated = {image.tobytes() for image in digits.evaluation.images}
    assert evaluated.isdisjoint(image.tobytes() for image in chosen.images)


def test_all_training_images_are_taken_if_fewer_than_the_default(blob_source, digits):
    chosen = choose_calibration(blob_source, digits, ExportConfig())
    assert (len(chosen.images), chosen.origin["n"]) == (80, 80)


def test_fewer_digits_than_the_default_are_taken_but_fewer_than_requested_refused(reference_source, drawn_images):
    labels = np.zeros(len(drawn_images), np.uint8)
    drawn = LabelledDigits("drawn", "train", drawn_images, labels)
    digits = DigitSource(drawn, drawn, drawn, None)
    assert choose_calibration(reference_source, digits, ExportConfig()).origin["n"] == len(drawn_images) < 500
    with pytest.raises(UsageError, match="`calibration_samples` 500: drawn train has"):
        choose_calibration(reference_source, digits, ExportConfig(calibration_samples=500))


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_black_and_white_pixels_are_added_and_recorded(suffix, blob_source, digits, convert, blob_images):
    chosen = choose_calibration(blob_source, digits, ExportConfig())
    assert chosen.origin["ends_added"]
    assert (chosen.images.min(), chosen.images.max()) == (0, 255)
    changed = (chosen.images != digits.calibration.images).any(axis=3)
    assert changed.sum() == 2
    assert digits.calibration.images.min() == 3
    file = convert(blob_source, suffix, "int8", chosen.images)
    assert file.engine.inputs[0].scale == pytest.approx(1 / 255, rel=1e-6)
    found, expected = file.engine.run(blob_images), blob_source.probabilities(blob_images)
    assert np.mean(found.argmax(1) == expected.argmax(1)) >= 0.97


def test_images_with_black_and_white_pixels_are_not_changed(blob_source, blob_calibration, digits):
    whole = LabelledDigits("blobs", "train", blob_calibration, np.zeros(60, np.uint8))
    chosen = choose_calibration(blob_source, DigitSource(whole, digits.evaluation, whole, None), ExportConfig())
    assert np.array_equal(chosen.images, blob_calibration)
    assert "ends_added" not in chosen.origin


def test_named_pictures_replace_training_images_for_calibration(blob_source, digits, draw_blobs, tmp_path):
    images = draw_blobs((16, 16, 3), 5, 12, seed=5)[0]
    save_pictures(tmp_path / "own" / "some", images[:7])
    save_pictures(tmp_path / "own" / "more", images[7:])
    config = ExportConfig(calibration_data=tmp_path / "own")
    chosen = choose_calibration(blob_source, digits, config)
    ordered = np.concatenate([images[7:], images[:7]])
    assert np.array_equal(chosen.images[1:], ordered[1:])
    sha256 = hashlib.sha256(ordered.tobytes()).hexdigest()
    assert chosen.origin == {
        **{"name": "own", "split": "all", "n": 12, "seed": 0, "pixels_sha256": sha256, "ends_added": True}
    }
    few = choose_calibration(
        blob_source, digits, ExportConfig(calibration_data=tmp_path / "own", calibration_samples=4)
    )
    assert len({image.tobytes() for image in few.images}) == few.origin["n"] == 4


def test_evaluation_images_are_refused_for_calibration(blob_source, digits, tmp_path):
    folder = save_pictures(tmp_path / "own", [*digits.calibration.images[:4], *digits.evaluation.images[:3]])
    with pytest.raises(UsageError, match=r"own: 3 of its 7 images are evaluation images; remove them"):
        choose_calibration(blob_source, digits, ExportConfig(calibration_data=folder))


def test_calibration_folder_that_is_missing_or_empty_is_refused(blob_source, digits, tmp_path):
    with pytest.raises(UsageError, match=r"`calibration_data` https://example.org/digits: a URL"):
        choose_calibration(blob_source, digits, ExportConfig(calibration_data=Path("https://example.org/digits")))
    with pytest.raises(UsageError, match=r"`calibration_data` .*nowhere: no such folder"):
        choose_calibration(blob_source, digits, ExportConfig(calibration_data=tmp_path / "nowhere"))
    (tmp_path / "empty" / "inner").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"`calibration_data` .*empty: holds no pictures"):
        choose_calibration(blob_source, digits, ExportConfig(calibration_data=tmp_path / "empty"))


def test_unreadable_calibration_picture_is_refused_by_name(blob_source, digits, tmp_path):
    folder = save_pictures(tmp_path / "own", digits.calibration.images[:2])
    (folder / "letter.png").write_text("Dear model,")
    with pytest.raises(DataError, match=r"own: letter.png: not a picture.*; remove it"):
        choose_calibration(blob_source, digits, ExportConfig(calibration_data=folder))


def test_search_images_are_neither_calibration_nor_evaluation_images(blob_source, digits):
    calibration = choose_calibration(blob_source, digits, ExportConfig(calibration_samples=50))
    search = choose_search_images(digits.calibration, calibration)
    used = {image.tobytes() for image in (*calibration.images[1:], *digits.evaluation.images)}
    assert used.isdisjoint(image.tobytes() for image in search.images)
    assert len(search) >= 30
