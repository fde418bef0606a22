"""report.html of a run: one self-contained page with its curves, its mistakes, its samples and its settings.

No script, nothing from outside, nothing of the test images.
"""

from __future__ import annotations

import html
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.keras_file import load_keras
from edge_mnist_trainer.network_size import measure_network
from edge_mnist_trainer.other_digits import OtherDigitsReport, judge_on_other_digits
from edge_mnist_trainer.report_figures import show_curves
from edge_mnist_trainer.report_pictures import show_mistakes, show_samples
from edge_mnist_trainer.report_tables import (
    show_confusions,
    show_each_digit,
    show_left_out,
    show_other_digits,
    show_settings,
)
from edge_mnist_trainer.run_folder import REPORT_FILE, RunFolder
from edge_mnist_trainer.sources import DigitSet

JUDGING_BATCH: Final = 1000
"""Images that the network reads at once."""

POLICY: Final = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
"""What a browser may load for the page: nothing that is not in it."""

STYLE: Final = """
:root{color-scheme:light dark;--ink:#24272c;--quiet:#5c626b;--line:#dcdfe3;--panel:#f3f4f6;--ground:#fff;--bar:#cfe2f5}
@media(prefers-color-scheme:dark){
:root{--ink:#dfe2e7;--quiet:#a0a6af;--line:#3a3f46;--panel:#22262b;--ground:#16181b;--bar:#264a6b}}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:var(--ink);background:var(--ground)}
h1{line-height:1.2}h2{margin:2.5rem 0 .5rem}p,figcaption,caption{max-width:46rem}
.wide{overflow-x:auto}table{border-collapse:collapse}caption{text-align:left;color:var(--quiet);padding-bottom:.5rem}
td,th{padding:.2rem .8rem .2rem 0;font-variant-numeric:tabular-nums;
text-align:right;border-bottom:1px solid var(--line);vertical-align:top}
.curves{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,22rem),1fr));gap:1rem}
.curves img{width:100%}
.confusions td,.confusions th{padding:.3rem .1rem;min-width:2.4rem;text-align:center;border:1px solid var(--line)}
.confusions td{background:rgb(214 39 40/var(--red,0))}.confusions .right{background:var(--panel);color:var(--quiet)}
.confusions tr:first-of-type>*,.confusions th{border-color:transparent}
.others td:last-child,.others th,.settings td,.settings th{text-align:left}
.settings th{font-weight:normal;color:var(--quiet);padding-left:calc(var(--depth)*1rem);white-space:nowrap}
.settings td,code{overflow-wrap:anywhere}
.others .bar{min-width:6rem;padding:.2rem .4rem;background:linear-gradient(var(--bar) 0 0) 0/var(--part) 100% no-repeat}
.others td:last-child{padding:.2rem 0 .2rem .8rem}.others th:last-child{padding-left:.8rem}
.pixels{image-rendering:pixelated;width:100%;display:block}figure{margin:0}
.mistakes{display:grid;grid-template-columns:repeat(auto-fill,8.75rem);gap:1rem}
.mistakes img{box-shadow:0 0 0 1px var(--line)}.mistakes b{display:block;text-wrap:balance}
.mistakes figcaption{font-size:.85rem;line-height:1.35;padding-top:.3rem}
.samples{display:grid;grid-template-columns:repeat(auto-fill,3.5rem);gap:.5rem}
.samples .pixels+.pixels{margin-top:.5rem}
@media(max-width:30rem){body{margin:1rem auto}td,th{padding-right:.4rem}
.others tr{display:grid;grid-template-columns:1fr auto;border-bottom:1px solid var(--line)}
.others td,.others th{border:0}.others th:nth-child(3){display:none}
.others td:last-child{grid-column:1/3;padding-left:0;color:var(--quiet);font-size:.85rem}
.mistakes{grid-template-columns:repeat(3,1fr);gap:.7rem}
.mistakes figcaption{font-size:.75rem}.samples{grid-template-columns:repeat(6,1fr)}
.confusions{font-size:.75rem}.confusions td,.confusions th{min-width:1.8rem}.settings th{white-space:normal}}
"""


def write_report_page(folder: RunFolder, digits: DigitSet) -> None:
    """Write report.html of a run, and into run.json how the kept model reads other digits.

    Args:
        folder: A run that has a model.
        digits: What it was trained on; the test images are not read.

    Raises:
        UsageError: The run was trained on other digits.
        OutputError: The folder cannot be written.
    """
    record = folder.read_record()
    _check_same_digits(folder, record, digits)
    model = load_keras(folder.model_path)

    def predict(images: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        return np.asarray(model.predict(images / np.float32(255), batch_size=JUDGING_BATCH, verbose=0))

    probabilities = predict(digits.validation.images)
    others = judge_on_other_digits(predict, digits.validation, "validation")
    record["other_digits"] = others.to_dict()
    folder.write_record(record)
    page = _make_page(record, model, digits, probabilities, others)
    # Names of the user's files may hold bytes that are no UTF-8.
    folder.replace(REPORT_FILE, lambda path: path.write_text(page, "utf-8", errors="backslashreplace"))


def _check_same_digits(folder: RunFolder, record: dict[str, Any], digits: DigitSet) -> None:
    for part in (digits.training, digits.validation):
        if part.sha256 != record["dataset"]["splits"][part.split]["sha256"]:
            raise UsageError(
                f"{folder.path}: was trained on other digits than these ({part.name}, {part.split}: {len(part):,} "
                "images); name its own with --data"
            )


def _make_page(
    record: dict[str, Any],
    model: Any,
    digits: DigitSet,
    probabilities: npt.NDArray[np.floating],
    others: OtherDigitsReport,
) -> str:
    validation, found = digits.validation, probabilities.argmax(axis=1)
    validation_top1 = float(np.mean(found == validation.labels))
    name, top1 = html.escape(record["architecture"]), record["best"]["validation_top1"]
    sections = {
        "Loss and accuracy": show_curves(record),
        f"Confusions of {len(validation):,} validation images": show_confusions(validation.labels, found),
        "Each digit": show_each_digit(validation.labels, found),
        "Worst mistakes": show_mistakes(validation, probabilities),
        "Training images": show_samples(digits.training, record),
        "Other digits": show_other_digits(others, validation, validation_top1),
        "Configuration": show_settings(_configuration(record)),
        "Versions": show_settings(record["versions"]),
        "Data": show_settings(_data(record["dataset"])),
    }
    return "\n".join(
        [
            "<!doctype html><html lang='en'><head><meta charset='utf-8'>",
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            "<meta name='viewport' content='width=device-width,initial-scale=1'>",
            f"<title>edge-mnist: {name}, {top1:.2%}</title><style>{STYLE}</style></head><body>",
            f"<h1>{name}: {top1:.2%} of the validation images read right</h1>",
            _show_facts(record, model, digits),
            show_left_out(record["dataset"]["left_out"]),
            *(f"<section><h2>{title}</h2>\n{content}</section>" for title, content in sections.items()),
            "</body></html>\n",
        ]
    )


def _show_facts(record: dict[str, Any], model: Any, digits: DigitSet) -> str:
    size = measure_network(model)
    test = "The test images were not looked at." if digits.test else "The data set has no test images."
    return (
        f"<p>{size.parameters:,} parameters, {size.macs:,} multiply-accumulates an image, "
        f"{size.int8_weights_bytes:,} bytes of int8 weights. "
        f"{len(record['epochs'])} of {record['config']['epochs']} epochs ({html.escape(record['status'])}), "
        f"{record['seconds']:,.0f} seconds. Kept: epoch {record['best']['epoch']}. {test}</p>"
    )


def _configuration(record: dict[str, Any]) -> dict[str, Any]:
    """The settings, and what else decided the training."""
    options = {"sizes": record["options"]} if record["options"] else {}
    settings = dict(record["config"])
    if record["transfer_set"]:
        del settings["augmentation"]  # its own went unused
        settings["transfer_set"] = record["transfer_set"]
    return {"architecture": record["architecture"], **options, **settings, "preprocess": record["preprocess"]}


def _data(dataset: dict[str, Any]) -> dict[str, Any]:
    """What proves which images were used."""
    parts = {name: {"images": part["n"], "sha256": part["sha256"]} for name, part in dataset["splits"].items()}
    return {"name": dataset["name"], **parts}
