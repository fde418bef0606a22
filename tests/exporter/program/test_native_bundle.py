"""A bundle with a library for this machine, made without TensorFlow: what the runtime does with it.

The file is long because all tests share the library, which takes seconds to compile.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_exporter.bundle.golden import make_golden_vectors
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.native.library import build_library
from edge_mnist_exporter.program.native.proof import prove_library
from edge_mnist_exporter.targets import TARGETS, choose_targets
from edge_mnist_runtime import DigitClassifier, open_model
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles import libraries
from edge_mnist_runtime.bundles.manifest import Artifact, Manifest
from edge_mnist_runtime.engines.opening import open_engine
from edge_mnist_runtime.errors import CorruptModelError, HashMismatchError, ManifestError, UsageError
from edge_mnist_runtime.machine.native_target import host_targets, read_target
from edge_mnist_trainer.augment.strokes import draw_digits

pytestmark = pytest.mark.slow

SHIPPED = Path(__file__).parents[3] / "exporter" / "edge_mnist_exporter" / "models"


@pytest.fixture(scope="module")
def program():
    return make_c_program((SHIPPED / "nano_int8.tflite").read_bytes(), "nano_int8.c", max_ram_bytes=None)


@pytest.fixture(scope="module")
def library(program, compiler):
    return build_library(program, choose_targets(None)[0])


@pytest.fixture(scope="module")
def native_file(library):
    return f"nano_int8.{library.target.name}{library.target.suffix}"


@pytest.fixture
def bundle(library, native_file, tmp_path):
    """The TFLite file, the library of this machine, and a copy of it that is named after another one."""
    folder, kernels = tmp_path / "bundle", library.program.kernels
    folder.mkdir()
    other = f"nano_int8.{'armv6-linux' if 'armv6-linux' not in host_targets() else 'x86_64-linux'}.so"
    contents = {"nano_int8.tflite": library.program.tflite, native_file: library.data, other: library.data}
    artifacts = tuple(
        Artifact(
            *(name, "tflite" if name.endswith("tflite") else "lib", "int8", hashlib.sha256(data).hexdigest()),
            *(len(data), 0.99, kernels.inputs, kernels.outputs),
        )
        for name, data in contents.items()
    )
    contents["golden.npz"] = make_golden_vectors(dict.fromkeys(contents, kernels), kernels.contract)
    contract = kernels.contract
    manifest = Manifest(
        name="nano",
        labels=contract.labels,
        preprocess={"version": contract.preprocess_version, "sha256": contract.preprocess_sha256},
        source={"file": "nano.keras", "sha256": contract.source_sha256},
        evaluation={"name": "drawn", "split": "test", "n": 1, "sha256": "0" * 64},
        versions={},
        artifacts=artifacts,
        files={"golden.npz": hashlib.sha256(contents["golden.npz"]).hexdigest()},
        least_confidence=contract.least_confidence,
    )
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    (folder / "manifest.json").write_text(manifest.to_json(), "utf-8")
    return folder


def test_every_version_of_the_library_gives_the_reference_scores(library):
    digits = draw_digits(5, seed=3)[0]
    report = prove_library(library, digits, library.program.kernels.run_stored(digits))
    assert (report.images, report.differing, report.target) == (50, 0, library.target.name)
    assert report.builds[-1] == library.target.versions[-1].instructions
    assert library.compiler.version in str(report)


def test_native_classifier_gives_the_reference_probabilities_one_by_one_and_in_batches(bundle, library):
    digits = draw_digits(3, seed=4)[0]
    expected = library.program.kernels.run(digits)
    engine = open_model(bundle, backend="native")
    assert np.array_equal(engine.run(digits), expected)
    singles = [np.frombuffer(engine.run_bytes(image.tobytes()), np.float32) for image in digits]
    assert np.array_equal(singles, expected)
    classifier = DigitClassifier(bundle, backend="native")
    assert classifier.predict_batch(digits) == [classifier.predict(image) for image in digits[..., 0]]
    info = classifier.info()
    assert (info.format, info.engine.backend, info.engine.threads) == ("lib", "native", 1)
    assert info.engine.backend_version.startswith(library.program.version)


def test_threads_share_one_native_classifier(bundle):
    classifier, digits = DigitClassifier(bundle, backend="native"), load_samples().images[..., 0]
    expected = [classifier.predict(digit) for digit in digits]
    wrong = []

    def work():
        for _ in range(50):
            wrong.extend(classifier.predict(digit) != right for digit, right in zip(digits, expected, strict=True))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(wrong) == 4 * 50 * len(digits)
    assert not any(wrong)


def test_native_classifier_is_pickled_and_sent_to_processes(bundle):
    classifier, digits = DigitClassifier(bundle, backend="native"), [*load_samples().images[..., 0]]
    expected = classifier.predict_batch(digits)
    assert pickle.loads(pickle.dumps(classifier)).predict_batch(digits) == expected
    assert [*classifier.predict_stream(digits, processes=2)] == expected


def test_short_image_is_refused_before_it_is_read(bundle):
    engine = open_model(bundle, backend="native")
    with pytest.raises(ValueError, match="783 bytes are no image of 784"):
        engine.run_bytes(bytes(783))


def test_single_image_runs_without_numpy(bundle, native_file):
    code = (
        "import sys; sys.modules['numpy'] = None\n"
        "from edge_mnist_runtime.engines.opening import open_engine\n"
        "data = open(sys.argv[1], 'rb').read()\n"
        "print(len(open_engine(data, file_name=sys.argv[1]).run_bytes(bytes(784))))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, bundle / native_file], capture_output=True, text=True, check=False
    )
    assert run.stdout == "40\n", run.stderr


def test_auto_measures_the_library_beside_the_others(bundle, native_file):
    info = DigitClassifier(bundle, backend="auto").info()
    assert {found.file: found.backend for found in info.measured} == {
        "nano_int8.tflite": "litert",
        native_file: "native",
    }
    assert all(found.p50_us for found in info.measured)


def test_changed_library_is_refused_by_its_hash_before_it_is_loaded(bundle, native_file, run_here):
    with (bundle / native_file).open("ab") as file:
        file.write(b"\0")
    for model in (bundle, bundle / native_file):
        with pytest.raises(HashMismatchError, match=r"SHA-256 .* is not the manifest's"):
            DigitClassifier(model, backend="native")
    refused = run_here("classify", "--model", bundle, "--backend", "native", bundle)
    assert (refused.code, refused.err.count("\n")) == (6, 1), refused.err


def test_library_outside_a_bundle_is_never_loaded(bundle, native_file, tmp_path):
    shutil.copy(bundle / native_file, tmp_path / native_file)
    with pytest.raises(UsageError, match=r"a library is loaded only from its bundle"):
        open_model(tmp_path / native_file)
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    manifest["artifacts"] = [item for item in manifest["artifacts"] if item["file"] != native_file]
    (bundle / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(ManifestError, match="not in the manifest of its bundle"):
        open_model(bundle / native_file)


def test_library_for_another_processor_is_named(library, native_file):
    machine = 18  # offset of e_machine in an ELF file
    other = bytearray(library.data)
    other[machine : machine + 2] = (243).to_bytes(2, "little")  # RISC-V
    with pytest.raises(CorruptModelError, match="not a shared library of a known machine"):
        open_engine(bytes(other), file_name=native_file)
    other[machine : machine + 2] = (40).to_bytes(2, "little")
    with pytest.raises(CorruptModelError, match="compiled for arm-linux; this machine is"):
        open_engine(bytes(other), file_name=native_file)


@pytest.mark.parametrize("data", [b"", b"MZ", b"\x7fELF", b"\xcf\xfa\xed\xfe\7\0\0\1" + bytes(99), bytes(9)])
def test_file_that_is_no_library_is_refused(data):
    with pytest.raises(CorruptModelError):
        open_engine(data, file_name="nano_int8.x86_64-linux.so")


def test_foreign_library_is_refused(tmp_path, compiler):
    source, made = tmp_path / "other.c", tmp_path / "other.so"
    source.write_text("int other(void) { return 1; }\n")
    subprocess.run([*compiler.command, "-shared", "-fPIC", source, "-o", made], check=True)
    with pytest.raises(CorruptModelError, match="no library that edge-mnist export made"):
        open_engine(made.read_bytes(), file_name=str(made))


def test_options_that_a_library_does_not_have_are_refused(bundle):
    for options in ({"threads": 2}, {"low_memory": True}, {"providers": ["CPUExecutionProvider"]}):
        with pytest.raises(UsageError, match="a compiled library has no such option"):
            DigitClassifier(bundle, backend="native", **options)


def test_commands_take_the_library_and_skip_that_of_another_machine(bundle, native_file, run_here):
    verified = run_here("verify", bundle, "--json")
    assert verified.code == 0, verified.err
    results = {result["file"]: result for result in verified.json["files"]}
    assert results[native_file]["identical"] == results[native_file]["n"]
    (other,) = (result for result in results.values() if result["skipped"])
    assert "this machine is" in other["skipped"]
    found = run_here("doctor", bundle)
    assert found.code == 0, found.err
    described = run_here("info", bundle / native_file)
    assert described.code == 0, described.err
    assert "int8 sums are exact on every processor" in described.out


@pytest.mark.mnist
def test_bench_measures_the_library(bundle, native_file, run_here):
    measured = run_here("bench", bundle, "--samples", "20", "--json", "--backend", "native")
    assert measured.code == 0, measured.err
    assert [Path(model["model"]).name for model in measured.json["models"]] == [native_file]


WITHOUT_ONNXRUNTIME = """
import sys
sys.modules["onnxruntime"] = None  # importing it fails, and find_spec() finds nothing
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "onnxruntime" else found(name, *rest)
from edge_mnist_runtime.commands.app import main
main()
"""


def run_without_onnxruntime(*arguments):
    command = [sys.executable, "-c", WITHOUT_ONNXRUNTIME, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_native_is_the_default_where_onnxruntime_is_not_installed(bundle, tmp_path):
    run = run_without_onnxruntime("samples", tmp_path / "samples")
    assert run.returncode == 0, run.stderr
    run = run_without_onnxruntime("classify", tmp_path / "samples", "--model", bundle)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout.splitlines()) == 10
    for command in ("verify", "doctor"):
        run = run_without_onnxruntime(command, bundle)
        assert run.returncode == 0, run.stderr


@pytest.mark.mnist
def test_without_onnxruntime_an_onnx_file_names_the_extra(reference_bundle):
    run = run_without_onnxruntime("classify", reference_bundle, "--model", reference_bundle / "edge_int8.onnx")
    assert run.returncode == 3
    assert "[onnx]" in run.stderr
    assert run.stderr.count("\n") == 1


def test_library_headers_name_their_machine(library):
    assert read_target(library.data) == library.target.name.removesuffix("-musl").replace("armv7", "arm")


def test_shipped_tflite_files_belong_to_the_shipped_networks():
    networks = Path(__file__).parents[3] / "trainer" / "edge_mnist_trainer" / "models"
    for name in ("edge", "nano", "robust"):
        contract = open_model(SHIPPED / f"{name}_int8.tflite").contract
        assert contract.source_sha256 == hashlib.sha256((networks / f"{name}.keras").read_bytes()).hexdigest()


def test_targets_are_known_and_unique():
    assert choose_targets(("armv6-linux", "x86_64-windows")) == (TARGETS["armv6-linux"], TARGETS["x86_64-windows"])
    for names, said in [(("z80",), "'z80' is unknown; expected one or more of x86_64-linux,"), ((), "none is unknown")]:
        with pytest.raises(UsageError, match=said):
            choose_targets(names)
    with pytest.raises(UsageError, match="names one twice"):
        choose_targets(("armv6-linux", "armv6-linux"))


@pytest.fixture
def inside_package(library, native_file, tmp_path, monkeypatch):
    """The runtime package as a wheel has it that was built with a compiler: with a library of `nano` alone."""
    (tmp_path / native_file).write_bytes(library.data)
    hashes = {native_file: hashlib.sha256(library.data).hexdigest()}
    (tmp_path / "libraries.json").write_text(json.dumps(hashes), "utf-8")
    monkeypatch.setattr(libraries, "MODELS_FOLDER", str(tmp_path))
    monkeypatch.setattr(libraries, "LIBRARIES", str(tmp_path / "libraries.json"))
    libraries.list_bundled_libraries.cache_clear()
    yield tmp_path
    libraries.list_bundled_libraries.cache_clear()


def test_library_inside_the_package_runs_and_is_measured(inside_package, native_file, run_here):
    digits = load_samples().images[..., 0]
    native, usual = DigitClassifier("nano", backend="native"), DigitClassifier("nano")
    assert (native.info().engine.backend, usual.info().engine.backend) == ("native", "onnxruntime")
    assert [found.digit for found in native.predict_batch(digits)] == [
        found.digit for found in usual.predict_batch(digits)
    ]
    measured = DigitClassifier("nano", backend="auto").info().measured
    assert {found.file: found.backend for found in measured} == {
        "nano_int8.onnx": "onnxruntime",
        native_file: "native",
    }
    found = run_here("doctor")
    assert found.code == 0, found.err
    assert f"{native_file}" in found.out
    assert "one runs here" in run_here("info", "nano").out


def test_package_without_libraries_says_so(inside_package, run_here):
    (inside_package / "libraries.json").unlink()
    libraries.list_bundled_libraries.cache_clear()
    for command in ("info", "doctor"):
        assert "none: built without ziglang" in run_here(command).out
    with pytest.raises(UsageError, match="this installation has no compiled library of it for"):
        DigitClassifier("nano", backend="native")


def test_changed_library_inside_the_package_is_refused(inside_package, native_file, run_here):
    with (inside_package / native_file).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(HashMismatchError, match="not the library that belongs to this package"):
        DigitClassifier("nano", backend="native")
    assert run_here("doctor").code == 6
