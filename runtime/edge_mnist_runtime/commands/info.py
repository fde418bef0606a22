"""`edge-mnist info`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.messages import one_line
from edge_mnist_runtime.int8_sums import describe_saturation

if TYPE_CHECKING:
    from edge_mnist_runtime.tensor_spec import TensorSpec

INFO_SCHEMA_VERSION: Final = 1


def info(
    model: Annotated[
        Path | None,
        typer.Argument(help="A bundle, an .onnx or .tflite file, or robust, edge, nano.", show_default="robust"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Say what a model file or a bundle is: precision, tensors, labels, preprocessing."""
    with chatter_silenced(show=debug):
        files = _describe(model)
    if as_json:
        print(json.dumps({"schema_version": INFO_SCHEMA_VERSION, "files": files}, indent=2))
        return
    for file in files:
        print(one_line(file["file"]))
        for key in (
            "name",
            "format",
            "precision",
            "size_bytes",
            "sha256",
            "inputs",
            "outputs",
            "labels",
            "preprocess",
            "picture_reading",
            "least_confidence",
            "can_saturate",
            "source_sha256",
        ):
            print(f"  {key:17}{one_line(_text(file[key]))}")
        if file["can_saturate"]:
            print(f"  warning: {one_line(describe_saturation(file['file']))}")


def _describe(model: Path | None) -> list[dict[str, Any]]:
    from edge_mnist_runtime.bundled_models import find_bundled
    from edge_mnist_runtime.manifest import Manifest, read_proved
    from edge_mnist_runtime.model_files import open_model
    from edge_mnist_runtime.paths import is_folder
    from edge_mnist_runtime.picture_definition import PICTURE_READING

    if model is not None and is_folder(model):
        manifest = Manifest.load(model)
        for artifact in manifest.artifacts:
            read_proved(model / artifact.file, artifact.sha256)
        return [
            {
                **asdict(artifact),
                "file": str(model / artifact.file),
                "name": manifest.name,
                "labels": manifest.labels,
                "preprocess": manifest.preprocess,
                "picture_reading": PICTURE_READING.to_dict() if manifest.preprocess else None,
                "least_confidence": manifest.least_confidence or 0.0,
                "source_sha256": manifest.source["sha256"],
            }
            for artifact in manifest.artifacts
        ]
    engine = open_model(model)
    contract = engine.contract
    return [
        {
            "file": Path(bundled).name if (bundled := find_bundled(model)) else str(model),
            "name": contract.name,
            "format": engine.format,
            "sha256": engine.sha256,
            "precision": contract.precision,
            "size_bytes": engine.size_bytes,
            "inputs": _specs(engine.inputs),
            "outputs": _specs(engine.outputs),
            "labels": contract.labels,
            "preprocess": (
                {"version": contract.preprocess_version, "sha256": contract.preprocess_sha256}
                if contract.reads_digits
                else None
            ),
            "picture_reading": PICTURE_READING.to_dict() if contract.reads_digits else None,
            "least_confidence": contract.least_confidence or 0.0,
            "can_saturate": contract.can_saturate,
            "source_sha256": contract.source_sha256,
        }
    ]


def _specs(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    return [asdict(spec) for spec in specs]


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)) and value and isinstance(value[0], dict):
        return "; ".join(
            f"{spec['name']} {spec['dtype']} ({', '.join(map(str, spec['shape']))})"
            + ("" if spec["scale"] is None else f", scale {spec['scale']:.8f}, zero-point {spec['zero_point']}")
            for spec in value
        )
    if isinstance(value, (list, tuple)):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return f"version {value['version']}, SHA-256 {value['sha256'][:16]}..."
    if value is None:
        return "none: not a digit classifier"  # only a preprocessing may be missing
    if isinstance(value, bool):
        return "yes" if value else "no: int8 sums are exact on every processor"
    return f"{value:,}" if isinstance(value, int) else str(value)
