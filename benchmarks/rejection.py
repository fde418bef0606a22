"""Measure which digits and which negatives the shipped models reject: writes docs/results/rejection.md.

    python -m benchmarks.rejection [MODEL ...]

MODEL is anything that `edge-mnist classify --model` accepts. The digits are MNIST's 10,000 test images. Negatives are
images that show no digit, or several.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.other_digits import predictor
from edge_mnist_exporter.evaluate.evaluation import measure_calibration_error, measure_top1
from edge_mnist_runtime.acceptance import accept_predictions
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.classifier import open_model
from edge_mnist_trainer.augment.fonts import render_digits
from edge_mnist_trainer.augment.negatives import KINDS, TEST_KINDS, draw_no_digits
from edge_mnist_trainer.data.sources import load_digit_set, load_stand_in
from edge_mnist_trainer.evaluate.robustness import Predict

N_EACH = 1000
"""Negatives of each kind."""

HEAD = """# Rejection of digits and of other images

Written by `benchmarks/rejection.py` with the int8 ONNX files in onnxruntime. A prediction is rejected if its highest
probability is below the model's minimum confidence. That limit was chosen to reject 0.25 % of the 5,000 validation
images. If the image shows several objects that the frame cuts, the limit is 0.98 (`acceptance.py`).

The kinds in bold at the end are negatives, 1,000 images each: they show no digit, or several. Letters and symbols are
in font families of the test split; letters that look like a digit are left out. Blank ones have faint noise, or a level
that changes smoothly; an image of one level is rejected by every model. `edge` and `nano` were trained on digits only.
`robust` and `micro` were also trained on these kinds, except clothing, with the same target probability for each digit.
"""


def main() -> None:
    """Evaluate every model on every set and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(BUNDLED_MODELS))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    test = load_digit_set().test
    if test is None or test.name != "mnist":
        raise SystemExit("needs the real MNIST: set EDGE_MNIST_DATA")
    others = {"printed digits, unseen fonts": render_digits("test", variants=20), "scikit-learn's": load_stand_in()}
    negatives = {kind: draw_no_digits(kind, N_EACH, split="test", seed=1) for kind in KINDS}
    rows: dict[str, list[str]] = {}

    def add(name: str, cell: str) -> None:
        rows.setdefault(name, []).append(cell)

    for model in options.models:
        predict, min_confidence = predictor(model), open_model(model).contract.least_confidence
        found = predict(test.images)
        add("minimum confidence", f"{min_confidence:.3f}")
        kept = accept_predictions(found, test.images, min_confidence)
        add("**MNIST's 10,000 test images: rejected**", f"{np.mean(~kept):.2%}")
        wrong = found.argmax(1) != test.labels
        add("rejected among the misread ones", f"{np.mean(~kept[wrong]):.2%}")
        add("top-1 on all", f"{measure_top1(found, test.labels):.2%}")
        add("top-1 on the accepted ones", f"{measure_top1(found[kept], test.labels[kept]):.2%}")
        add("**expected calibration error**", f"{measure_calibration_error(found, test.labels):.2%}")
        for name, digits in others.items():
            add(f"{name}: rejected", _rejected(predict, digits.images, min_confidence))
        for kind, images in negatives.items():
            unseen = " (not trained on)" if kind in TEST_KINDS else ""
            add(f"**{kind}**{unseen}: rejected", _rejected(predict, images, min_confidence))
    names = " | ".join(f"`{name}`" for name in options.models)
    table = [f"| | {names} |", f"|---|{'---|' * len(options.models)}"]
    table += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    options.results.mkdir(parents=True, exist_ok=True)
    page = options.results / "rejection.md"
    page.write_text("\n".join([HEAD, *table, ""]))
    print("\n".join(table))
    print(page)


def _rejected(predict: Predict, images: npt.NDArray[np.uint8], min_confidence: float) -> str:
    return f"{np.mean(~accept_predictions(predict(images), images, min_confidence)):.2%}"


if __name__ == "__main__":
    main()
