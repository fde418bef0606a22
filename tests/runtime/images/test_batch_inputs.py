"""Batches and streams: what may be one, the order of their results, and errors in their places."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import DigitClassifier, InputError, PictureError, UsageError
from edge_mnist_runtime.bench.sample_digits import load_samples


@pytest.fixture(scope="module")
def tensors() -> np.ndarray:
    return load_samples().images[..., 0]


@pytest.mark.parametrize("form", ["float32", "uint16", "bool", "(N, 784)"])
def test_batch_array_of_other_forms_reads_as_one_by_one(
    form: str, tensors: np.ndarray, classifier: DigitClassifier
) -> None:
    batch = {
        "float32": tensors.astype(np.float32) / 255,
        "uint16": tensors.astype(np.uint16) * np.array([1, 257] * 5, np.uint16)[:, np.newaxis, np.newaxis],
        "bool": tensors > 100,
        "(N, 784)": tensors.reshape(-1, 784),
    }[form]
    alone = [classifier.predict(picture) for picture in batch]
    assert [p.digit for p in classifier.predict_batch(batch)] == [p.digit for p in alone]


@pytest.mark.parametrize("mode", ["auto", "mnist", "photo", "raw"])
@pytest.mark.parametrize("inverted", [False, True])
def test_batch_array_is_read_as_its_images_are_one_by_one(
    mode: Any, inverted: bool, tensors: np.ndarray, classifier: DigitClassifier
) -> None:
    reader = DigitClassifier.from_engine(classifier.engine, mode=mode)
    batch = 255 - tensors if inverted else tensors
    batch[4] = tensors[4]  # not all of them are alike
    if mode == "photo" or inverted:  # read as pictures, each by its own reading
        assert reader.predict_batch(batch) == [reader.predict(picture) for picture in batch]
    assert reader.predict_batch(batch) == reader.predict_batch([*batch]) == [*reader.predict_stream(batch)]


def test_batch_takes_any_iterable(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    expected = classifier.predict_batch(list(tensors))
    assert classifier.predict_batch(tensor for tensor in tensors) == expected
    assert classifier.predict_batch(map(np.ndarray.tolist, tensors)) == expected
    assert classifier.predict_batch(dict(enumerate(tensors)).values()) == expected


def test_batch_gives_errors_in_their_places(tensors: np.ndarray, tmp_path: Path, classifier: DigitClassifier) -> None:
    given = [tensors[3], tmp_path / "absent.png", np.full((28, 28), 7.0), tensors[4], None]
    found = classifier.predict_batch(given, on_error="return")
    assert [type(outcome).__name__ for outcome in found] == [
        "Prediction", "PictureError", "InputRangeError", "Prediction", "InputError",
    ]  # fmt: skip
    assert [found[0], found[3]] == classifier.predict_batch(tensors[3:5])
    with pytest.raises(PictureError, match=r"item 1: .*absent.png: no such file"):
        classifier.predict_batch(given)
    assert all(isinstance(outcome, InputError) for outcome in classifier.predict_batch([None] * 3, on_error="return"))


@pytest.mark.parametrize("options", [{"on_error": "ignore"}, {"processes": 0}, {"processes": 257}, {"processes": None},
    {"processes": 2.0}, {"processes": True}])  # fmt: skip
def test_unknown_way_of_streaming_is_refused_at_once(options: Any, classifier: DigitClassifier) -> None:
    with pytest.raises(UsageError, match=next(iter(options))):
        classifier.predict_stream([], **options)


@pytest.mark.parametrize("thing", [io.BytesIO(), bytearray(3), Path("digit.png"), Image.new("L", (28, 28)), 7, None])
def test_what_is_no_list_is_no_batch(thing: Any, classifier: DigitClassifier) -> None:
    with pytest.raises(InputError, match="expected a list of pictures"):
        classifier.predict_batch(thing)


def test_stream_takes_pictures_only_as_they_are_needed(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    taken = []

    def endless() -> Any:
        while True:
            taken.append(len(taken))
            yield tensors[taken[-1] % 10]

    stream = classifier.predict_stream(endless())
    assert [next(stream).digit for _ in range(100)] == [*range(10)] * 10
    assert len(taken) < 300
    stream.close()


def test_stream_of_two_processes_keeps_order_and_errors(run_script: Callable[..., str], samples_folder: Path) -> None:
    source = """
import sys
from pathlib import Path
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import load_samples
files = sorted(Path(sys.argv[1]).iterdir()) * 20
files[50:60] = load_samples().images[..., 0]
files[70] = Path("absent.png")
classifier = DigitClassifier("nano")
one, two = ([*classifier.predict_stream(files, on_error="return", processes=n)] for n in (1, 2))
assert "absent.png: no such file" in str(one[70]) == str(two[70])
assert one[:70] + one[71:] == two[:70] + two[71:]
assert not any(outcome.probabilities.flags.writeable for outcome in two[:70] + two[71:])
taken = 0
def count():
    global taken
    while True:
        taken += 1
        yield files[0]
endless = classifier.predict_stream(count(), processes=2)
ahead, expected = [], classifier.predict(files[0])
for number in range(1, 130):
    assert next(endless) == expected
    ahead.append(taken - number)
assert max(ahead) < 3 * 2 * 64, ahead  # three chunks of 64 for each process
endless.close()
try:
    [*classifier.predict_stream([open(files[0], "rb")], processes=2)]
except Exception as error:
    print(type(error).__name__, error)
"""
    assert "UsageError" in (said := run_script(source, samples_folder))
    assert "pictures go to other processes as paths, bytes or arrays" in said
