"""The tables of an export's page: the files' figures, gates, agreement, classes, the int8 pair."""

from __future__ import annotations

import html
from typing import Final

from edge_mnist_exporter.evaluate.gates import Gate
from edge_mnist_exporter.evaluate.parity import KERAS_NAME, Int8Parity
from edge_mnist_exporter.evaluate.rejection import RejectionReport
from edge_mnist_exporter.report.audit_rows import HEADS, describe_audits
from edge_mnist_exporter.report.report import ArtifactReport, ExportReport
from edge_mnist_runtime.acceptance import describe_rule

STRONGEST_RED: Final = 0.6
"""Opacity behind too little agreement: the number on it stays legible on light and on dark pages."""

STRONGEST_DISAGREEMENT: Final = 0.01
"""Part of the images at which the red is strongest; it grows with the square root, so that a few images show."""

TERMS: Final = {
    "delta": "The file's top-1 less Keras's, in percentage points, with its 95 % confidence interval (Bonett and Price "
    "2012; paired).",
    "lost, gained": "Images that Keras alone reads right, and that the file alone reads right.",
    "p": "McNemar's exact test: how often two equally good models would differ at least so much.",
    "agreement": "Part of the images on which the file gives Keras's answer, right or wrong.",
    "max |dp|": "Largest difference of any probability on any image.",
    "ECE": "Expected calibration error (Guo et al. 2017, 15 bins): how far probabilities are from how often they are "
    "right.",
}
"""What the columns of the first table mean."""


def show_files(report: ExportReport) -> str:
    """Every file in one row, under the Keras model."""
    heads = ("file", "kB", "top-1", "delta", "lost, gained", "p", "agreement", "max |dp|", "ECE", "gates")
    keras = [
        "",
        f"{report.reference.top1:.2%}",
        *[""] * 5,
        f"{report.reference.expected_calibration_error:.4f}",
        "",
    ]
    rows = [_show_file_row("Keras", keras, heads)]
    for item in report.artifacts:
        rows.append(_show_file_row(html.escape(item.file), _file_cells(item, report.gates), heads))
    terms = "".join(f"<dt>{html.escape(term)}</dt><dd>{html.escape(text)}</dd>" for term, text in TERMS.items())
    return f"{_show_table('files', heads, rows)}<dl>{terms}</dl>"


def show_rejection(rejection: RejectionReport) -> str:
    """What each model rejects of the evaluation images."""
    if not rejection.least_confidence:
        return f"<p>Every answer is accepted ({html.escape(rejection.origin)}).</p>"
    heads = ("model", "rejected", "of the misread ones", "top-1 of the accepted")
    rows = [
        _show_file_row(
            html.escape("Keras" if name == KERAS_NAME else name),
            ["-" if part is None else f"{part:.2%}" for part in vars(figures).values()],
            heads,
        )
        for name, figures in rejection.figures.items()
    ]
    return (
        f"<p>{describe_rule(rejection.least_confidence)} (The first is {html.escape(rejection.origin)}.)</p>"
        f"{_show_table('files', heads, rows)}"
    )


def show_audits(report: ExportReport) -> str:
    """What every file's graph proves and costs."""
    rows = [
        _show_file_row(html.escape(name), [html.escape(cell) for cell in cells], HEADS)
        for name, *cells in describe_audits(report)
    ]
    mixed = "".join(f"<p>{html.escape(str(choice))}.</p>" for choice in report.mixed)
    return (
        f"<p>Read from the finished files. Peak memory: activations for one image, and weights that are unpacked when "
        f"the file is loaded.</p>{mixed}{_show_table('files audits', HEADS, rows)}"
    )


def _file_cells(item: ArtifactReport, gates: tuple[Gate, ...]) -> list[str]:
    figures = item.figures
    low, high = figures.delta_interval_points
    passed = all(gate.passed for gate in gates if item.file in gate.files)
    return [
        f"{item.size_bytes / 1000:.1f}",
        f"{figures.top1:.2%}",
        f"{figures.delta_points:+.2f} <span class='under'>{low:+.2f} to {high:+.2f}</span>",
        f"{figures.lost:,}, {figures.gained:,}",
        show_p(figures.mcnemar_p),
        f"{figures.agreement:.2%}",
        f"{figures.max_abs_probability_diff:.3f}",
        f"{figures.expected_calibration_error:.4f}",
        "<b class='passed'>pass</b>" if passed else "<b class='failed'>FAIL</b>",
    ]


def _show_file_row(name: str, cells: list[str], heads: tuple[str, ...]) -> str:
    shown = "".join(
        f"<td data-head='{head}'>{cell and f'<span>{cell}</span>'}</td>"
        for cell, head in zip(cells, heads[1:], strict=True)
    )
    return f"<tr><th scope='row'>{name}</th>{shown}</tr>"


def show_p(p: float) -> str:
    """A p value as text; what is too small to read is bounded."""
    return "&lt; 0.001" if p < 0.001 else f"{p:.3f}"


def show_gates(report: ExportReport) -> str:
    """Every limit with what was measured."""
    rows = [
        f"<tr><th scope='row'>{html.escape(gate.name).replace('(', '<wbr>(')}</th><td>{gate.value:.4f}</td>"
        f"<td>{html.escape(gate.limit)}</td><td>{gate.margin:+.4f}</td>"
        + ("<td class='passed'>pass</td></tr>" if gate.passed else "<td><b class='failed'>FAIL</b></td></tr>")
        for gate in report.gates
    ]
    return _show_table("gates", ("gate", "measured", "limit", "margin", ""), rows)


def show_agreement(report: ExportReport) -> str:
    """How many images any two models answer alike, coloured by disagreement: all the agreement would drown it."""
    names = [_shorten(name, report) for name in report.agreement.names]
    n_images = report.dataset.n
    rows = []
    for place, (name, parts) in enumerate(zip(names, report.agreement.matrix, strict=True)):
        cells = [
            "<td class='right'>-</td>" if other == place else _show_agreement(part, n_images)
            for other, part in enumerate(parts)
        ]
        rows.append(f"<tr><th scope='row'>{name}</th>{''.join(cells)}</tr>")
    table = _show_table("heat agreement", ("", *names), rows)
    return f"<p>Part of the {n_images:,} images that two models answer alike, and how many they do not.</p>{table}"


def _show_agreement(part: float, n_images: int) -> str:
    disagreement = 1 - part
    red = STRONGEST_RED * min(1, disagreement / STRONGEST_DISAGREEMENT) ** 0.5
    differ = round(disagreement * n_images)
    return f"<td style='--red:{red:.2f}'>{part:.2%}<small>{differ:,} differ</small></td>"


def show_classes(report: ExportReport) -> str:
    """Accuracy on each class."""
    models = [report.reference, *(item.figures for item in report.artifacts)]
    rows = []
    for label, (name, n_images) in enumerate(zip(report.labels, report.dataset.n_per_class, strict=True)):
        expected, *parts = (model.per_class_top1[label] for model in models)
        cells = "".join(_show_class_part(part, expected) for part in parts)
        first = f"<th scope='row'>{html.escape(name)}</th><td>{n_images:,}</td><td>{_percent(expected)}</td>"
        rows.append(f"<tr>{first}{cells}</tr>")
    heads = ("class", "images", "Keras", *(_shorten(item.file, report) for item in report.artifacts))
    return (
        "<p>Part of each class's images that is read right; red where a file reads fewer of them than Keras, green "
        f"where it reads more.</p>{_show_table('classes', heads, rows)}"
    )


def _show_class_part(part: float | None, expected: float | None) -> str:
    if part is None or expected is None or part == expected:
        return f"<td>{_percent(part)}</td>"
    return f"<td class='{'lost' if part < expected else 'gained'}'>{_percent(part)}</td>"


def show_parity(parity: Int8Parity, n_images: int) -> str:
    """How far the two int8 files are apart, as bars."""
    rows = [
        f"<tr><th scope='row'>{steps}</th><td>{images:,}</td>"
        f"<td class='bar' style='--part:{100 * images / n_images:.1f}%'>{images / n_images:.2%}</td></tr>"
        for steps, images in _group_steps(parity.images_by_steps)
    ]
    return (
        f"<p>{html.escape(parity.tflite)} and {html.escape(parity.onnx)} answer {parity.agreement:.2%} of the images "
        f"alike. No probability differs by more than {parity.max_steps} steps of {parity.step:.6g}, the scale of the "
        f"TFLite output; {parity.within_one_step:.2%} of the images differ by one step at most. Counted is each "
        f"image's largest difference.</p>{_show_table('steps', ('steps', 'images', ''), rows)}"
    )


def _group_steps(images_by_steps: tuple[int, ...]) -> list[tuple[str, int]]:
    """0, 1, 2, 3-4, 5-8, 9-16, ... steps, and how many images have so many."""
    groups, first, last = [], 0, 0
    while first < len(images_by_steps):
        groups.append((str(first) if first == last else f"{first}-{last}", sum(images_by_steps[first : last + 1])))
        first, last = last + 1, max(1, 2 * last)
    return groups


def _shorten(name: str, report: ExportReport) -> str:
    """A file's name without what all of them begin with, as HTML that may wrap."""
    return "Keras" if name == KERAS_NAME else html.escape(name.removeprefix(f"{report.name}_")).replace(".", "<wbr>.")


def _show_table(kind: str, heads: tuple[str, ...], rows: list[str]) -> str:
    head = "".join(f"<th scope='col'>{name}</th>" for name in heads)
    return f"<div class='wide'><table class='{kind}'><tr>{head}</tr>{''.join(rows)}</table></div>"


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{part:.2%}"
