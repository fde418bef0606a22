"""Compile the models inside the runtime package for the page of `edge-mnist demo`: `make page-models`.

    python -m benchmarks.tools.page_models --data mnist/

Each NAME_int8.page.json is made from an int8 TFLite file in `exporter/edge_mnist_exporter/models/`. Its accuracy is
that of TFLite's reference kernels on MNIST's test images, and both builds must give every score of theirs.

Exit code 5: a score differs; no file is written then.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.wasm.page import make_page_model, prove_page
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, MODELS_FOLDER
from edge_mnist_runtime.web.page_model import SUFFIX
from edge_mnist_trainer.data.sources import load_mnist

SOURCES = Path(__file__).parents[2] / "exporter" / "edge_mnist_exporter" / "models"
PROVED_IMAGES = 1000
"""Images that each build reads in Node; the plain builds of large models take 6 ms for one."""


def main() -> int:
    """Compile, measure, prove, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder of MNIST; default: $EDGE_MNIST_DATA")
    options = parser.parse_args()
    test = load_mnist("t10k", options.data)
    made = {}
    for name in BUNDLED_MODELS:
        file = f"{name}_int8.tflite"
        program = make_c_program((SOURCES / file).read_bytes(), file, max_ram_bytes=None)
        model = make_page_model(program)
        scores = program.kernels.run_stored(test.images)
        report = prove_page(model, program, test.images[:PROVED_IMAGES], scores[:PROVED_IMAGES])
        print(f"{name}: {report}", flush=True)
        if report.differing or not report.is_proved:
            return 5
        top1 = float((scores.argmax(1) == test.labels).mean())
        made[name] = replace(model, top1=top1, images=len(test.labels), dataset=f"{test.name} ({test.split})")
    for name, model in made.items():
        (Path(MODELS_FOLDER) / f"{name}{SUFFIX}").write_text(model.to_json(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
