"""Fixtures of the runtime's tests: sample pictures, one classifier, drawn digits, damaged models and bundles."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from edge_mnist_exporter import SigningConfig, sign_bundle
from edge_mnist_runtime import DigitClassifier, open_model
from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.report import BenchReport, DigitsRecord, MeasuredModel, Warmup
from edge_mnist_runtime.bench.sample_digits import load_samples, read_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.bundles.manifest import Artifact, Manifest
from edge_mnist_runtime.contract import METADATA_KEY

REPOSITORY = Path(__file__).resolve().parents[2]

THREE = ((0.0, 0.1), (0.6, 0.0), (1.0, 0.25), (0.4, 0.5), (1.0, 0.75), (0.6, 1.0), (0.0, 0.9))
"""A three in strokes, x and y in 0..1."""

Pixels = np.ndarray[Any, np.dtype[np.uint8]]


@pytest.fixture(scope="session")
def package_folders() -> dict[str, Path]:
    """The source folder of each import package."""
    return {stage: REPOSITORY / stage / f"edge_mnist_{stage}" for stage in ("runtime", "trainer", "exporter")}


@pytest.fixture(scope="session")
def classifier() -> DigitClassifier:
    """The bundled model."""
    return DigitClassifier()


@pytest.fixture(scope="session")
def sample_pictures() -> dict[str, bytes]:
    """The ten sample picture files by name; each name begins with its digit."""
    return read_samples()


@pytest.fixture(scope="session")
def samples_folder(sample_pictures: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ten sample pictures as files."""
    folder = tmp_path_factory.mktemp("samples")
    for name, data in sample_pictures.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def draw_three() -> Callable[..., Image.Image]:
    """Draw a three: `draw_three(size, left_top, height, ink=..., ground=...)`."""

    def draw(
        size: tuple[int, int] = (200, 200),
        left_top: tuple[int, int] = (60, 50),
        height: int = 100,
        *,
        ink: int = 0,
        ground: int = 255,
    ) -> Image.Image:
        finer = 4
        picture = Image.new("L", (size[0] * finer, size[1] * finer), ground)
        points = [((left_top[0] + 0.65 * x * height) * finer, (left_top[1] + y * height) * finer) for x, y in THREE]
        radius = 0.06 * height * finer
        pen = ImageDraw.Draw(picture)
        pen.line(points, ink, width=round(2 * radius))
        for x, y in points:
            pen.ellipse((x - radius, y - radius, x + radius, y + radius), ink)
        return picture.reduce(finer)

    return draw


@pytest.fixture(scope="session")
def bundled_onnx() -> bytes:
    """The bytes of the bundled model file."""
    return Path(BUNDLED_MODELS[DEFAULT_MODEL]).read_bytes()


@pytest.fixture(scope="session")
def onnx_with_contract(bundled_onnx: bytes) -> Callable[[str | None], bytes]:
    """The bundled model with another text as its contract, or with none."""
    import onnx

    def make(text: str | None) -> bytes:
        model = onnx.load_model_from_string(bundled_onnx)
        del model.metadata_props[:]
        if text is not None:
            onnx.helper.set_model_props(model, {METADATA_KEY: text})
        return bytes(model.SerializeToString())

    return make


@pytest.fixture
def bundle_copy(reference_bundle: Path, tmp_path: Path) -> Path:
    """A copy of the reference bundle that a test may damage."""
    return Path(shutil.copytree(reference_bundle, tmp_path / "bundle"))


@pytest.fixture(scope="session")
def write_light_bundle() -> Callable[..., Path]:
    """Write a bundle around a model inside this package, without TensorFlow: `write_light_bundle(folder, "nano")`."""

    def write(folder: Path, model: str = "nano") -> Path:
        data = Path(BUNDLED_MODELS[model]).read_bytes()
        engine, digits, file = open_model(model), load_samples(), f"{model}_int8.onnx"
        buffer = io.BytesIO()
        np.savez(buffer, images=digits.images, labels=digits.labels,
                 **{f"probabilities/{file}": engine.run(digits.images)})  # fmt: skip
        contents = {file: data, "golden.npz": buffer.getvalue(), "MODEL_CARD.md": b"# A card"}
        hashes = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        contract = engine.contract
        manifest = Manifest(
            name=model,
            labels=contract.labels,
            preprocess={"version": contract.preprocess_version, "sha256": contract.preprocess_sha256},
            source={"file": f"{model}.keras", "sha256": contract.source_sha256},
            evaluation={"name": "samples", "split": "test", "n": 10, "sha256": "0" * 64},
            versions={},
            artifacts=(
                Artifact(file, "onnx", "int8", hashes.pop(file), len(data), 0.99, engine.inputs, engine.outputs),
            ),
            files=hashes,
            least_confidence=contract.least_confidence,
            thresholds=contract.thresholds,
        )
        folder.mkdir(parents=True)
        for name, content in {**contents, "manifest.json": manifest.to_json().encode()}.items():
            (folder / name).write_bytes(content)
        return folder

    return write


@pytest.fixture(scope="session")
def sign(keys: Any) -> Callable[..., Path]:
    """Sign a bundle in place: `sign(bundle, version=3, valid_days=30, at=date, key=keys.private)`."""

    def sign_in_place(
        bundle: Path,
        *,
        version: int | None = None,
        valid_days: int | None = None,
        at: datetime | None = None,
        key: Path | None = None,
    ) -> Path:
        sign_bundle(bundle, SigningConfig(key or keys.private, version, valid_days), signed_at=at)
        return bundle

    return sign_in_place


@pytest.fixture(scope="session")
def flip_byte() -> Callable[[Path], None]:
    """Change one byte in the middle of a file."""

    def flip(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)

    return flip


@pytest.fixture(scope="session")
def replace_in_bundle() -> Callable[[Path, str, bytes], None]:
    """Replace a file of a bundle and put its new SHA-256 into the manifest."""

    def replace(bundle: Path, name: str, data: bytes) -> None:
        (bundle / name).write_bytes(data)
        path = bundle / "manifest.json"
        record = json.loads(path.read_text())
        record["files"][name] = hashlib.sha256(data).hexdigest()
        path.write_text(json.dumps(record))

    return replace


@pytest.fixture(scope="session")
def run_python() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python source in a process of its own: `run_python(source, *arguments)`."""

    def run(source: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", source, *map(str, arguments)]
        return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)

    return run


@pytest.fixture
def in_process_cli(capsys: pytest.CaptureFixture[str], refuse_unmarked: Callable[[str], None]) -> Callable[..., int]:
    """Run `edge-mnist ARGUMENTS` in this process, which is faster, and give its exit code."""
    from edge_mnist_runtime.commands.app import run

    def run_here(*arguments: object) -> int:
        code = run([*map(str, arguments)])
        said = capsys.readouterr().err
        assert "Traceback" not in said
        refuse_unmarked(said)
        return code

    return run_here


@pytest.fixture
def measured_model() -> Callable[..., MeasuredModel]:
    """One model's part of a bench report, without warnings: `measured_model(**changes)`."""
    quiet = MeasuredModel(
        model="folder/edge_int8.onnx", backend="onnxruntime", precision="int8", size_bytes=1, sha256="0", threads=1,
        load_ms=1.0, first_us=20.0, samples=100, stopped="samples", warmup=Warmup(100, steady=True), late=False,
        latency_us={"p50": 10.0, "p90": 11.0, "p99": None}, bound_us={}, unknown={}, service_us=None,
        latencies_us=[10.0], stages_us={}, images_per_second={}, operators=None, memory_mb=None,
        instructions=None, energy_uj=None, runs=(),
        streams=None, slo_rate=None,
    )  # fmt: skip
    return lambda **changes: replace(quiet, **changes)


@pytest.fixture
def bench_report(measured_model: Callable[..., MeasuredModel]) -> BenchReport:
    """A bench report of one model, as read from JSON."""
    return BenchReport(
        env={
            "cpu": "A", "instruction_sets": ["avx2"], "cpu_features": ["avx2"], "usable_cores": 2,
            "cpu_quota_cores": None,
            "versions": {"onnxruntime": "1.31.1", "numpy": "2.4.6"},
        },
        digits=DigitsRecord("samples", "all", 10, "0"), config=BenchmarkConfig(), import_ms={}, preprocess_us={},
        models=(measured_model(),), advice=(), warnings=(), yardstick_sha256="0",
    )  # fmt: skip
