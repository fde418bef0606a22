"""Exports that fail a gate: exit code 5, no bundle, and the report of the failure kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytestmark = pytest.mark.slow


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def assert_failed(finished, folder, *gates: str) -> dict:
    """Check exit code 5, one line that names exactly these gates, and the folder of the failure. Return its report."""
    assert finished.code == 5, finished.err
    (line,) = [line for line in finished.err.splitlines() if not line.startswith("edge-mnist: note: ")]
    assert line.startswith("edge-mnist: error: no bundle was written: ")
    assert line.endswith(f"; the report of the failure is in {folder.name}/")
    report = json.loads((folder / "report.json").read_text("utf-8"))
    assert report["passed"] is False
    failed = [gate for gate in report["gates"] if not gate["passed"]]
    assert [gate["name"] for gate in failed] == list(gates)
    for gate in failed:
        assert f"{gate['name']} = {gate['value']:.4f}, must be {gate['limit']}, failed by {-gate['margin']:.4f}" in line
    assert line.count("must be") == len(gates)
    assert names(folder) == ["report.html", "report.json"]
    return report


def test_export_leaves_old_bundle_when_gate_fails(run_here, small_old_bundle, drawn_set, folder_hashes):
    from edge_mnist_trainer.networks.architectures import find_architecture

    place = small_old_bundle.parent
    find_architecture("edge").build().save(place / "untrained.keras")
    before = folder_hashes(small_old_bundle)
    finished = run_here("export", "untrained.keras", "--data", drawn_set, "--json", "-o", small_old_bundle, cwd=place)
    assert folder_hashes(small_old_bundle) == before
    assert names(place) == ["bundle", "bundle.failed", "untrained.keras"]
    assert_failed(finished, place / "bundle.failed", "reference_top1")
    assert finished.out == (place / "bundle.failed" / "report.json").read_text("utf-8")


def collapse_when_quantized(model) -> None:
    """Scale one channel up and the weights that read it down, so that float stays exact and int8 fails.

    int8 has one range for all channels of a tensor, and the large channel takes all of it. Nagel et al., "Data-Free
    Quantization Through Weight Equalization and Bias Correction" (2019), use the inverse to repair networks.
    """
    factor = 1024.0
    norm, reader = model.get_layer("norm1"), model.get_layer("conv2")
    gamma, beta, *statistics = norm.get_weights()
    strongest = int(np.argmax(np.abs(gamma)))
    gamma[strongest] *= factor
    beta[strongest] *= factor
    norm.set_weights([gamma, beta, *statistics])
    kernel, *bias = reader.get_weights()
    kernel[:, :, strongest] /= factor
    reader.set_weights([kernel, *bias])


@pytest.fixture
def fragile_model(reference_model, drawn_images, tmp_path):
    """A model that predicts like the reference in float, but not in int8."""
    import keras

    model = keras.models.load_model(reference_model, compile=False)
    pixels = drawn_images / np.float32(255)
    before = model.predict(pixels, verbose=0)
    collapse_when_quantized(model)
    assert np.allclose(model.predict(pixels, verbose=0), before, atol=1e-5)
    model.save(tmp_path / "fragile.keras")
    return tmp_path / "fragile.keras"


@pytest.mark.mnist
def test_int8_that_fails_is_not_written(run_here, fragile_model, tmp_path):
    finished = run_here("export", fragile_model.name, "--int8", "-o", "bundle", cwd=tmp_path)
    files = ("fragile_int8.tflite", "fragile_int8.onnx")
    gates = [f"{gate}({file})" for file in files for gate in ("drop_points", "agreement")]
    report = assert_failed(finished, tmp_path / "bundle.failed", *gates)
    assert names(tmp_path) == ["bundle.failed", "fragile.keras"]
    assert finished.out.count("FAIL") == 2
    assert max(map(len, finished.out.splitlines())) <= 80
    for artifact in report["artifacts"]:
        assert artifact["mcnemar_p"] < 1e-6
        assert artifact["delta_interval_points"][1] < -1
        assert artifact["lost"] > artifact["gained"]
        assert len(artifact["flips"]) == round(report["dataset"]["n"] * (1 - artifact["agreement"]))
    page = (tmp_path / "bundle.failed" / "report.html").read_text("utf-8")
    assert page.count("<img class='pixels'") == 60
    assert len(page) < 1_000_000
    assert "<b>failed</b>" in page


def test_gate_file_can_fail_an_export_and_a_later_success_removes_the_failure(run_here, old_bundle, folder_hashes):
    place, failure = old_bundle.parent, old_bundle.parent / "bundle.failed"
    limits = "[gate]\nmax_probability_diff = 0.0\nmin_top1 = 1\nmin_agreement = 0.5\nmin_int8_parity = 0.5\n"
    (place / "limits.toml").write_text(limits)
    before = folder_hashes(old_bundle)
    finished = run_here("export", "edge", "--gate", "limits.toml", "-o", "bundle", cwd=place)
    files = ("edge_int8.tflite", "edge_int8.onnx")
    gates = [f"{gate}({file})" for file in files for gate in ("probability_diff", "top1")]
    report = assert_failed(finished, failure, *gates)
    limited = {gate["name"]: gate["limit"] for gate in report["gates"]}
    assert limited["agreement(edge_int8.onnx)"] == limited["int8_parity"] == ">= 0.5"
    assert folder_hashes(old_bundle) == before

    # The option overrides the file; the file's other limits stay.
    (place / "limits.toml").write_text(limits.replace("min_top1 = 1", "min_top1 = 0.5"))
    finished = run_here(
        "export", "edge", "--gate", "limits.toml", "--max-probability-diff", "1", "-o", "bundle", cwd=place
    )
    assert finished.code == 0, finished.err
    assert names(place) == ["bundle", "bundle.report.html", "limits.toml"]
    gates = {gate["name"]: gate for gate in json.loads((old_bundle / "report.json").read_text("utf-8"))["gates"]}
    assert gates["probability_diff(edge_int8.onnx)"]["limit"] == "<= 1"
    assert gates["top1(edge_int8.onnx)"]["limit"] == ">= 0.5"
    assert gates["int8_parity"]["files"] == list(files)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[gate]\nmin_agrement = 0.9", "limits.toml: [gate] 'min_agrement' is unknown"),
        ("[gate]\nmin_agreement = 2", "limits.toml: [gate] min_agreement must be 0..1, not 2"),
        ("[gate]\nmin_agreement = 'high'", "limits.toml: [gate] min_agreement must be a number, not 'high'"),
        ("[gate", "limits.toml: not a TOML file"),
    ],
)
def test_bad_gate_file_is_refused_in_one_line(run_here, tmp_path, content, words):
    (tmp_path / "limits.toml").write_text(content)
    finished = run_here("export", "--gate", "limits.toml", "-o", "bundle", cwd=tmp_path)
    assert (finished.code, finished.out, len(finished.err.splitlines())) == (2, "", 1)
    assert finished.err.startswith(f"edge-mnist: error: {words}")
    assert names(tmp_path) == ["limits.toml"]


def test_model_that_expects_other_pixels_gets_a_hint(run_here, reference_model, drawn_set, tmp_path):
    import keras

    image = keras.Input((28, 28, 1))
    scaling = keras.layers.DepthwiseConv2D(1, use_bias=False)
    reference = keras.models.load_model(reference_model, compile=False)
    model = keras.Model(image, reference(scaling(image)))
    scaling.set_weights([np.full((1, 1, 1, 1), 1 / 255)])
    model.save(tmp_path / "bytes.keras")
    given = "--data", drawn_set, "-o", tmp_path / "bundle"
    finished = run_here("export", tmp_path / "bytes.keras", *given, cwd=tmp_path)
    assert_failed(finished, tmp_path / "bundle.failed", "reference_top1")
    assert "--input-range 0..255" in finished.err
    assert names(tmp_path) == ["bundle.failed", "bytes.keras"]
    assert "Gates" in (tmp_path / "bundle.failed" / "report.html").read_text("utf-8")
