"""report.html of an export: one self-contained page for people, from the report and the evaluation images.

No script, nothing from outside. The pictures are evaluation images, so the page is not for handing on: the project
ships no digits but those that it draws itself.
"""

from __future__ import annotations

import html
from typing import Any, Final

from edge_mnist_exporter.bundle.report_paths import GENERATOR
from edge_mnist_exporter.report.flip_pictures import Images, show_flips
from edge_mnist_exporter.report.report import ExportReport
from edge_mnist_exporter.report.tables import (
    show_agreement,
    show_audits,
    show_classes,
    show_files,
    show_gates,
    show_parity,
    show_rejection,
)
from edge_mnist_trainer.report.web_page import make_page, show_sections, show_settings

STYLE: Final = """
:root{--good:#1f7a3d;--bad:#b42318}
@media(prefers-color-scheme:dark){:root{--good:#5cc982;--bad:#ff8a7a}}
.verdict{border-left:.35rem solid var(--good);padding-left:.8rem}.verdict.failed{border-color:var(--bad)}
.passed{color:var(--good)}.failed b,b.failed{color:var(--bad)}
.note{background:var(--panel);padding:.6rem .8rem;border-radius:.3rem}
.quiet{color:var(--quiet);font-size:.85rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem;max-width:46rem;font-size:.85rem;
color:var(--quiet)}dd{margin:0}
th:first-child{text-align:left;font-weight:normal}tr:first-child>th{color:var(--quiet);font-weight:normal}
.files td,.gates td{white-space:nowrap}.audits td{white-space:normal;text-align:left}
.files .under{display:block;color:var(--quiet);font-size:.8rem}
.agreement td{padding:.35rem .7rem}.agreement small{display:block;color:var(--quiet)}
.agreement th{padding:.35rem .7rem}
.classes .lost{background:rgb(214 39 40/.22)}.classes .gained{background:rgb(46 140 80/.22)}
.classes td,.classes th{padding:.2rem .6rem}
.steps td:last-child{width:16rem;text-align:left}
h3{margin:1.5rem 0 .5rem;font-size:1rem}
.mistakes .lost{color:var(--bad)}.mistakes .gained{color:var(--good)}
@media(max-width:40rem){
.files,.files tbody{display:block}.files tr:first-child{display:none}
.files tr{display:block;border-bottom:1px solid var(--line);padding:.6rem 0}
.files th,.files td{display:flex;justify-content:space-between;border:0;padding:.05rem 0;text-align:right}
.files th{font-weight:bold}.files td::before{content:attr(data-head);color:var(--quiet)}
.files td:empty{display:none}.files .under{display:inline}
.gates,.classes{font-size:.78rem}dl{grid-template-columns:1fr}dd{margin-bottom:.4rem}
.agreement td,.agreement th,.classes td,.classes th{padding:.3rem .35rem}.steps td:last-child{width:auto}}
"""
"""Of this page alone."""


def make_export_page(report: ExportReport, images: Images) -> str:
    """The text of report.html.

    Args:
        report: What was measured.
        images: The evaluation images that it was measured on, uint8, shape (N, H, W, C), C 1 or 3.
    """
    sections = {"Gates": show_gates(report)}
    if report.artifacts:
        sections = {
            "Files": show_files(report),
            **sections,
            "Agreement": show_agreement(report),
            "Flipped images": show_flips(report, images),
            "Each class": show_classes(report),
            "Audit": show_audits(report),
        }
    if report.int8_parity:
        sections["The two int8 files"] = show_parity(report.int8_parity, report.dataset.n)
    if report.rejection:
        sections["Rejection"] = show_rejection(report.rejection)
    sections["Data"] = show_settings(_data(report))
    sections["Versions"] = show_settings(report.versions)
    verdict = "passed" if report.passed else "failed"
    title = f"edge-mnist: {report.name}, export {verdict}"
    body = "\n".join([_show_verdict(report), _show_facts(report), show_sections(sections)])
    return make_page(title, body, generator=GENERATOR, style=STYLE)


def _show_verdict(report: ExportReport) -> str:
    name = html.escape(report.name)
    if report.passed:
        kept = "the one gate held" if len(report.gates) == 1 else f"all {len(report.gates)} gates held"
        return f"<h1 class='verdict'>{name}: <span class='passed'>passed</span>, {kept}</h1>"
    failed = html.escape(", ".join(gate.name for gate in report.failed_gates))
    return (
        f"<h1 class='verdict failed'>{name}: <b>failed</b></h1>"
        f"<p>No bundle was written, because of <b>{failed}</b>.</p>"
    )


def _show_facts(report: ExportReport) -> str:
    dataset = report.dataset
    notice = f"<p class='note'>{html.escape(dataset.notice)}</p>" if dataset.notice else ""
    return (
        f"<p>Keras ({html.escape(report.source['file'])}, {report.source['parameters']:,} parameters) reads "
        f"{report.reference.top1:.2%} of {dataset.n:,} images of {html.escape(dataset.name)} "
        f"({html.escape(dataset.split)}). TFLite files ran in LiteRT, ONNX files in onnxruntime, all on them.</p>"
        f"{notice}<p class='note'>This page shows evaluation images and is not for distribution. "
        "A bundle holds none of them.</p>"
    )


def _data(report: ExportReport) -> dict[str, Any]:
    """What proves which images and which model were used."""
    dataset = report.dataset
    return {
        "source": report.source,
        "evaluation": {"name": dataset.name, "split": dataset.split, "images": dataset.n, "sha256": dataset.sha256},
        "calibration": report.calibration,
    }
