"""Measure compiled libraries against LiteRT and onnxruntime, side by side in one run: writes docs/results/native.md.

    python -m benchmarks.native --rounds 300

It compiles the libraries of the shipped models with ziglang, else with cc, into build/native.
"""

from __future__ import annotations

import argparse
import ctypes
import statistics
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnxruntime
from ai_edge_litert.interpreter import Interpreter

from benchmarks.interleaved import command, measure_interleaved
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.native.library import build_library
from edge_mnist_exporter.targets import choose_targets
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.engines.native_library import NativeLibrary
from edge_mnist_runtime.engines.onnx_settings import PROCESSOR
from edge_mnist_runtime.machine.environment import describe_environment
from edge_mnist_trainer.augment.strokes import draw_digits

SOURCES = Path(__file__).parents[1] / "exporter" / "edge_mnist_exporter" / "models"
RESULTS = Path(__file__).parents[1] / "docs" / "results" / "native.md"
BUILD = Path("build/native")
CALLS = 256

COLD_START = """
import sys, time
sys.path[:0] = sys.argv[1:2]
from edge_mnist_runtime.engines.opening import open_engine
with open(sys.argv[2], "rb") as file:
    data = file.read()
open_engine(data, file_name=sys.argv[2]).run_bytes(bytes(784))
"""


def main() -> None:
    """Measure, compare with the targets, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--cold-rounds", type=int, default=30)
    parser.add_argument("--page", type=Path, default=RESULTS)
    options = parser.parse_args()
    digits = draw_digits(26, seed=1)[0][:CALLS]
    env = describe_environment()
    uses_vnni = any("vnni" in name for name in env["instruction_sets"] or [])
    limits = ("0.80", "0.80") if uses_vnni else ("0.45", "0.50")
    rows, compilers = [], set()
    for name in BUNDLED_MODELS:
        engine, library, compiler = load_library(SOURCES / f"{name}_int8.tflite")
        compilers.add(f"{compiler}, {engine.info().backend_version}")
        rows += measure_model(name, engine, digits, options.rounds, limits)
        rows.append(measure_cold_start(name, library, options.cold_rounds))
    lines = [
        *("# Compiled libraries against LiteRT and onnxruntime", "", "Written by `python -m benchmarks.native`.", ""),
        f"{env['cpu']}, {env['usable_cores']} cores, load {env['load_average_1min']}; {'; '.join(sorted(compilers))}; "
        f"medians of {options.rounds} interleaved rounds of {CALLS} digits, one thread where nothing else is said.",
        *("", "| model | figure | measured | target |", "|---|---|---|---|", *rows, ""),
    ]
    options.page.write_text("\n".join(lines), "utf-8")
    print("\n".join(lines))


def load_library(tflite: Path) -> tuple[NativeLibrary, Path, str]:
    """Compile and load the library of an int8 TFLite file; its path, and the compiler."""
    (target,) = choose_targets(None)
    library = build_library(make_c_program(tflite.read_bytes(), tflite.name, max_ram_bytes=None), target)
    BUILD.mkdir(parents=True, exist_ok=True)
    path = BUILD / f"{tflite.stem}.{target.name}{target.suffix}"
    path.write_bytes(library.data)
    return NativeLibrary(library.data, origin=path.name), path, library.compiler.version


def measure_model(name: str, engine: NativeLibrary, digits: Any, rounds: int, limits: tuple[str, str]) -> list[str]:
    """Rows for a model: ratios of the times of `CALLS` digits, and times of single parts."""
    classifier, images = DigitClassifier.from_engine(engine), [*digits[..., 0]]
    run_c = make_c_loop(engine, digits)
    subjects: dict[str, Callable[[], object]] = {
        "predict": lambda: [classifier.predict(image) for image in images],
        "predict_batch": lambda: classifier.predict_batch(digits),
        "C calls": run_c,
        "empty C calls": make_c_loop(engine, digits, images_each=0),
        "run_bytes": make_run_bytes(engine, digits),
        "LiteRT": make_litert_loop(SOURCES / f"{name}_int8.tflite", digits),
        "onnxruntime": make_onnxruntime_loop(BUNDLED_MODELS[name], digits),
        "two threads": lambda: run_threads(engine, digits, 2),
        "one thread": lambda: run_threads(engine, digits, 1),
    }
    medians = {key: statistics.median(values) for key, values in measure_interleaved(subjects, rounds=rounds).items()}
    python_us = (medians["run_bytes"] - medians["C calls"] + medians["empty C calls"]) / CALLS * 1e6
    throughput = 2 * medians["one thread"] / medians["two threads"]
    return [
        row(name, "us of one `predict`", f"{medians['predict'] / CALLS * 1e6:.1f}", ""),
        row(name, "`predict` / LiteRT's loop", f"{medians['predict'] / medians['LiteRT']:.2f}", f"at most {limits[0]}"),
        row(
            *(name, "`predict` / session.run", f"{medians['predict'] / medians['onnxruntime']:.2f}"),
            f"at most {limits[1]}",
        ),
        row(
            *(name, f"`predict_batch` of {CALLS} / {CALLS} single C calls"),
            *(f"{medians['predict_batch'] / medians['C calls']:.2f}", "at most 1.05"),
        ),
        row(name, "throughput of two threads / one", f"{throughput:.2f}", "at least 1.90"),
        row(name, "us of the Python side of one call of the engine", f"{python_us:.2f}", "at most 3.00"),
    ]


def row(name: str, figure: str, measured: str, target: str) -> str:
    """A row of the table."""
    return f"| `{name}` | {figure} | {measured} | {target} |"


def make_c_loop(engine: NativeLibrary, digits: Any, *, images_each: int = 1) -> Callable[[], object]:
    """Call the library by ctypes for each digit, with prepared pointers; with 0 images each, nothing is computed."""
    call, (arena, out) = engine._run, engine._make_call()
    pointers = [ctypes.c_void_p(image.ctypes.data) for image in digits]

    def loop() -> None:
        for pointer in pointers:
            call(arena, images_each, pointer, out)

    return loop


def make_run_bytes(engine: NativeLibrary, digits: Any) -> Callable[[], object]:
    """Call the engine for each digit."""
    run, images = engine.run_bytes, [image.tobytes() for image in digits]
    return lambda: [run(image) for image in images]


def make_litert_loop(tflite: Path, digits: Any) -> Callable[[], object]:
    """What a program does that runs the TFLite file in LiteRT."""
    interpreter = Interpreter(model_content=tflite.read_bytes(), num_threads=1)
    interpreter.allocate_tensors()
    takes, gives = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    images = [digit[None] for digit in digits]

    def loop() -> None:
        for image in images:
            interpreter.set_tensor(takes, image)
            interpreter.invoke()
            interpreter.get_tensor(gives)

    return loop


def make_onnxruntime_loop(onnx: Path, digits: Any) -> Callable[[], object]:
    """What a program does that runs the ONNX file in onnxruntime, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx, options, providers=[PROCESSOR])
    takes, images = session.get_inputs()[0].name, [digit[None] for digit in digits]
    return lambda: [session.run(None, {takes: image}) for image in images]


def run_threads(engine: NativeLibrary, digits: Any, n: int) -> None:
    """Run the digits in each of n threads, eight times, in batches."""

    def work() -> None:
        for _ in range(8):
            engine.run(digits)

    threads = [threading.Thread(target=work) for _ in range(n)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure_cold_start(name: str, library: Path, rounds: int) -> str:
    """How much sooner a new process has its first answer from the library than from onnxruntime."""
    runtime = Path(__file__).parents[1] / "runtime"
    subjects = {
        key: command([sys.executable, "-c", COLD_START, runtime, file])
        for key, file in (("native", library.resolve()), ("onnxruntime", BUNDLED_MODELS[name]))
    }
    medians = {key: statistics.median(values) for key, values in measure_interleaved(subjects, rounds=rounds).items()}
    return row(
        *(name, "seconds from start to first answer, onnxruntime - native"),
        *(f"{medians['onnxruntime']:.3f} - {medians['native']:.3f}", "at least 0.100"),
    )


if __name__ == "__main__":
    main()
