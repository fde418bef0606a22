"""Measure the overhead of `DigitClassifier` over the bare engines, int8, one thread: writes docs/results/latency.md.

    python -m benchmarks.bench_latency [BUNDLE ...]

Each bundle must hold one network as int8 ONNX and as int8 TFLite. Without bundles, the script measures the ONNX model
inside the package and writes nothing. All subjects run in interleaved rounds in one process, on the same digits in
rotation. The bare ONNX session has the classifier's options. The bare LiteRT loop is set_tensor, invoke, get_tensor.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime

from benchmarks.interleaved import measure_interleaved
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half
from edge_mnist_runtime.machine.environment import describe_environment

RESULTS = Path(__file__).parents[1] / "docs" / "results"
ROUNDS = 300
CALLS = 50
"""Calls in one measurement of a single digit, so that the timer's cost is negligible."""
BATCH = 256

BARE, BARE_BATCH, BARE_LITERT = "session.run", "session.run of 256", "LiteRT's own loop"
PREDICT, PREDICT_LITERT = "predict (onnxruntime)", "predict (litert)"
PREDICT_BATCH, PREDICT_EACH = "predict_batch of 256", "256 x predict"
RATIOS = (
    (PREDICT, BARE, 1.15),
    (PREDICT_BATCH, BARE_BATCH, 1.1),
    (PREDICT_BATCH, PREDICT_EACH, 0.5),
    (PREDICT_LITERT, BARE_LITERT, None),
    (PREDICT, BARE_LITERT, None),
)
"""Subject, baseline, and the largest ratio allowed."""

Calls = dict[str, tuple[Callable[[], object], int]]
"""By subject: the function to time, and the number of calls in one measurement."""


def main() -> None:
    """Measure every bundle, print the tables and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", type=Path, nargs="*")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    folder = find_mnist_folder()
    digits = load_mnist_half(folder, "t10k") if folder else load_samples()
    env = describe_environment()
    lines = [
        "# Overhead of the classifier over the bare engines",
        "",
        "Written by `benchmarks/bench_latency.py`.",
        "",
        "| condition | value |",
        "|---|---|",
        f"| us | p50 of one call; {options.rounds} x {CALLS} calls of one digit, {options.rounds} of a batch |",
        f"| setup | int8, one thread, {digits.name} digits in rotation, interleaved rounds in one process |",
        f"| machine | {env['cpu']}, {platform.machine()}, load {env['load_average_1min']:.1f} on "
        f"{env['usable_cores']} cores |",
        f"| onnxruntime | {onnxruntime.__version__} |",
    ]
    for bundle in options.bundles or [None]:
        calls = make_calls(bundle, digits.images)
        seconds = measure_interleaved({name: call for name, (call, _) in calls.items()}, rounds=options.rounds)
        us = {name: statistics.median(seconds[name]) / per * 1e6 for name, (_, per) in calls.items()}
        lines += ["", f"## {bundle.name if bundle else DEFAULT_MODEL}", "", *table(us)]
    print("\n".join(lines))
    if options.bundles:
        (options.results / "latency.md").write_text("\n".join(lines) + "\n")


def make_calls(bundle: Path | None, images: np.ndarray) -> Calls:
    """List the subjects for one network; those of LiteRT only if there is a bundle."""
    onnx = next(bundle.glob("*_int8.onnx")) if bundle else Path(BUNDLED_MODELS[DEFAULT_MODEL])
    classifier, session = DigitClassifier(onnx), open_session(onnx)
    singles = itertools.cycle(list(images[:1000, ..., 0]))
    tensors = itertools.cycle(list(images[:1000, np.newaxis]))
    batch = images[np.arange(BATCH) % len(images)]
    rows = list(batch[..., 0])
    names, name = [session.get_outputs()[0].name], session.get_inputs()[0].name
    calls: Calls = {
        BARE: (repeat(lambda image: session.run(names, {name: image}), tensors), CALLS),
        PREDICT: (repeat(classifier.predict, singles), CALLS),
    }
    if bundle:
        tflite = next(bundle.glob("*_int8.tflite"))
        litert = DigitClassifier(tflite)
        calls[BARE_LITERT] = (repeat(litert_call(tflite), tensors), CALLS)
        calls[PREDICT_LITERT] = (repeat(litert.predict, singles), CALLS)
    calls[BARE_BATCH] = (lambda: session.run(names, {name: batch}), 1)
    calls[PREDICT_BATCH] = (lambda: classifier.predict_batch(batch), 1)
    calls[PREDICT_EACH] = (lambda: [classifier.predict(row) for row in rows], 1)
    return calls


def repeat(call: Callable[[np.ndarray], object], pictures: Iterator[np.ndarray]) -> Callable[[], None]:
    """Make a function that does `CALLS` calls, each on the next picture."""

    def run() -> None:
        for _ in range(CALLS):
            call(next(pictures))

    return run


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """Open an onnxruntime session with the options that the classifier uses."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])


def litert_call(model: Path) -> Callable[[np.ndarray], object]:
    """Make a function that runs one image in a bare LiteRT interpreter."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    image, output = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def run(tensor: np.ndarray) -> object:
        interpreter.set_tensor(image, tensor)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return run


def table(us: dict[str, float]) -> list[str]:
    """Format the table of medians and the table of ratios."""
    return [
        "| call | p50 us |",
        "|---|---|",
        *(f"| {name} | {value:.1f} |" for name, value in us.items()),
        "",
        "| ratio | measured | at most |",
        "|---|---|---|",
        *(
            f"| {one} / {other} | {us[one] / us[other]:.2f} | {limit or '-'} |"
            for one, other, limit in RATIOS
            if one in us and other in us
        ),
    ]


if __name__ == "__main__":
    main()
