"""Compile the models inside the runtime package for several machines: `make wheel` does so before it builds the wheel.

    python -m benchmarks.tools.bundled_libraries --target x86_64-linux,aarch64-linux

Each library is made from an int8 TFLite file in `exporter/edge_mnist_exporter/models/`, is proved on digits that the
project draws, where this machine or an emulator runs it, and is listed with its SHA-256 in libraries.json. Without
ziglang no library is made, and those of an earlier build are removed.

Exit code 5: a score differs from that of TFLite's reference kernels; no library is left then.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path

from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.compiler import find_cross_compiler
from edge_mnist_exporter.program.native.library import build_library
from edge_mnist_exporter.program.native.proof import prove_library
from edge_mnist_exporter.targets import choose_targets
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, MODELS_FOLDER
from edge_mnist_runtime.bundles.libraries import LIBRARIES, is_library
from edge_mnist_trainer.augment.strokes import draw_digits

SOURCES = Path(__file__).parents[2] / "exporter" / "edge_mnist_exporter" / "models"
TARGETS = "x86_64-linux,aarch64-linux,armv7-linux,armv6-linux"
DIGITS_EACH = 10


def main() -> int:
    """Compile, prove, list."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", help=f"default: {TARGETS} if ziglang is installed, else none")
    parser.add_argument("--folder", type=Path, default=Path(MODELS_FOLDER))
    options = parser.parse_args()
    listed = options.folder / Path(LIBRARIES).name
    listed.unlink(missing_ok=True)
    for old in [path for path in options.folder.iterdir() if is_library(path.name)]:
        old.unlink()
    if options.target is None and find_cross_compiler() is None:
        print('no compiled libraries: ziglang is not installed (pip install "edge-mnist[native]")')
        return 0
    targets = choose_targets(tuple((options.target or TARGETS).split(",")))
    digits = draw_digits(DIGITS_EACH, seed=5)[0]
    libraries = {}
    for name in BUNDLED_MODELS:
        file = f"{name}_int8.tflite"
        program = make_c_program((SOURCES / file).read_bytes(), file, max_ram_bytes=None)
        expected = program.kernels.run_stored(digits)
        for target in targets:
            library = build_library(program, target)
            report = prove_library(library, digits, expected)
            library_file = f"{name}_int8.{target.name}{target.suffix}"
            print(f"{library_file}: {len(library.data):,} bytes; {report}", flush=True)
            if report.differing:
                return 5
            libraries[library_file] = library.data
    for library_file, data in libraries.items():
        (options.folder / library_file).write_bytes(data)
    hashes = {library_file: hashlib.sha256(data).hexdigest() for library_file, data in libraries.items()}
    listed.write_text(json.dumps(hashes, indent=2) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
