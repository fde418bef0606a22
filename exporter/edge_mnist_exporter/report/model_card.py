"""Write MODEL_CARD.md from the content of report.json."""

from __future__ import annotations

from edge_mnist_exporter.audit.audit import MAX_WEIGHT_PAIR
from edge_mnist_exporter.evaluate.parity import KERAS_NAME
from edge_mnist_exporter.report.audit_rows import HEADS, can_saturate, describe_audits
from edge_mnist_exporter.report.report import ExportRecord
from edge_mnist_exporter.report.tables import describe_engines
from edge_mnist_runtime.acceptance import describe_rule
from edge_mnist_runtime.contract import DIGIT_LABELS
from edge_mnist_runtime.machine.int8_sums import describe_saturation
from edge_mnist_trainer.report.web_page import load_templates


def write_model_card(report: ExportRecord) -> str:
    """Make the text of MODEL_CARD.md, in Markdown."""
    template = load_templates("edge_mnist_exporter").get_template("model_card.md")
    return template.render(
        report=report,
        reads_digits=report.labels == DIGIT_LABELS,
        keras_name=KERAS_NAME,
        rule=describe_rule(report.rejection.least_confidence) if report.rejection else "",
        audit_heads=HEADS,
        audits=describe_audits(report),
        engines=describe_engines(report),
        max_weight_pair=MAX_WEIGHT_PAIR,
        saturation_warnings=[describe_saturation(item.file) for item in report.artifacts if can_saturate(item)],
    )
