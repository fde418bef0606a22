"""Diagnose int8 files: the quantization error of every layer, and the layers that must stay in float."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from edge_mnist_exporter.audit.layer_errors import LayerError
from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.conversion import share_requests
from edge_mnist_exporter.formats import FORMATS
from edge_mnist_exporter.images.calibration import choose_calibration, choose_search_images
from edge_mnist_exporter.images.own_images import load_export_images
from edge_mnist_exporter.measurement import evaluate_reference
from edge_mnist_exporter.mixed.auto_mixed import mix_failing, try_convert
from edge_mnist_exporter.report.report import MixedChoice
from edge_mnist_exporter.source.source_model import load_source

DIAGNOSIS_SCHEMA_VERSION: Final = 1


@dataclass(frozen=True)
class Diagnosis:
    """The result of `diagnose`."""

    name: str
    n_images: int
    """Number of training images that layers were compared on; not those used for calibration."""
    notice: str | None
    """A notice about the images; None for MNIST."""
    layers: dict[str, tuple[LayerError, ...]]
    """Errors of the layers by format, worst first."""
    mixed: tuple[MixedChoice, ...]
    """With `auto_mixed`, the layers that must stay in float in int8 files that fail."""
    hopeless: tuple[str, ...]
    """With `auto_mixed`, the int8 files that fail with any choice of layers in float."""

    def to_json(self) -> str:
        """The JSON text that the command line prints."""
        record: dict[str, Any] = {"schema_version": DIAGNOSIS_SCHEMA_VERSION, **asdict(self)}
        return json.dumps(record, indent=2)


def diagnose(
    name: str,
    model: Path,
    config: ExportConfig,
    *,
    n_images: int,
    data: Path | None = None,
    on_stage: Callable[[str], None] = lambda _stage: None,
) -> Diagnosis:
    """Compare every layer of the int8 files with the network in float.

    Args:
        name: Name of the network.
        model: A .keras or .h5 file.
        config: Formats, calibration and, for `auto_mixed`, limits. Precisions are ignored.
        n_images: Images to compare the layers on.
        data: Path of the images.
        on_stage: Called with a short description at the start of each stage.

    Raises:
        EdgeMnistError: Each of the subclasses with an exit code of 2, 4 or 6.
    """
    on_stage("loading the Keras model")
    source = load_source(name, model, config.source)
    on_stage("loading images")
    digits = load_export_images(source, data)
    calibration = choose_calibration(source, digits, config)
    search = choose_search_images(digits.calibration, calibration)
    evaluate_reference(source, search)
    request = share_requests(source, calibration.images, config.conversion)
    layers: dict[str, tuple[LayerError, ...]] = {}
    files = []
    for kind in config.kinds:
        on_stage(f"comparing the layers of int8 {kind.format} with float")
        errors = FORMATS[kind.format].measure_errors(request(kind), search.images[:n_images])
        layers[kind.format] = tuple(sorted(errors, key=lambda error: error.snr_db))
        files += [try_convert(request(kind))] if config.auto_mixed else []
    mixing = mix_failing(files, request, search, config.gates, on_stage=on_stage)
    return Diagnosis(name, min(n_images, len(search)), digits.notice, layers, mixing.choices, mixing.hopeless)
