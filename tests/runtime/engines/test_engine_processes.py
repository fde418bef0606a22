"""Classifiers across processes: forked, pickled, copied. Each fork happens in a process of its own, which may hang."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_mnist_runtime import DigitClassifier, Prediction, UsageError
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.prediction import Quality

FORK = """
import os, signal, sys, threading
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples

tensors = load_samples().images[..., 0]
classifier = DigitClassifier(None if sys.argv[1] == "bundled" else sys.argv[1], threads=int(sys.argv[2]))
expected = classifier.predict_batch(tensors)

def in_child(work):
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # a child that waits for the parent's threads would wait for ever
        try:
            os._exit(0 if work() else 1)
        except BaseException as error:
            print(error, file=sys.stderr)
            os._exit(2)
    assert os.waitpid(child, 0)[1] == 0

def right():
    return classifier.predict_batch(tensors) == expected and classifier.predict(tensors[3]) == expected[3]

def right_in_threads():
    answers = []
    threads = [threading.Thread(target=lambda: answers.append(right())) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return answers == [True] * 4

def right_in_a_grandchild():
    in_child(right)
    return right()

def forgotten():
    global classifier
    del classifier  # its engine must not wait for threads that are not here
    return True

for work in (right, right_in_threads, right_in_a_grandchild, forgotten):
    in_child(work)
assert right()
print("fine")
"""

FORK_POOL = """
import multiprocessing
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples

tensors = load_samples().images[..., 0]
classifier = DigitClassifier()
expected = classifier.predict_batch(tensors)
with multiprocessing.get_context("fork").Pool(2) as pool:
    assert pool.map(classifier.predict, list(tensors)) == expected
print("fine")
"""

FORK_SESSION = """
import os, sys, onnxruntime
from edge_mnist_runtime import DigitClassifier, UsageError
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
import numpy as np
session = onnxruntime.InferenceSession(BUNDLED_MODELS["nano"], providers=["CPUExecutionProvider"])
classifier = DigitClassifier(session=session)
child = os.fork()
if child == 0:
    try:
        classifier.predict(255 * np.eye(28, dtype=np.uint8))
    except UsageError as error:
        print(error, flush=True)
        os._exit(0)
    os._exit(1)
assert os.waitpid(child, 0)[1] == 0
"""

SPAWN = """
import multiprocessing, sys
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples

if __name__ == "__main__":
    tensors = load_samples().images[..., 0]
    classifier = DigitClassifier(sys.argv[1])
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(classifier.predict, list(tensors)) == [classifier.predict(tensor) for tensor in tensors]
    print("fine")
"""


@pytest.fixture(scope="module")
def tensors() -> np.ndarray:
    return load_samples().images[..., 0]


@pytest.mark.parametrize("threads", [1, 2])
def test_forked_children_go_on(threads: int, run_script: Callable[..., str]) -> None:
    assert run_script(FORK, "bundled", threads) == "fine"


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_forked_children_go_on_with_litert(
    threads: int, reference_bundle: Path, run_script: Callable[..., str]
) -> None:
    assert run_script(FORK, next(reference_bundle.glob("*_int8.tflite")), threads) == "fine"


def test_pool_of_forked_processes_shares_a_classifier(run_script: Callable[..., str]) -> None:
    assert run_script(FORK_POOL) == "fine"


def test_callers_session_is_refused_in_a_forked_child(run_script: Callable[..., str]) -> None:
    assert "does not survive a fork; make session and classifier in the child" in run_script(FORK_SESSION)


def test_spawned_process_gets_the_classifier(run_script: Callable[..., str], tmp_path: Path) -> None:
    script = tmp_path / "spawn.py"  # a spawned process imports the main module from its file
    script.write_text(SPAWN)
    source = "import runpy, sys; sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    assert run_script(source, script, "nano") == "fine"


@pytest.mark.parametrize("duplicate", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy, copy.copy])
def test_copy_of_a_classifier_is_the_same(duplicate: Callable, tensors: np.ndarray) -> None:
    classifier = DigitClassifier("nano", mode="raw", threads=2, low_memory=True)
    again = duplicate(classifier)
    assert again.info() == classifier.info()
    assert again.predict_batch(tensors) == classifier.predict_batch(tensors)


@pytest.mark.slow
def test_copy_of_a_litert_classifier_is_the_same(reference_bundle: Path, tensors: np.ndarray) -> None:
    classifier = DigitClassifier(reference_bundle, backend="litert", threads=2)
    again = pickle.loads(pickle.dumps(classifier))
    assert again.info() == classifier.info()
    assert again.predict_batch(tensors) == classifier.predict_batch(tensors)


@pytest.mark.parametrize("duplicate", [pickle.dumps, copy.deepcopy])
def test_callers_session_can_be_neither_pickled_nor_copied(duplicate: Callable) -> None:
    session = onnxruntime.InferenceSession(BUNDLED_MODELS["nano"], providers=["CPUExecutionProvider"])
    with pytest.raises(UsageError, match="cannot be pickled or copied; pass the model instead"):
        duplicate(DigitClassifier(session=session))


@pytest.mark.parametrize("duplicate", [lambda it: pickle.loads(pickle.dumps(it)), copy.deepcopy, copy.copy])
def test_copy_of_a_prediction_is_equal_and_read_only(duplicate: Callable, tensors: np.ndarray) -> None:
    read = DigitClassifier("nano").predict_batch(tensors)
    rejected = Prediction(None, 0.4, read[0].probabilities, "ambiguous", Quality(41.0, 0.5))
    for prediction in (*read, rejected):
        again = duplicate(prediction)
        assert again == prediction
        assert hash(again) == hash(prediction)
        assert again.to_dict() == prediction.to_dict()
        assert not again.probabilities.flags.writeable
