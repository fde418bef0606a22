"""Run a WebAssembly module in Node by its JavaScript module, and compare its scores with the reference kernels'."""

from __future__ import annotations

import gzip
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_program import CProgram, ProgramReport, report_unproved
from edge_mnist_exporter.program.wasm.build import read_template
from edge_mnist_runtime.errors import ConversionError, first_line
from edge_mnist_runtime.web.page import MODEL_MODULE, read_web_file


@dataclass(frozen=True, kw_only=True)
class WasmReport(ProgramReport):
    """What a WebAssembly module needs, and how it was proved."""

    size_bytes: int
    gzip_bytes: int
    """Its size as servers send it."""

    def __str__(self) -> str:
        needs = (
            f"{self.size_bytes:,} bytes, {self.gzip_bytes:,} gzipped. Compiled by {self.compiler} "
            f"({', '.join(self.builds)})"
        )
        if not self.is_proved:
            return f"{needs}. Not proved here: Node is not installed, so nothing ran it"
        alike = "every score is" if not self.differing else f"on {self.differing:,} the scores are not"
        return (
            f"{needs} and run in {self.emulator} on {self.images:,} images: {alike} that of TFLite's reference kernels"
        )


def prove_wasm(
    wasm: bytes, compiler: str, program: CProgram, images: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]
) -> WasmReport:
    """Run a module on every image in Node, if there is one, and compare its scores.

    Args:
        wasm: The module.
        compiler: What compiled it.
        program: What it was compiled from.
        images: uint8, shape (N, H, W, C).
        expected: What TFLite's reference kernels give, uint8, shape (N, K).

    Raises:
        ConversionError: Node cannot load or run the module.
    """
    known = replace(
        report_unproved(program, images, expected),
        compiler=compiler,
        builds=("simd128",),
        target="wasm32",
    )
    report = WasmReport(**asdict(known), size_bytes=len(wasm), gzip_bytes=len(gzip.compress(wasm, 9)))
    node = shutil.which("node")
    if node is None:
        return report
    scores, wrong_golden = run_in_node(node, wasm, images)
    if scores.size != expected.size:
        raise ConversionError(f"{program.name}_int8.wasm: gave {scores.size:,} scores in Node, not {expected.size:,}")
    differing = int((scores.reshape(expected.shape) != expected).any(axis=1).sum())
    version = subprocess.run([node, "-v"], capture_output=True, text=True, timeout=60, check=False).stdout  # noqa: S603
    return replace(
        report, images=len(images), differing=differing + wrong_golden, emulator=f"Node {version.strip().lstrip('v')}"
    )


def run_in_node(node: str, wasm: bytes, images: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.uint8], int]:
    """Run a module on images, uint8, shape (N, H, W, C).

    Returns:
        All scores, uint8, shape (N * K,), and 1 if its golden digits got wrong scores, else 0.

    Raises:
        ConversionError: Node cannot load or run it.
    """
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        (folder / "model.wasm").write_bytes(wasm)
        (folder / "run_images.mjs").write_text(read_template("run_images.mjs"), "utf-8")
        (folder / MODEL_MODULE).write_text(read_web_file(MODEL_MODULE), "utf-8")
        (folder / "images").write_bytes(images.tobytes())
        command = [node, "run_images.mjs", MODEL_MODULE, "model.wasm", str(images[0].size), "images", "scores"]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)  # noqa: S603
            scores = np.frombuffer((folder / "scores").read_bytes(), np.uint8)
        except (OSError, subprocess.SubprocessError) as error:
            reason = first_line(RuntimeError(done.stderr) if isinstance(error, FileNotFoundError) else error)
            raise ConversionError(f"Node cannot run the WebAssembly module ({reason})") from error
    return scores, int(done.returncode != 0)
