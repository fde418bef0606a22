"""report.html of a run: one self-contained page with its curves, its confusions and its settings."""

from __future__ import annotations

import base64
import html
import io
import json
from typing import Any, Final

import keras
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.run_folder import REPORT_FILE, RunFolder
from edge_mnist_trainer.splits import split_train_validation

STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;text-align:right;border-bottom:1px solid #ddd}"
    "img{max-width:100%}pre{background:#f6f6f6;padding:1rem;overflow:auto}"
)


def write_report_page(folder: RunFolder, digits: LabelledDigits) -> None:
    """Write report.html of a run, judged on the validation split of `digits` (MNIST's training half)."""
    validation = split_train_validation(digits)[1]
    model = keras.models.load_model(folder.model_path, compile=False)
    probabilities = np.asarray(model.predict(validation.images / np.float32(255), batch_size=1000, verbose=0))
    page = _page(folder.read_record(), validation.labels, probabilities.argmax(1))
    folder.replace(REPORT_FILE, lambda path: path.write_text(page, "utf-8"))


def _page(record: dict[str, Any], labels: npt.NDArray[np.uint8], found: npt.NDArray[np.intp]) -> str:
    best = record["best"]
    settings = {key: record[key] for key in ("config", "dataset", "preprocess", "versions")}
    return "\n".join(
        [
            "<!doctype html><html lang='en'><meta charset='utf-8'>",
            f"<title>edge-mnist: {html.escape(record['architecture'])}</title><style>{STYLE}</style>",
            f"<h1>{html.escape(record['architecture'])}: {best['validation_top1']:.2%} of the validation digits</h1>",
            f"<p>{record['parameters']:,} parameters, {len(record['epochs'])} of {record['config']['epochs']} epochs "
            f"({html.escape(record['status'])}), {record['seconds']:,.0f} seconds. Kept: epoch {best['epoch']}. "
            "The test images were not looked at.</p>",
            "<h2>Loss and accuracy</h2>",
            _picture(_curves(record["epochs"]), "Loss and accuracy of every epoch"),
            f"<h2>Confusions ({len(labels):,} validation images)</h2>",
            _picture(_confusions(labels, found), "Confusion matrix"),
            "<h2>Each digit</h2>",
            _class_table(labels, found),
            "<h2>Settings</h2>",
            f"<pre>{html.escape(json.dumps(settings, indent=2))}</pre></html>",
        ]
    )


def _picture(figure: Figure, text: str) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight")
    return f"<img alt='{html.escape(text)}' src='data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}'>"


def _curves(epochs: list[dict[str, float]]) -> Figure:
    figure = Figure(figsize=(10, 3.6))
    loss, error = figure.subplots(1, 2)
    numbers = [epoch["epoch"] for epoch in epochs]
    for axes, key, title in ((loss, "loss", "loss"), (error, "accuracy", "error (1 - top-1), %")):
        for prefix, name in (("", "training (distorted)"), ("val_", "validation")):
            values = np.array([epoch[prefix + key] for epoch in epochs])
            axes.plot(numbers, 100 * (1 - values) if key == "accuracy" else values, label=name, marker=".")
        axes.set(title=title, xlabel="epoch", yscale="log")
        axes.grid(alpha=0.3, which="both")
        axes.legend()
    return figure


def _confusions(labels: npt.NDArray[np.uint8], found: npt.NDArray[np.intp]) -> Figure:
    matrix = confusion_matrix(labels, found, labels=range(10))
    mistakes = matrix - np.diag(np.diag(matrix))
    figure = Figure(figsize=(5.5, 5))
    axes = figure.subplots()
    axes.imshow(mistakes, cmap="Reds")  # coloured by mistakes: the right answers would drown them
    for row in range(10):
        for column in range(10):
            if matrix[row, column]:
                dark = mistakes[row, column] > mistakes.max() / 2 > 0
                axes.text(
                    column, row, matrix[row, column], ha="center", va="center", color="w" if dark else "k", size=8
                )
    axes.set(xticks=range(10), yticks=range(10), xlabel="answer", ylabel="label")
    return figure


def _class_table(labels: npt.NDArray[np.uint8], found: npt.NDArray[np.intp]) -> str:
    precision, recall, _, support = precision_recall_fscore_support(
        labels, found, labels=range(10), zero_division=np.nan
    )
    rows = "".join(
        f"<tr><th>{digit}<td>{precision[digit]:.2%}<td>{recall[digit]:.2%}<td>{support[digit]}" for digit in range(10)
    )
    return f"<table><tr><th>digit<th>precision<th>recall<th>images{rows}</table>"
