"""What `DigitClassifier` costs over the bare engines, int8, one thread: writes docs/results/latency.md.

python -m benchmarks.bench_latency [BUNDLE ...]     bundles that hold the same network as int8 ONNX and TFLite

Without bundles the model inside the package is measured, on ONNX alone, and nothing is written. All candidates take
turns in one process, on the same test digits in rotation. The bare ONNX session is opened by hand with the options that
the classifier uses; the bare LiteRT loop is LiteRT's own: set_tensor, invoke, get_tensor.
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

from benchmarks.turns import measure_in_turns
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half
from edge_mnist_runtime.machine.environment import describe_environment

RESULTS = Path(__file__).parents[1] / "docs" / "results"
ROUNDS = 300
CALLS = 50
"""Single calls in one measurement, so that the timer's own cost vanishes."""
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
"""What is compared with what, and the ratio that it may have at most."""

Calls = dict[str, tuple[Callable[[], object], int]]
"""What is measured, and the calls or images in one measurement."""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundles", type=Path, nargs="*")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--results", type=Path, default=RESULTS)
    options = parser.parse_args()
    folder = find_mnist_folder()
    digits = load_mnist_half(folder, "t10k") if folder else load_samples()
    env = describe_environment()
    lines = [
        "# What the classifier costs over the engines",
        "",
        "Written by `benchmarks/bench_latency.py`. us: p50 of one call, "
        f"{options.rounds} x {CALLS} calls of one digit, {options.rounds} of a batch,",
        f"one thread, int8, {digits.name} digits in rotation, all in turns in one process; {env['cpu']}, "
        f"{platform.machine()}, onnxruntime {onnxruntime.__version__},",
        f"load {env['load_average_1min']:.1f} on {env['usable_cores']} cores.",
    ]
    for bundle in options.bundles or [None]:
        calls = make_calls(bundle, digits.images)
        seconds = measure_in_turns({name: call for name, (call, _) in calls.items()}, rounds=options.rounds)
        us = {name: statistics.median(seconds[name]) / per * 1e6 for name, (_, per) in calls.items()}
        lines += ["", f"## {bundle.name if bundle else DEFAULT_MODEL}", "", *table(us)]
    print("\n".join(lines))
    if options.bundles:
        (options.results / "latency.md").write_text("\n".join(lines) + "\n")


def make_calls(bundle: Path | None, images: np.ndarray) -> Calls:
    """Every candidate of one network; those of LiteRT where there is a bundle."""
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
    """`CALLS` calls, each on the next picture."""

    def run() -> None:
        for _ in range(CALLS):
            call(next(pictures))

    return run


def open_session(model: Path) -> onnxruntime.InferenceSession:
    """By hand, with the options that the classifier uses."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model.read_bytes(), options, providers=["CPUExecutionProvider"])


def litert_call(model: Path) -> Callable[[np.ndarray], object]:
    """LiteRT's own way to read one image."""
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
    """The medians, and the ratios that matter."""
    return [
        "| call | p50 us |",
        "|---|---|",
        *(f"| {name} | {value:.1f} |" for name, value in us.items()),
        "",
        "| ratio | is | at most |",
        "|---|---|---|",
        *(
            f"| {one} / {other} | {us[one] / us[other]:.2f} | {limit or '-'} |"
            for one, other, limit in RATIOS
            if one in us and other in us
        ),
    ]


if __name__ == "__main__":
    main()
