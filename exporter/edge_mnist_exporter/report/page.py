"""Make report.html of an export, a self-contained page, from the report and the evaluation images."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.bundle.report_paths import GENERATOR
from edge_mnist_exporter.evaluate.parity import KERAS_NAME
from edge_mnist_exporter.report.audit_rows import HEADS, describe_audits
from edge_mnist_exporter.report.flip_pictures import choose_flips, name_outcome
from edge_mnist_exporter.report.report import ExportRecord
from edge_mnist_exporter.report.tables import compare_models, describe_engines, group_steps
from edge_mnist_exporter.report.threshold_curve import draw_threshold_curve
from edge_mnist_runtime.acceptance import describe_rule
from edge_mnist_trainer.report.web_page import load_templates


def make_export_page(report: ExportRecord, images: npt.NDArray[np.uint8]) -> str:
    """Make the text of report.html.

    Args:
        report: The report.
        images: Its evaluation images, uint8, shape (N, H, W, C), C 1 or 3.
    """
    return (
        load_templates("edge_mnist_exporter")
        .get_template("export.html")
        .render(
            generator=GENERATOR,
            report=report,
            images=images,
            keras_name=KERAS_NAME,
            agreement=compare_models(report),
            shown=choose_flips(report),
            name_outcome=name_outcome,
            audit_heads=HEADS,
            audits=describe_audits(report),
            engines=describe_engines(report),
            steps=group_steps(report.int8_parity.images_by_steps) if report.int8_parity else [],
            threshold_curve=draw_threshold_curve(report.rejection.curve) if report.rejection else None,
            rule=describe_rule(report.rejection.least_confidence) if report.rejection else "",
            data=_data(report),
        )
    )


def _data(report: ExportRecord) -> dict[str, Any]:
    """Names and hashes of the model and images, for display."""
    dataset = report.dataset
    return {
        "source": report.source,
        "evaluation": {"name": dataset.name, "split": dataset.split, "images": dataset.n, "sha256": dataset.sha256},
        "calibration": report.calibration,
    }
