"""Prepare the files under test and record the reference predictions.

The reference is this project's runtime as the export measures it: onnxruntime with exact int8 sums for ONNX files,
LiteRT with XNNPACK for TFLite files.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from benchmarks.conformance.differences import Probabilities
from benchmarks.conformance.subject import Format
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines import run_in_batches
from edge_mnist_runtime.engines.opening import open_engine

EDGE_MNIST = Path(sys.executable).with_name("edge-mnist")


@dataclass(frozen=True)
class ModelFile:
    """A model file under test, with its recorded predictions."""

    path: Path
    format: Format
    recorded: Probabilities
    top1: float
    """Recorded top-1 accuracy, 0..1."""
    as_shipped: bool | None
    """Whether an export on this machine gives the package's bytes; None for TFLite, which is not in the package."""

    @property
    def sha256(self) -> str:
        """SHA-256 of its bytes."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest()


def make_model_files(root: Path, names: tuple[str, ...], digits: LabelledDigits) -> list[ModelFile]:
    """Export the models and record the predictions of their files.

    The ONNX files are those in the package. The TFLite files are exported here.

    Args:
        root: The bundles are written in `bundles/NAME` in it.
        names: Names of bundled models.
        digits: The export's evaluation images.
    """
    files = []
    for name in names:
        bundle = root / "bundles" / name
        export(name, bundle)
        report = json.loads((bundle / "report.json").read_text())
        shipped = Path(BUNDLED_MODELS[name])
        as_shipped = (bundle / shipped.name).read_bytes() == shipped.read_bytes()
        files.append(_record(shipped, "onnx", digits, as_shipped))
        tflite = _record(bundle / f"{name}_int8.tflite", "tflite", digits, None)
        _require_reported(tflite, report)
        files.append(tflite)
    return files


def export(name: str, bundle: Path) -> None:
    """Export a reference model to int8 with loose gates: `nano` may fail them on the few stand-in digits."""
    gates = ("--max-drop", "100", "--min-agreement", "0")
    command = [str(EDGE_MNIST), "export", name, "--int8", *gates, "--output", str(bundle)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"the export of {name} failed: {done.stderr.strip()}")


def _record(path: Path, kind: Format, digits: LabelledDigits, as_shipped: bool | None) -> ModelFile:
    predict = _predict_onnx if kind == "onnx" else _predict_tflite
    recorded = predict(path, digits)
    top1 = float((recorded.argmax(1) == digits.labels).mean())
    return ModelFile(path, kind, recorded, top1, as_shipped)


def _predict_onnx(path: Path, digits: LabelledDigits) -> Probabilities:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.x64quantprecision", "1")  # exact sums on every x86
    session = onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    batches = [session.run(None, {name: digits.images[at : at + 100]})[0] for at in range(0, len(digits), 100)]
    return np.concatenate(batches)


def _predict_tflite(path: Path, digits: LabelledDigits) -> Probabilities:
    engine = open_engine(path.read_bytes(), file_name=path.name)
    return np.concatenate(list(run_in_batches(engine, digits.images)))


def _require_reported(file: ModelFile, report: dict[str, Any]) -> None:
    """Check that the export's report has the same accuracy, to the last digit."""
    reported = next(item["top1"] for item in report["artifacts"] if item["file"] == file.path.name)
    if abs(reported - file.top1) > 1e-9:
        raise SystemExit(f"{file.path.name}: top-1 is {file.top1:.4%} here, but {reported:.4%} in the export's report")
