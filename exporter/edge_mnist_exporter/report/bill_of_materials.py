"""Write bom.cdx.json, a CycloneDX 1.6 bill of materials with a model card for each file (ML-BOM).

Inventories read it: which models a device has, what they were made with, and what was measured. Every figure is from
the content of report.json. The same export gives the same bytes: there is no date, and the serial number is a hash.

cyclonedx-python-lib writes everything but the model cards, which it does not support; they are added to its JSON.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_exporter.evaluate.evaluation import Comparison, ModelFigures
from edge_mnist_exporter.evaluate.parity import KERAS_NAME
from edge_mnist_exporter.report.report import ArtifactReport, ExportRecord

if TYPE_CHECKING:
    from cyclonedx.model.component import Component

BOM_FILE: Final = "bom.cdx.json"

EVALUATION_REF: Final = "data:evaluation"
CALIBRATION_REF: Final = "data:calibration"
ROOT_REF: Final = "bundle"

Metric = dict[str, Any]
"""A `performanceMetric` of CycloneDX; its values are text."""


def write_bom(record: ExportRecord, companions: Mapping[str, str]) -> str:
    """Make the text of bom.cdx.json.

    Args:
        record: The content of report.json.
        companions: SHA-256 of files that belong to model files, such as C headers, by name.
    """
    from cyclonedx.model.bom import Bom
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.output.json import JsonV1Dot6

    libraries = [_describe_version(*item) for item in record.versions.items()]
    files = [_describe_file(artifact) for artifact in record.artifacts]
    others = [
        Component(name=name, type=ComponentType.FILE, bom_ref=f"file:{name}", hashes=_sha256(digest))
        for name, digest in companions.items()
    ]
    data = [_describe_evaluation(record), _describe_calibration(record)]
    root = _describe_bundle(record)
    digest = hashlib.sha256(json.dumps([record.to_dict(), dict(companions)]).encode()).hexdigest()
    bom = Bom(
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{digest}"),
        components=[*files, *others, *data, *libraries],
    )
    bom.metadata.component = root
    bom.register_dependency(root, [*files, *others])
    for file in files:
        bom.register_dependency(file, [*data, *libraries])
    content = json.loads(JsonV1Dot6(bom).output_as_string())
    del content["metadata"]["timestamp"]  # the library writes the time of this call
    cards = {_file_ref(artifact): _make_card(record, artifact) for artifact in record.artifacts}
    for component in content["components"]:
        if component["bom-ref"] in cards:
            component["modelCard"] = cards[component["bom-ref"]]
    content["metadata"]["component"]["modelCard"] = _make_reference_card(record)
    return json.dumps(content, indent=2) + "\n"


def _describe_bundle(record: ExportRecord) -> Component:
    """The bundle, with the Keras model as its ancestor."""
    from cyclonedx.model.component import Component, ComponentType, Pedigree

    source = record.source
    model = ComponentType.MACHINE_LEARNING_MODEL
    keras = Component(name=source["file"], type=model, bom_ref="source", hashes=_sha256(source["sha256"]))
    return Component(name=record.name, type=model, bom_ref=ROOT_REF, pedigree=Pedigree(ancestors=[keras]))


def _describe_file(artifact: ArtifactReport) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    facts = {
        "format": artifact.format,
        "precision": artifact.precision,
        "size_bytes": artifact.size_bytes,
        "macs": artifact.audit.get("macs"),
        "arena_bytes": artifact.audit.get("arena_bytes"),
    }
    return Component(
        name=artifact.file,
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=_file_ref(artifact),
        hashes=_sha256(artifact.sha256),
        properties=_properties(facts),
    )


def _describe_evaluation(record: ExportRecord) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    dataset = record.dataset
    return Component(
        name=dataset.name,
        type=ComponentType.DATA,
        bom_ref=EVALUATION_REF,
        description=f"Evaluation images. The hash is of pixels and labels. {dataset.notice or ''}".strip(),
        hashes=_sha256(dataset.sha256),
        properties=_properties({"split": dataset.split, "n": dataset.n}),
    )


def _describe_calibration(record: ExportRecord) -> Component:
    from cyclonedx.model.component import Component, ComponentType

    facts = dict(record.calibration)
    return Component(
        name=str(facts.pop("name", "calibration")),
        type=ComponentType.DATA,
        bom_ref=CALIBRATION_REF,
        description="Calibration images. The hash is of their indices in the data set.",
        properties=_properties(facts),
    )


def _describe_version(name: str, version: str) -> Component:
    """Python, or a library that made the bundle. No device needs them."""
    from cyclonedx.model.component import Component, ComponentScope, ComponentType
    from packageurl import PackageURL

    is_python = name == "python"
    return Component(
        name=name,
        version=version,
        type=ComponentType.PLATFORM if is_python else ComponentType.LIBRARY,
        scope=ComponentScope.EXCLUDED,
        bom_ref=f"made-with:{name}",
        purl=None if is_python else PackageURL("pypi", None, name, version),
    )


def _make_card(record: ExportRecord, artifact: ArtifactReport) -> dict[str, Any]:
    """The model card of one file, with all figures of report.json but the flips."""
    card = _start_card(record)
    for ends in ("inputs", "outputs"):
        card["modelParameters"][ends] = [{"format": _describe_tensor(spec)} for spec in artifact.audit.get(ends, ())]
    card["quantitativeAnalysis"] = {
        "performanceMetrics": [
            *_measure(record, artifact.figures),
            *_compare(record, artifact.figures),
            *_reject(record, artifact.file),
        ]
    }
    return card


def _make_reference_card(record: ExportRecord) -> dict[str, Any]:
    """The model card of the Keras model that the bundle was made from."""
    metrics = [*_measure(record, record.reference), *_reject(record, KERAS_NAME)]
    return {**_start_card(record), "quantitativeAnalysis": {"performanceMetrics": metrics}}


def _start_card(record: ExportRecord) -> dict[str, Any]:
    card: dict[str, Any] = {
        "modelParameters": {
            "approach": {"type": "supervised"},
            "task": "image classification",
            "datasets": [{"ref": EVALUATION_REF}, {"ref": CALIBRATION_REF}],
        }
    }
    if record.dataset.notice:
        card["considerations"] = {"technicalLimitations": [record.dataset.notice]}
    return card


def _describe_tensor(spec: Mapping[str, Any]) -> str:
    shape = ", ".join("N" if axis in (None, -1) else str(axis) for axis in spec["shape"])
    return f"{spec['name']}: {spec['dtype']} ({shape})"


def _measure(record: ExportRecord, figures: ModelFigures) -> Iterator[Metric]:
    yield _metric(record, "top-1 accuracy", figures.top1)
    yield _metric(record, "expected calibration error", figures.expected_calibration_error)
    for label, top1 in zip(record.labels, figures.per_class_top1, strict=True):
        if top1 is not None:
            yield _metric(record, "top-1 accuracy", top1, part=f"class {label}")


def _compare(record: ExportRecord, figures: Comparison) -> Iterator[Metric]:
    low, high = figures.delta_interval_points
    yield {
        **_metric(record, "top-1 accuracy minus Keras's, percentage points", figures.delta_points),
        "confidenceInterval": {"lowerBound": repr(low), "upperBound": repr(high)},
    }
    yield _metric(record, "McNemar's exact p against Keras", figures.mcnemar_p)
    yield _metric(record, "fraction of images with Keras's answer", figures.agreement)
    yield _metric(record, "largest difference of a probability from Keras's", figures.max_abs_probability_diff)


def _reject(record: ExportRecord, model: str) -> Iterator[Metric]:
    if record.rejection is None or model not in record.rejection.figures:
        return
    figures = record.rejection.figures[model]
    at = f"confidence below {record.rejection.least_confidence:g} rejected"
    yield _metric(record, "fraction of images rejected", figures.rejected, part=at)
    if figures.accepted_top1 is not None:
        yield _metric(record, "top-1 accuracy of accepted images", figures.accepted_top1, part=at)


def _metric(record: ExportRecord, kind: str, value: float, *, part: str = "") -> Metric:
    dataset = record.dataset
    images = f"{dataset.name} ({dataset.split}), {dataset.n:,} images"
    return {"type": kind, "value": repr(value), "slice": f"{images}, {part}" if part else images}


def _file_ref(artifact: ArtifactReport) -> str:
    return f"model:{artifact.file}"


def _sha256(digest: str) -> list[Any]:
    from cyclonedx.model import HashAlgorithm, HashType

    return [HashType(alg=HashAlgorithm.SHA_256, content=digest)]


def _properties(facts: Mapping[str, object]) -> list[Any]:
    from cyclonedx.model import Property

    return [Property(name=f"edge-mnist:{name}", value=str(value)) for name, value in facts.items() if value is not None]
