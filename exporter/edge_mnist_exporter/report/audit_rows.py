"""Format the audit of every file as table rows, for pages and cards."""

from __future__ import annotations

from typing import Final

from edge_mnist_exporter.audit.audit import MAX_WEIGHT_PAIR, WeightPair
from edge_mnist_exporter.report.report import ArtifactReport, ExportRecord

HEADS: Final = (
    "file",
    "takes",
    "gives",
    "weights",
    "scales",
    "int8 sums",
    "float tensors",
    "peak memory",
    "MACs",
    "operators",
)


def describe_audits(report: ExportRecord) -> list[list[str]]:
    """Make one row for each file, with the columns `HEADS`."""
    return [_describe(item) for item in report.artifacts]


def can_saturate(item: ArtifactReport) -> bool:
    """Whether a file's int8 sums can saturate on x86 without VNNI."""
    pair = item.audit["weight_pair"]
    return pair is not None and WeightPair(**pair).can_saturate


def _describe(item: ArtifactReport) -> list[str]:
    audit = item.audit
    per_channel = {True: "per channel", False: "per tensor", None: "none"}[audit["per_channel"]]
    n_float = len(audit["float_tensors"])
    return [
        item.file,
        audit["inputs"][0]["dtype"],
        audit["outputs"][0]["dtype"],
        ", ".join(f"{n_bytes:,} B {dtype}" for dtype, n_bytes in audit["weight_dtypes"].items()),
        per_channel,
        _describe_sums(item),
        f"{n_float} of {audit['n_tensors']}",
        f"{audit['arena_bytes'] + audit['unpacked_weights_bytes']:,} B",
        f"{audit['macs']:,}",
        ", ".join(name if count == 1 else f"{count} {name}" for name, count in audit["operators"].items()),
    ]


def _describe_sums(item: ArtifactReport) -> str:
    """Say whether int8 sums can saturate, with the largest pair of weights."""
    pair = item.audit["weight_pair"]
    if pair is None:
        return "32 bits" if "int8" in item.audit["weight_dtypes"] else "none"
    verdict = "can saturate" if can_saturate(item) else "cannot saturate"
    return f"{verdict} (weight pair {pair['steps']} of {MAX_WEIGHT_PAIR})"
