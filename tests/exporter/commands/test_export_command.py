"""The command `edge-mnist export`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from edge_mnist_exporter.bundle.bundle_writer import BundleWriter
from edge_mnist_runtime.bundles.manifest import read_manifest
from edge_mnist_runtime.bundles.signature import SignaturePolicy, parse_date

COMMAND = Path(sys.executable).with_name("edge-mnist")


def assert_refused(finished, code: int, *words: str) -> None:
    """Check the exit code, and one line on standard error that contains all words."""
    assert finished.code == code, finished.err
    assert finished.out == ""
    assert len(finished.err.splitlines()) == 1, finished.err
    assert finished.err.startswith("edge-mnist: error: ")
    assert all(word in finished.err for word in words), finished.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("--max-drop", "-1"),
        ("--min-agreement", "2"),
        ("--max-probability-diff", "1.5"),
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
def test_bad_option_is_refused_in_one_line_that_names_it(run_here, tmp_path, arguments):
    assert_refused(run_here("export", *arguments, cwd=tmp_path), 2, arguments[0])
    assert not list(tmp_path.iterdir())


def test_missing_gate_file_is_refused(run_here, tmp_path):
    assert_refused(run_here("export", "--gate", "nowhere.toml", cwd=tmp_path), 2, "nowhere.toml: cannot be read")


@pytest.mark.mnist
@pytest.mark.parametrize("name", ["nowhere.keras", "letter.txt", "folder"])
def test_argument_that_is_not_a_model_is_refused(run_here, tmp_path, name):
    (tmp_path / "letter.txt").write_text("Dear model,")
    (tmp_path / "folder").mkdir()
    assert_refused(run_here("export", name, cwd=tmp_path), 2, name, ".keras")


@pytest.mark.slow
def test_second_export_gives_the_same_bytes_with_a_signature_and_prints_only_json(
    run_cli, reference_bundle, tmp_path, folder_hashes, keys
):
    signing = ("--sign", keys.private, "--bundle-version", 7, "--valid-days", 30)
    finished = run_cli("export", "--precision", "fp32,int8", *signing, "--json", "-o", tmp_path / "again", cwd=tmp_path)
    assert finished.code == 0, finished.err
    policy = SignaturePolicy.load(keys.public, min_version=7)
    statement = policy.check(tmp_path / "again", read_manifest(tmp_path / "again"))
    assert parse_date(statement.expires_at) - parse_date(statement.signed_at) == timedelta(days=30)
    (tmp_path / "again" / "manifest.sig.json").unlink()
    assert folder_hashes(tmp_path / "again") == folder_hashes(reference_bundle)
    assert finished.out == (reference_bundle / "report.json").read_text("utf-8")
    pages = [bundle.with_name(f"{bundle.name}.report.html") for bundle in (tmp_path / "again", reference_bundle)]
    assert pages[0].read_bytes() == pages[1].read_bytes()
    # The output of TensorFlow and the converters is hidden: only the note on the stand-in digits may be left.
    notice = finished.json["dataset"]["notice"]
    assert finished.err == (f"edge-mnist: note: {notice}\n" if notice else "")


@pytest.mark.mnist
@pytest.mark.slow
def test_more_calibration_samples_than_images_are_refused(run_here, tmp_path):
    finished = run_here("export", "--calibration-samples", "10000000", cwd=tmp_path)
    assert_refused(finished, 2, "--calibration-samples 10000000")
    assert not list(tmp_path.rglob("*.partial"))
    assert not list(tmp_path.rglob("*.onnx"))


@pytest.mark.parametrize("name", ["letter.keras", "letter.h5"])
def test_text_named_keras_is_a_corrupt_model(run_here, tmp_path, name):
    (tmp_path / name).write_text("Dear model,")
    finished = run_here("export", name, "-o", "bundle", cwd=tmp_path, env={"EDGE_MNIST_DATA": ""})
    assert_refused(finished, 6, name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


EXPORT_AND_SAY_WHAT_WAS_LOADED = """
import sys
from edge_mnist_runtime.commands.app import run
print(run(["export", *sys.argv[1:]]), "tensorflow" in sys.modules)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("letter.keras",), 6),
        (("-o", "full"), 2),
        (("-o", "paged"), 2),
        (("-o", "failing"), 2),
        (("-o", "file"), 2),
        (("-o", "/"), 2),
    ],
)
def test_bad_input_is_refused_before_tensorflow_starts(run_script, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "letter.keras").write_text("Dear model,")
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "paged.report.html").write_text("my thesis")
    for folder in ("full", "failing.failed"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "letter.txt").write_text("Dear reader,")
    before = sorted(tmp_path.rglob("*"))
    said = run_script(EXPORT_AND_SAY_WHAT_WAS_LOADED, *arguments, env={"EDGE_MNIST_DATA": ""})
    assert said == f"{code} False"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_model_of_another_shape_needs_its_own_images(run_here, tmp_path):
    import keras

    image = keras.Input((32, 32, 1))
    answers = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(image))
    keras.Model(image, answers).save(tmp_path / "large.keras")
    finished = run_here("export", "large.keras", "-o", "bundle", cwd=tmp_path, env={"EDGE_MNIST_DATA": ""})
    assert_refused(finished, 2, "large.keras: reads images of (32, 32, 1) in 10 classes", "--data or")
    assert [path.name for path in tmp_path.iterdir()] == ["large.keras"]


@pytest.fixture(scope="session")
def export_and_send(start_interruptible, drawn_set):
    """Export to `target`, and send the signal a second after the hidden folder beside it appears."""

    def export(interruption: signal.Signals, target: Path) -> subprocess.CompletedProcess[str]:
        command = [COMMAND, "export", "edge", "--data", drawn_set, "-o", target]
        with start_interruptible(command, cwd=target.parent.parent) as exporting:
            while not list(target.parent.glob(f".{target.name}.*.partial")):
                assert exporting.poll() is None
                time.sleep(0.05)
            time.sleep(1)  # somewhere between loading digits and converting
            exporting.send_signal(interruption)
            out, err = exporting.communicate(timeout=300)
        return subprocess.CompletedProcess(exporting.args, exporting.returncode, out, err)

    return export


@pytest.mark.slow
def test_killed_export_leaves_the_old_bundle_whole(export_and_send, small_old_bundle, folder_hashes):
    before = folder_hashes(small_old_bundle)
    assert export_and_send(signal.SIGKILL, small_old_bundle).returncode == -9
    assert folder_hashes(small_old_bundle) == before
    with BundleWriter(small_old_bundle):
        pass
    assert [path.name for path in small_old_bundle.parent.iterdir()] == ["bundle"]


@pytest.mark.slow
def test_ctrl_c_during_export_is_reported_and_keeps_the_old_bundle(export_and_send, small_old_bundle, folder_hashes):
    before = folder_hashes(small_old_bundle)
    ended = export_and_send(signal.SIGINT, small_old_bundle)
    assert (ended.returncode, ended.stdout) == (130, "")
    assert folder_hashes(small_old_bundle) == before
    assert [path.name for path in small_old_bundle.parent.iterdir()] == ["bundle"]
    assert ended.stderr == "edge-mnist: interrupted\n"


@pytest.mark.slow
def test_table_fits_a_terminal_and_names_what_was_written(reference_export):
    lines = reference_export.out.splitlines()
    assert max(map(len, lines)) <= 80
    heading = lines.index(next(line for line in lines if line.startswith("file ")))
    assert lines[heading].split() == ["file", "kB", "top-1", "delta,", "95", "%", "agree", "|dp|", "gates"]
    for line in lines[heading + 1 : heading + 5]:
        file, *sizes, gates = line.split()
        assert re.fullmatch(r"edge_(fp32|int8)\.(tflite|onnx)", file)
        shown = r"[\d.]+ [\d.]+% [+-]\d\.\d\d \[[+-]\d\.\d\d, [+-]\d\.\d\d\] [\d.]+% 0\.\d{3}"
        assert re.fullmatch(shown, " ".join(sizes)), line
        assert gates == "pass"
    assert "Written to out/bundle:" in lines
    assert lines[-2:] == ["Report (shows evaluation images, not for distribution):", "  out/bundle.report.html"]
    assert sorted(path.name for path in reference_export.bundle.parent.iterdir()) == ["bundle", "bundle.report.html"]


def test_page_that_no_export_wrote_is_refused_before_the_export(run_here, tmp_path):
    (tmp_path / "bundle.report.html").write_text("my thesis")
    finished = run_here("export", "-o", "bundle", cwd=tmp_path, env={"EDGE_MNIST_DATA": ""})
    assert_refused(finished, 2, "bundle.report.html")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle.report.html"]
    assert (tmp_path / "bundle.report.html").read_text() == "my thesis"


@pytest.mark.slow
def test_report_on_standard_output_is_strict_json(reference_bundle):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    json.loads((reference_bundle / "report.json").read_text("utf-8"), parse_constant=refuse)
