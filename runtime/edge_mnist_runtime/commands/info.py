"""`edge-mnist info`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import MODELS_HELP, AccuracyDataOption, JsonOption
from edge_mnist_runtime.commands.terminal import one_line
from edge_mnist_runtime.errors import CorruptModelError, DataError, UsageError
from edge_mnist_runtime.machine.int8_sums import describe_saturation

if TYPE_CHECKING:
    from edge_mnist_runtime.bundles.foreign_files import ForeignFile
    from edge_mnist_runtime.contract import TensorSpec
    from edge_mnist_runtime.dataset import LabelledDigits
    from edge_mnist_runtime.engines import Engine

INFO_SCHEMA_VERSION: Final = 1


def info(
    model: Annotated[Path | None, typer.Argument(help=MODELS_HELP, show_default="robust")] = None,
    data: AccuracyDataOption = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Describe a model file or a bundle: precision, tensors, labels, preprocessing.

    Files that edge-mnist did not export are described too. Their pixel range
    is unknown, so --data measures the accuracy with each usual range. Exported
    C source is described by its head.
    """
    with chatter_silenced(show=debug):
        files = _describe(model, data)
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
            "acceptance",
            "least_confidence",
            "thresholds",
            "can_saturate",
            "source_sha256",
            "libraries",
            "tflite_sha256",
            "written_by",
            "use",
            "contract",
            "reads_digits",
            "top1",
        ):
            if key in file:
                print(f"  {key:17}{one_line(DESCRIBERS[key](file) if key in DESCRIBERS else _text(file[key]))}")
        if file["can_saturate"]:
            print(f"  warning: {one_line(describe_saturation(file['file'], is_foreign='contract' in file))}")


def _describe(model: Path | None, data: Path | None) -> list[dict[str, Any]]:
    """Describe each model file; the keys are those of `info --json`."""
    from edge_mnist_runtime.bundles.accuracy import load_labelled
    from edge_mnist_runtime.bundles.bundled_models import find_bundled
    from edge_mnist_runtime.bundles.c_source import describe_c_source
    from edge_mnist_runtime.bundles.foreign_files import ForeignFile, open_or_load
    from edge_mnist_runtime.bundles.libraries import describe_bundled_libraries
    from edge_mnist_runtime.bundles.program_formats import C_SUFFIXES, C_USE
    from edge_mnist_runtime.contract import IMAGE_SHAPE
    from edge_mnist_runtime.engines.native_library import NativeLibrary
    from edge_mnist_runtime.paths import is_folder

    if model is not None and is_folder(model):
        if data is not None:
            raise UsageError(f"--data: {model} is a bundle; edge-mnist verify {model} --data measures all of its files")
        return _describe_bundle(model)
    if model is not None and model.suffix in C_SUFFIXES and model.exists():
        if data is not None:
            raise UsageError(f"--data: {model} is {C_USE}; verify the bundle that holds it")
        return [describe_c_source(model)]
    engine = open_or_load(model)
    images = None if data is None else load_labelled(data)
    shape = IMAGE_SHAPE if isinstance(engine, ForeignFile) else engine.contract.image_shape
    if images is not None and images.images.shape[1:] != shape:
        raise DataError(f"{data}: images of {images.images.shape[1:]}; the model reads {shape}")
    if isinstance(engine, ForeignFile):
        return [_describe_foreign(engine, images)]
    bundled = find_bundled(model)
    if bundled is None:
        return [_describe_exported(engine, str(model), images)]
    file = engine.origin if isinstance(engine, NativeLibrary) else Path(bundled).name
    return [{**_describe_exported(engine, file, images), "libraries": describe_bundled_libraries()}]


def _describe_bundle(folder: Path) -> list[dict[str, Any]]:
    from edge_mnist_runtime.acceptance import acceptance_definition
    from edge_mnist_runtime.bundles.manifest import Manifest, read_proved
    from edge_mnist_runtime.reading.parameters import PICTURE_READING

    manifest = Manifest.load(folder)
    for artifact in manifest.artifacts:
        read_proved(folder / artifact.file, artifact.sha256)
    return [
        {
            **asdict(artifact),
            "file": str(folder / artifact.file),
            "name": manifest.name,
            "labels": manifest.labels,
            "preprocess": manifest.preprocess,
            "picture_reading": PICTURE_READING.to_dict() if manifest.preprocess else None,
            "acceptance": acceptance_definition() if manifest.preprocess else None,
            "least_confidence": manifest.least_confidence,
            "thresholds": manifest.thresholds and asdict(manifest.thresholds),
            "source_sha256": manifest.source["sha256"],
            **({"use": artifact.use_elsewhere} if artifact.use_elsewhere else {}),
        }
        for artifact in manifest.artifacts
    ]


def _describe_exported(engine: Engine, name: str, images: LabelledDigits | None) -> dict[str, Any]:
    """Describe a single file that carries a contract."""
    from edge_mnist_runtime.acceptance import acceptance_definition
    from edge_mnist_runtime.bundles.accuracy import measure_top1
    from edge_mnist_runtime.reading.parameters import PICTURE_READING

    contract = engine.contract
    preprocess = {"version": contract.preprocess_version, "sha256": contract.preprocess_sha256}
    return {
        "file": name,
        "name": contract.name,
        "format": engine.format,
        "sha256": engine.sha256,
        "precision": contract.precision,
        "size_bytes": engine.size_bytes,
        "inputs": _specs(engine.inputs),
        "outputs": _specs(engine.outputs),
        "labels": contract.labels,
        "preprocess": preprocess if contract.reads_digits else None,
        "picture_reading": PICTURE_READING.to_dict() if contract.reads_digits else None,
        "acceptance": acceptance_definition() if contract.reads_digits else None,
        "least_confidence": contract.least_confidence,
        "thresholds": contract.thresholds and asdict(contract.thresholds),
        "can_saturate": contract.can_saturate,
        "source_sha256": contract.source_sha256,
        **({} if images is None else {"top1": {"as its contract says": measure_top1(engine, images)}}),
    }


def _describe_foreign(file: ForeignFile, images: LabelledDigits | None) -> dict[str, Any]:
    """Describe a file without a contract."""
    from edge_mnist_runtime.bundles.accuracy import measure_top1
    from edge_mnist_runtime.bundles.foreign_files import FOREIGN_RANGES, ForeignEngine

    record: dict[str, Any] = {
        "file": file.origin,
        "format": file.format,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "inputs": _specs(file.inputs),
        "outputs": _specs(file.outputs),
        "can_saturate": file.may_saturate,
        "contract": "none: edge-mnist export did not make it, so its pixel range is unknown",
    }
    try:
        engine = ForeignEngine(file)
    except (CorruptModelError, UsageError) as error:
        if images is not None:
            raise
        return {**record, "reads_digits": False, "reason": str(error).removeprefix(f"{file.origin}: ")}
    record |= {"reads_digits": True, "reason": None}
    if images is not None:
        ranges = FOREIGN_RANGES if engine.takes_real_values else {"bytes": FOREIGN_RANGES["0..255"]}
        record["top1"] = {
            name: measure_top1(ForeignEngine(file, input_range=known), images) for name, known in ranges.items()
        }
    return record


def _describe_sums(file: dict[str, Any]) -> str:
    """Write whether int8 sums can saturate, and how that is known."""
    if "contract" not in file:
        return "yes" if file["can_saturate"] else "no, by its contract: int8 sums are exact on every processor"
    if file["can_saturate"]:
        return "perhaps: it holds quantized values, and nobody proved that their sums are exact"
    return f"no: {'it multiplies no integers' if file['format'] == 'onnx' else 'LiteRT adds int8 products in 32 bits'}"


def _describe_thresholds(file: dict[str, Any]) -> str:
    if file["thresholds"] is None:
        return "none: export it again to use --least-confidence strict" if file["preprocess"] else _text(None)
    return ", ".join(f"{name} {value:g}" for name, value in file["thresholds"].items())


def _describe_use(file: dict[str, Any]) -> str:
    return "yes: bench and classify --raw take it" if file["reads_digits"] else f"no: {file['reason']}"


def _describe_top1(file: dict[str, Any]) -> str:
    """Write the accuracy that a manifest records, or those measured here by pixel range, the best first."""
    top1 = file["top1"]
    if isinstance(top1, float):
        return f"measured by the export: {top1:.2%}"
    best_first = sorted(top1.items(), key=lambda item: -item[1])
    return "measured here: " + "; ".join(f"{fraction:.2%} with pixels {_as(name)}" for name, fraction in best_first)


DESCRIBERS: Final = {
    "can_saturate": _describe_sums,
    "reads_digits": _describe_use,
    "thresholds": _describe_thresholds,
    "top1": _describe_top1,
}
"""Keys with a text of their own, made from the whole record of a file."""


def _specs(specs: tuple[TensorSpec, ...]) -> list[dict[str, Any]]:
    return [asdict(spec) for spec in specs]


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return _join(value)
    if isinstance(value, dict):
        return f"version {value['version']}, SHA-256 {value['sha256'][:16]}..."
    if value is None:
        return "none: not a digit classifier"  # only preprocess, picture_reading and acceptance may be None
    return f"{value:,}" if isinstance(value, int) else str(value)


def _join(values: Sequence[Any]) -> str:
    """Join names, or describe tensors: name, dtype, shape, scale and zero-point."""
    if not values or not isinstance(values[0], dict):
        return " ".join(map(str, values))
    return "; ".join(
        f"{spec['name']} {spec['dtype']} ({', '.join(map(str, spec['shape']))})"
        + ("" if spec["scale"] is None else f", scale {spec['scale']:.8f}, zero-point {spec['zero_point']}")
        for spec in values
    )


def _as(name: str) -> str:
    return name if name.startswith("as") else f"as {name}"
