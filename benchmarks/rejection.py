"""What the shipped models reject: docs/results/rejection.md.

    python -m benchmarks.rejection [MODEL ...]

MODEL is what `edge-mnist classify --model` takes. Digits are MNIST's 10,000 test images; letters and symbols are
printed in the test families; clothing trained nothing.
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

EACH = 1000
"""Pictures of each kind."""

HEAD = """# What is rejected

Written by `benchmarks/rejection.py`: the int8 ONNX files, in onnxruntime. An answer is rejected where its highest
probability is below the model's least confidence, which was chosen on the 5,000 validation images so that 0.25 % of
them are rejected; or below 0.98 where the image shows several things that the frame cuts (`acceptance.py`). Letters are
those that look like no digit, in font families that trained nothing; of clothes and their like no training has seen
any. 1,000 pictures of each kind. `edge` and `nano` have never seen what is no digit; `robust` has, as the same
probability for every digit.
"""


def main() -> None:
    """Show everything to every model, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(BUNDLED_MODELS))
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    test = load_digit_set().test
    if test is None or test.name != "mnist":
        raise SystemExit("needs the real MNIST: set EDGE_MNIST_DATA")
    others = {"printed digits, unseen fonts": render_digits("test", variants=20), "scikit-learn's": load_stand_in()}
    nothing = {kind: draw_no_digits(kind, EACH, split="test", seed=1) for kind in KINDS}
    rows: dict[str, list[str]] = {}

    def add(name: str, cell: str) -> None:
        rows.setdefault(name, []).append(cell)

    for model in options.models:
        predict, least = predictor(model), open_model(model).contract.least_confidence
        found = predict(test.images)
        add("least confidence", f"{least:.3f}")
        kept = accept_predictions(found, test.images, least)
        add("**MNIST's 10,000 test images: rejected**", f"{np.mean(~kept):.2%}")
        wrong = found.argmax(1) != test.labels
        add("of those that the model misreads", f"{np.mean(~kept[wrong]):.2%}")
        add("top-1 of all", f"{measure_top1(found, test.labels):.2%}")
        add("top-1 of the accepted", f"{measure_top1(found[kept], test.labels[kept]):.2%}")
        add("**expected calibration error**", f"{measure_calibration_error(found, test.labels):.2%}")
        for name, digits in others.items():
            add(f"{name}: rejected", _rejected(predict, digits.images, least))
        for kind, images in nothing.items():
            unseen = " (never seen)" if kind in TEST_KINDS else ""
            add(f"**{kind}**{unseen}: rejected", _rejected(predict, images, least))
    names = " | ".join(f"`{name}`" for name in options.models)
    table = [f"| | {names} |", f"|---|{'---|' * len(options.models)}"]
    table += [f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items()]
    options.results.mkdir(parents=True, exist_ok=True)
    page = options.results / "rejection.md"
    page.write_text("\n".join([HEAD, *table, ""]))
    print("\n".join(table))
    print(page)


def _rejected(predict: Predict, images: npt.NDArray[np.uint8], least: float) -> str:
    return f"{np.mean(~accept_predictions(predict(images), images, least)):.2%}"


if __name__ == "__main__":
    main()
