"""What scales and rounding of int8 ONNX weights cost: writes docs/results/int8-weights.md.

    python -m benchmarks.int8_weights

Every choice is judged on MNIST's 5,000 validation images, as they are and distorted; no test image is read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np

from benchmarks.bent_validation import bend
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

Written by `benchmarks/int8_weights.py`. int8 ONNX files of the shipped networks, on MNIST's 5,000 validation images as
they are (plain) and distorted eight times each as in training (distorted). No test image was read.

| term | means |
|---|---|
| 8 bits | scale = largest weight / 127. Sums saturate on x86 without VNNI. |
| 7 bits | scale = largest weight / 64, as onnxruntime's `reduce_range`. |
| pair | the finest scale at which the two largest weights of one sign in a channel are 128 steps together |
| nearest | each weight is rounded to the nearest step |
| adaptive | weights are rounded so that errors cancel on the calibration images (GPTQ) |
| \\|dp\\| | mean difference of a probability from Keras's, in units of 0.0001 |
| agreement | images that get Keras's answer |

The shipped files are pair, adaptive.
"""


COLUMNS = (
    *("network", "scale", "rounding", "largest pair", "\\|dp\\| plain", "distorted"),
    *("agreement plain", "distorted", "error plain", "distorted"),
)


def seven_bits(rows: np.ndarray, _max_pair: int) -> np.ndarray:
    """One scale an output channel, as `reduce_range` chooses it."""
    return np.abs(rows).max(1).astype(np.float64) / 64


@contextmanager
def method(scale: str, rounding: str) -> Iterator[ConversionConfig]:
    """The exporter with another way to choose weights."""
    scales: Callable[..., np.ndarray] = seven_bits if scale == "7 bits" else onnx_weights.fit_scales
    rounded = Rounding if rounding == "adaptive" else lambda _inputs: Rounding(None)
    with patch.object(onnx_weights, "fit_scales", scales), patch.object(onnx_weights, "Rounding", rounded):
        yield ConversionConfig(allow_saturation=scale == "8 bits")


def main() -> None:
    """Convert in every way, measure, write."""
    digits = load_export_digits()
    (plain, labels), _, (distorted, more_labels) = bend(load_digit_set().validation)
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
