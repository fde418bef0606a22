"""Convert a Keras model to TFLite and ONNX, and prove that nothing was lost.

    >>> from edge_mnist_exporter import export
    >>> export("runs/edge", output="bundle").require_passed()  # doctest: +SKIP

Needs the extra `export`. Importing this package is cheap: TensorFlow is imported when `export` is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.lazy_names import load_when_used

if TYPE_CHECKING:
    from edge_mnist_exporter.bundle.signing import sign_bundle
    from edge_mnist_exporter.config import ConversionConfig, ExportConfig, ProjectConfig, SigningConfig, SourceConfig
    from edge_mnist_exporter.exporting import ExportReport, export
    from edge_mnist_exporter.gate_config import GateConfig
    from edge_mnist_exporter.report.report import ExportRecord

_HOME_OF: Final = {
    "ConversionConfig": "config",
    "ExportConfig": "config",
    "ExportRecord": "report.report",
    "ExportReport": "exporting",
    "GateConfig": "gate_config",
    "ProjectConfig": "config",
    "SigningConfig": "config",
    "SourceConfig": "config",
    "export": "exporting",
    "sign_bundle": "bundle.signing",
}

__all__ = [
    "ConversionConfig",
    "ExportConfig",
    "ExportRecord",
    "ExportReport",
    "GateConfig",
    "ProjectConfig",
    "SigningConfig",
    "SourceConfig",
    "export",
    "sign_bundle",
]


__getattr__ = load_when_used(__name__, _HOME_OF)


def __dir__() -> list[str]:
    return sorted(__all__)
