"""What `DigitClassifier.predict` costs over the bare engine, on the bundled int8 ONNX model, one thread.

All candidates take turns on the same digits in one process. The bare session is opened by hand with the same options.
"""

from __future__ import annotations

import itertools

import numpy as np
import onnxruntime
from turns import measure_in_turns, print_ratios

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half
from edge_mnist_runtime.sample_digits import load_samples

ROUNDS = 400
CALLS = 50
"""Calls in one measurement, so that the timer's own cost vanishes."""


def main() -> None:
    """Measure and print."""
    folder = find_mnist_folder()
    digits = load_mnist_half(folder, "t10k") if folder else load_samples()
    print(f"{digits.name} digits in rotation, {ROUNDS} x {CALLS} calls each\n")
    classifier = DigitClassifier()
    session = _bare_session()
    singles = itertools.cycle(list(digits.images[:1000, ..., 0]))
    tensors = itertools.cycle(list(digits.images[:1000, np.newaxis]))
    batch = digits.images[np.arange(256) % len(digits)]

    def bare() -> None:
        for _ in range(CALLS):
            session.run(["probabilities"], {"image": next(tensors)})

    def predict() -> None:
        for _ in range(CALLS):
            classifier.predict(next(singles))

    single = measure_in_turns({"session.run, one digit": bare, "predict, one digit": predict}, rounds=ROUNDS)
    print_ratios(single, base="session.run, one digit", unit="us", scale=1e6 / CALLS)
    batches = measure_in_turns(
        {
            "session.run, batch of 256": lambda: session.run(["probabilities"], {"image": batch}),
            "predict_batch of 256": lambda: classifier.predict_batch(batch),
        },
        rounds=ROUNDS,
    )
    print_ratios(batches, base="session.run, batch of 256", unit="us", scale=1e6)


def _bare_session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    model = BUNDLED_MODELS[DEFAULT_MODEL].read_bytes()
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


if __name__ == "__main__":
    main()
