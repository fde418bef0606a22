"""Compare scales and rounding of int8 ONNX weights: writes docs/results/int8-weights.md.

    python -m benchmarks.int8_weights

Every variant is evaluated on MNIST's 5,000 validation images, plain and distorted. No test image is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.distorted_validation import distort_validation
from edge_mnist_exporter import conversion
from edge_mnist_exporter.config import ConversionConfig, ExportConfig
from edge_mnist_exporter.formats.onnx_files import weights as onnx_weights
from edge_mnist_exporter.formats.onnx_files.rounding import Rounding
from edge_mnist_exporter.images.calibration import choose_calibration
from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.source.source_model import load_source
from edge_mnist_runtime.engines import run_in_batches
from edge_mnist_trainer.data.sources import load_digit_set, load_export_digits
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model

PAGE = Path(__file__).parents[1] / "docs" / "results" / "int8-weights.md"
HEAD = """# int8 weights that cannot saturate

Written by `benchmarks/int8_weights.py` from int8 ONNX files of the shipped networks. No test image was read.

| term | meaning |
|---|---|
| plain | MNIST's 5,000 validation images |
| distorted | each of them distorted eight times as in training |
| 8 bits | scale = largest weight / 127. Sums saturate on x86 without VNNI. |
| 7 bits | scale = largest weight / 64, as onnxruntime's `reduce_range`. |
| pair | the finest scale at which the two largest weights of one sign in a channel add up to at most 128 steps |
| nearest | each weight is rounded to the nearest step |
| adaptive | weights are rounded so that errors cancel on the calibration images (GPTQ) |
| \\|dp\\| | mean difference of a probability from Keras's, in units of 0.0001 |
| agreement | fraction of images with Keras's prediction |

The shipped files use `pair` and `adaptive`.
"""


COLUMNS = (
    *("network", "scale", "rounding", "largest pair", "\\|dp\\| plain", "distorted"),
    *("agreement plain", "distorted", "error plain", "distorted"),
)


def seven_bits(rows: np.ndarray, _max_pair: int) -> np.ndarray:
    """Choose one scale for each output channel as `reduce_range` does."""
    return np.abs(rows).max(1).astype(np.float64) / 64


@contextmanager
def method(scale: str, rounding: str) -> Iterator[ConversionConfig]:
    """Patch the exporter to choose scales and rounding in another way."""
    scales: Callable[..., np.ndarray] = seven_bits if scale == "7 bits" else onnx_weights.fit_scales
    rounded = Rounding if rounding == "adaptive" else lambda _inputs: Rounding(None)
    with patch.object(onnx_weights, "fit_scales", scales), patch.object(onnx_weights, "Rounding", rounded):
        yield ConversionConfig(allow_saturation=scale == "8 bits")


def main() -> None:
    """Convert every network in every way, evaluate it and write the page."""
    digits = load_export_digits()
    (plain, labels), _, (distorted, more_labels) = distort_validation(load_digit_set().validation)
    sets = [
        (np.rint(values * 255).astype(np.uint8), right) for values, right in ((plain, labels), (distorted, more_labels))
    ]
    rows = []
    for name in REFERENCE_MODELS:
        source = load_source(name, find_reference_model(name))
        calibration = choose_calibration(source, digits, ExportConfig())
        references = [source.probabilities(images) for images, _ in sets]
        for scale in ("8 bits", "7 bits", "pair"):
            for rounding in ("nearest", "adaptive"):
                with method(scale, rounding) as config:
                    request = conversion.make_request(source, calibration.images, Kind("onnx", "int8", "uint8"), config)
                    file = conversion.convert(request)
                found = [np.concatenate(list(run_in_batches(file.default_engine, images))) for images, _ in sets]
                pairs = list(zip(found, references, strict=True))
                differences = [f"{1e4 * np.abs(p - q).mean():.2f}" for p, q in pairs]
                agreements = [f"{np.mean(p.argmax(1) == q.argmax(1)):.2%}" for p, q in pairs]
                errors = [f"{np.mean(p.argmax(1) != y):.2%}" for p, (_, y) in zip(found, sets, strict=True)]
                pair = file.audit.weight_pair
                cells = [f"`{name}`", scale, rounding, str(pair and pair.steps), *differences, *agreements, *errors]
                rows.append(f"| {' | '.join(cells)} |")
                print(rows[-1], flush=True)
    table = [f"| {' | '.join(COLUMNS)} |", "|---" * len(COLUMNS) + "|", *rows]
    PAGE.write_text(f"{HEAD}\n" + "\n".join(table) + "\n")


if __name__ == "__main__":
    main()
