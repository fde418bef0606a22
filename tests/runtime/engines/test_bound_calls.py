"""Single images go through buffers that are bound once: the answers of a plain call, from any number of threads."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from edge_mnist_runtime import CorruptModelError, DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.engines import bound_calls
from edge_mnist_runtime.engines.onnx_session import OnnxSession

BUNDLED = Path(BUNDLED_MODELS[DEFAULT_MODEL])


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (40, 28, 28, 1), np.uint8)
    return np.concatenate([load_samples().images, noise])


@pytest.fixture(scope="module")
def expected(images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(BUNDLED.read_bytes(), providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": image[np.newaxis]})[0] for image in images])


@pytest.fixture
def engine() -> OnnxSession:
    return OnnxSession(BUNDLED.read_bytes(), origin=BUNDLED.name)


def test_answers_are_those_of_a_plain_call(engine: OnnxSession, images: np.ndarray, expected: np.ndarray) -> None:
    found = [engine.run(image[np.newaxis]) for image in images]
    assert np.array_equal(np.concatenate(found), expected)  # in the end: no later answer overwrites an earlier one


def test_bytes_in_and_out_are_those_of_arrays(engine: OnnxSession, images: np.ndarray, expected: np.ndarray) -> None:
    assert [engine.run_bytes(image.tobytes()) for image in images] == [row.tobytes() for row in expected]


@pytest.mark.parametrize("size", [0, 783, 785])
def test_another_number_of_bytes_is_refused(size: int, engine: OnnxSession) -> None:
    with pytest.raises(CorruptModelError, match="cannot run this model"):
        engine.run_bytes(bytes(size))


def test_images_of_any_layout_in_memory_are_read(engine: OnnxSession, images: np.ndarray, expected: np.ndarray) -> None:
    wide = np.zeros((len(images), 56, 56, 1), np.uint8)
    wide[:, ::2, ::2] = images
    for image, right in zip(wide[:, ::2, ::2], expected, strict=True):
        assert np.array_equal(engine.run(image[np.newaxis])[0], right)


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_another_dtype_is_refused_and_not_cast(dtype: type, engine: OnnxSession, images: np.ndarray) -> None:
    with pytest.raises(CorruptModelError, match=r"cannot run this model .*data type"):
        engine.run(images[:1].astype(dtype))


def test_another_shape_is_refused_and_not_broadcast(engine: OnnxSession) -> None:
    with pytest.raises(CorruptModelError, match="cannot run this model"):
        engine.run(np.zeros((1, 1, 28, 1), np.uint8))


def test_installed_onnxruntime_has_the_inner_objects(engine: OnnxSession, images: np.ndarray) -> None:
    """Without them the wrappers are called: right, but slower. Whoever updates onnxruntime learns of it here."""
    session = onnxruntime.InferenceSession(BUNDLED.read_bytes(), providers=["CPUExecutionProvider"])
    run, _ = bound_calls._find_run(session, session.io_binding())
    assert run != session.run_with_iobinding


def test_wrappers_of_a_version_without_inner_objects_give_the_same(
    monkeypatch: pytest.MonkeyPatch, images: np.ndarray, expected: np.ndarray
) -> None:
    monkeypatch.setattr(bound_calls, "_find_run", lambda session, binding: (session.run_with_iobinding, (binding,)))
    engine = OnnxSession(BUNDLED.read_bytes(), origin=BUNDLED.name)
    assert np.array_equal(np.concatenate([engine.run(image[np.newaxis]) for image in images]), expected)


def test_threads_never_share_buffers(engine: OnnxSession, images: np.ndarray, expected: np.ndarray) -> None:
    together = threading.Barrier(8)

    def read(start: int) -> bool:
        together.wait()
        order = (np.arange(400) + start) % len(images)
        return all(np.array_equal(engine.run(images[i : i + 1])[0], expected[i]) for i in order)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)  # as many switches between threads as can be had
    try:
        with ThreadPoolExecutor(8) as pool:
            assert all(pool.map(read, range(8)))
    finally:
        sys.setswitchinterval(interval)


def test_buffers_of_a_call_that_failed_are_not_used_again(
    monkeypatch: pytest.MonkeyPatch, engine: OnnxSession, images: np.ndarray, expected: np.ndarray
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no more memory")

    with monkeypatch.context() as patch:
        patch.setattr(bound_calls, "_find_run", lambda *_: (fail, ()))
        with pytest.raises(CorruptModelError, match="no more memory"):
            engine.run(images[:1])
    assert np.array_equal(engine.run(images[:1])[0], expected[0])


def test_session_of_the_callers_is_called_as_its_makers_meant(images: np.ndarray, expected: np.ndarray) -> None:
    calls = []

    class Watched(onnxruntime.InferenceSession):
        def run(self, *arguments: object, **named: object) -> object:
            calls.append(arguments)
            return super().run(*arguments, **named)

    classifier = DigitClassifier(session=Watched(str(BUNDLED), providers=["CPUExecutionProvider"]))
    assert np.array_equal(classifier.predict(images[0]).probabilities, expected[0])
    assert len(calls) == 1
