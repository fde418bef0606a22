"""`edge-mnist export`, as a user runs it."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_exporter.bundle_writer import BundleWriter

COMMAND = Path(sys.executable).with_name("edge-mnist")


def assert_refused(finished, code: int, *words: str) -> None:
    """That exit code, and one line on standard error that holds all words."""
    assert finished.code == code, finished.err
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1, finished.err
    assert finished.err.startswith("edge-mnist: error: ")
    assert all(word in finished.err for word in words), finished.err


@pytest.fixture
def old_bundle(reference_bundle, tmp_path) -> Path:
    """A whole bundle in a folder of its own."""
    return Path(shutil.copytree(reference_bundle, tmp_path / "target" / "bundle"))


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-drop", "-1"),
        ("--min-agreement", "2"),
        ("--calibration-samples", "0"),
        ("--calibration-samples", "-3"),
        ("--calibration-samples", "some"),
        ("--precision", "int4"),
        ("--precision", ""),
        ("--seed", "-1"),
        ("--data", "nowhere"),
        ("--int4",),
    ],
)
def test_bad_option_is_refused_in_one_line_that_names_it(run_cli, tmp_path, arguments):
    assert_refused(run_cli("export", *arguments, cwd=tmp_path), 2, arguments[0])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["nowhere.keras", "letter.txt", "folder"])
def test_argument_that_is_no_model_is_refused(run_cli, tmp_path, name):
    (tmp_path / "letter.txt").write_text("Dear model,")
    (tmp_path / "folder").mkdir()
    assert_refused(run_cli("export", name, cwd=tmp_path), 2, name, ".keras")


@pytest.mark.slow
def test_second_export_gives_the_same_bytes_and_json_alone(run_cli, reference_bundle, tmp_path, folder_hashes):
    finished = run_cli("export", "--precision", "fp32,int8", "--json", "-o", tmp_path / "again", cwd=tmp_path)
    assert finished.code == 0, finished.err
    assert folder_hashes(tmp_path / "again") == folder_hashes(reference_bundle)
    assert finished.out == (reference_bundle / "report.json").read_text("utf-8")
    # What TensorFlow and its like have to say stays away: at most the note on the stand-in digits is left.
    notice = finished.json["dataset"]["notice"]
    assert finished.err == (f"edge-mnist: note: {notice}\n" if notice else "")


@pytest.mark.slow
def test_more_calibration_samples_than_images_is_refused(run_cli, tmp_path):
    finished = run_cli("export", "--calibration-samples", "10000000", cwd=tmp_path)
    assert_refused(finished, 2, "--calibration-samples 10000000")
    assert not list(tmp_path.rglob("*.partial"))
    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.slow
def test_text_named_keras_is_a_corrupt_model(run_cli, tmp_path):
    (tmp_path / "letter.keras").write_text("Dear model,")
    assert_refused(run_cli("export", "letter.keras", "-o", "bundle", cwd=tmp_path), 6, "letter.keras")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.keras"]


@pytest.mark.slow
def test_model_of_another_shape_cannot_be_converted(run_cli, tmp_path):
    import keras

    image = keras.Input((32, 32, 1))
    answers = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(image))
    keras.Model(image, answers).save(tmp_path / "large.keras")
    assert_refused(
        run_cli("export", "large.keras", "-o", "bundle", cwd=tmp_path), 4, "(None, 32, 32, 1)", "(None, 28, 28, 1)"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["large.keras"]


@pytest.mark.slow
def test_export_leaves_old_bundle_when_gate_fails(run_cli, old_bundle, tmp_path, folder_hashes):
    from edge_mnist_trainer.architectures import find_architecture

    find_architecture("edge").build().save(tmp_path / "untrained.keras")
    before = folder_hashes(old_bundle)
    finished = run_cli("export", "untrained.keras", "--json", "-o", old_bundle, cwd=tmp_path)
    assert finished.code == 5
    assert folder_hashes(old_bundle) == before
    assert [path.name for path in old_bundle.parent.iterdir()] == ["bundle"]
    printed = finished.json
    assert printed["passed"] is False
    assert next(gate["name"] for gate in printed["gates"] if not gate["passed"]) == "reference_top1"
    assert "reference_top1" in finished.err.splitlines()[-1]
    assert "Traceback" not in finished.err


def collapse_when_quantized(model) -> None:
    """Scale one channel up and its readers down by as much: float answers stay, bit for bit, but int8 has one range
    for all channels of a tensor, and the large one takes all of it (Nagel et al., "Data-Free Quantization Through
    Weight Equalization and Bias Correction", 2019, turn this round to mend networks).
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


@pytest.mark.slow
def test_int8_that_collapses_is_caught_and_not_written(run_cli, reference_model, drawn_images, tmp_path):
    import keras

    model = keras.models.load_model(reference_model, compile=False)
    pixels = drawn_images / np.float32(255)
    before = model.predict(pixels, verbose=0)
    collapse_when_quantized(model)
    assert np.allclose(model.predict(pixels, verbose=0), before, atol=1e-5)
    model.save(tmp_path / "fragile.keras")

    finished = run_cli("export", "fragile.keras", "--int8", "-o", "bundle", cwd=tmp_path)
    assert finished.code == 5
    assert "FAIL" in finished.out
    assert "fragile_int8.tflite" in finished.out
    last = finished.err.splitlines()[-1]
    assert last.startswith("edge-mnist: error: nothing was written")
    assert "drop_points(fragile_int8.tflite)" in last
    assert "drop_points(fragile_int8.onnx)" in last
    assert "reference_top1" not in last
    assert [path.name for path in tmp_path.iterdir()] == ["fragile.keras"]


def export_and_send(interruption: signal.Signals, target: Path) -> subprocess.CompletedProcess[str]:
    """Export over `target`, and send the signal a second after the hidden folder beside it has appeared."""
    with subprocess.Popen(
        [COMMAND, "export", "-o", target],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=target.parent.parent,
    ) as exporting:
        while not list(target.parent.glob(f".{target.name}.*.partial")):
            assert exporting.poll() is None
            time.sleep(0.05)
        time.sleep(1)  # somewhere between loading digits and converting
        exporting.send_signal(interruption)
        out, err = exporting.communicate(timeout=300)
    return subprocess.CompletedProcess(exporting.args, exporting.returncode, out, err)


@pytest.mark.slow
def test_model_that_expects_other_pixels_is_told_so(run_cli, tmp_path):
    import keras

    image = keras.Input((28, 28, 1))
    scaled = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, keras.layers.Dense(10, activation="softmax")(scaled)).save(tmp_path / "bytes.keras")
    finished = run_cli("export", tmp_path / "bytes.keras", "-o", tmp_path / "bundle")
    assert (finished.code, finished.err.count("edge-mnist: error:")) == (5, 1)
    assert "reference_top1" in finished.err
    assert "does it expect 0..255?" in finished.err
    assert not (tmp_path / "bundle").exists()


@pytest.mark.slow
def test_killed_export_leaves_the_old_bundle_whole(old_bundle, folder_hashes):
    before = folder_hashes(old_bundle)
    assert export_and_send(signal.SIGKILL, old_bundle).returncode == -9
    assert folder_hashes(old_bundle) == before
    with BundleWriter(old_bundle):
        pass
    assert [path.name for path in old_bundle.parent.iterdir()] == ["bundle"]


@pytest.mark.slow
def test_ctrl_c_during_export_says_so_and_leaves_the_old_bundle_alone(old_bundle, folder_hashes):
    before = folder_hashes(old_bundle)
    ended = export_and_send(signal.SIGINT, old_bundle)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert folder_hashes(old_bundle) == before
    assert [path.name for path in old_bundle.parent.iterdir()] == ["bundle"]
    assert ended.stderr == "edge-mnist: interrupted\n"


@pytest.mark.slow
def test_report_on_standard_output_is_valid_json_even_for_strict_readers(reference_bundle):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((reference_bundle / "report.json").read_text("utf-8"), parse_constant=refuse)
