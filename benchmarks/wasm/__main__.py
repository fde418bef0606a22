"""Time the WebAssembly modules of the reference models in Node beside onnxruntime-web: writes docs/results/wasm.md.

    python -m benchmarks.wasm

It exports the models to build/wasm and installs onnxruntime-web there from npm, unless they are there.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from edge_mnist_exporter import ExportConfig, export
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.wasm.build import build_wasm, require_wasm_compiler
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half
from edge_mnist_runtime.machine.environment import describe_environment

MODELS = ("edge", "nano", "micro", "robust")

SUBJECTS = ("simd128", "plain", "onnxruntime-web")

BUILD = Path("build/wasm")

N_DIGITS = 500

CALLS = 2
"""In a row, of each subject in each round."""

PAGE = """# Speed of WebAssembly in Node

Written by `benchmarks/wasm`. The modules of the reference models ([how to make them](../javascript.md)) beside
onnxruntime-web {onnxruntime_web}, which runs the int8 ONNX files of the same networks in WebAssembly with simd128.

| model | simd128 us | plain us | onnxruntime-web us | simd128 / onnxruntime-web | plain / onnxruntime-web |
|---|---|---|---|---|---|
{speeds}

us: median of one digit with its answer, one thread, {rounds} interleaved rounds of {calls} calls, Node {node}, {cpu},
load average {load:.0f}.
Plain: compiled without simd128.

| model | simd128 | gzipped | plain | gzipped | digits that the three answer differently |
|---|---|---|---|---|---|
{sizes}

Sizes: bytes, with the weights and the golden digits. onnxruntime-web downloads {runtime_bytes:,} bytes of WebAssembly
({runtime_gzip:,} gzipped) besides the model. Compiled by {compiler}.
"""


def main() -> int:
    """Make what is missing, measure, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--page", type=Path, default=Path("docs/results/wasm.md"))
    options = parser.parse_args()
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        print("Node or npm is not installed: apt-get install nodejs npm", file=sys.stderr)
        return 3
    for name in MODELS:
        make_modules(name)
    if not (BUILD / "node_modules").exists():
        subprocess.run([npm, "install", "--prefix", ".", "--no-save", "onnxruntime-web"], cwd=BUILD, check=True)
    machine = describe_environment()
    digits = load_mnist_half(find_mnist_folder(None), "t10k").images[:N_DIGITS]
    digits.tofile(BUILD / "digits.bin")
    script = Path(__file__).with_name("rounds.mjs").resolve()
    command = [node, script, str(options.rounds), str(CALLS), "digits.bin", str(BUILD.resolve()), *MODELS]
    measured = json.loads(subprocess.run(command, cwd=BUILD, check=True, stdout=subprocess.PIPE, text=True).stdout)
    runtime = (BUILD / "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm").read_bytes()
    page = PAGE.format(
        onnxruntime_web=measured["onnxruntime_web"],
        speeds="\n".join(describe_speed(name, measured["models"][name]["times"]) for name in MODELS),
        sizes="\n".join(describe_size(name, measured["models"][name]["differing"]) for name in MODELS),
        rounds=options.rounds,
        calls=CALLS,
        node=measured["node"].lstrip("v"),
        cpu=machine["cpu"],
        load=machine["load_average_1min"],
        runtime_bytes=len(runtime),
        runtime_gzip=len(gzip.compress(runtime, 9)),
        compiler=require_wasm_compiler().version,
    )
    options.page.write_text(page, "utf-8")
    print(page)
    return 0


def make_modules(name: str) -> None:
    """Export a reference model to build/wasm/NAME, with a second module without simd128."""
    bundle = BUILD / name
    if not (bundle / f"{name}_int8.mjs").exists():
        config = ExportConfig(formats=("tflite", "onnx", "wasm"))
        export(name, output=bundle, config=config).require_passed()
    tflite = (bundle / f"{name}_int8.tflite").read_bytes()
    program = make_c_program(tflite, f"{name}_int8.c", max_ram_bytes=None)  # as the generator is now
    (bundle / f"{name}_int8.wasm").write_bytes(build_wasm(program))
    (bundle / "plain.wasm").write_bytes(build_wasm(program, simd=False))


def describe_speed(name: str, times: dict[str, list[float]]) -> str:
    """A row of the first table."""
    simd, plain, onnxruntime = (statistics.median(times[subject]) for subject in SUBJECTS)
    return (
        f"| `{name}` | {simd:.1f} | {plain:.1f} | {onnxruntime:.1f} | {simd / onnxruntime:.2f} | "
        f"{plain / onnxruntime:.2f} |"
    )


def describe_size(name: str, differing: Any) -> str:
    """A row of the second table."""
    modules = [(BUILD / name / file).read_bytes() for file in (f"{name}_int8.wasm", "plain.wasm")]
    sizes = (f"{len(module):,} | {len(gzip.compress(module, 9)):,}" for module in modules)
    return f"| `{name}` | {' | '.join(sizes)} | {differing} of {N_DIGITS} |"


if __name__ == "__main__":
    sys.exit(main())
