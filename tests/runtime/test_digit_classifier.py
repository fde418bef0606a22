"""`DigitClassifier`: every kind of input, alone and in batches, from one thread and from many."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import DigitClassifier, InputDtypeError, InputError, InputShapeError, PictureError, UsageError
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.dataset import load_mnist_half
from edge_mnist_runtime.engines import BATCH_IMAGES


@pytest.fixture(scope="module")
def tensors() -> np.ndarray:
    """The tensors of the ten sample pictures, shape (10, 28, 28), in order of their digits."""
    return load_samples().images[..., 0]


@pytest.mark.parametrize("form", ["path", "str", "bytes", "pillow", "array"])
def test_sample_pictures_are_read_right(
    form: str, samples_folder: Path, sample_pictures: dict[str, bytes], classifier: DigitClassifier
) -> None:
    for name, data in sample_pictures.items():
        path = samples_folder / name
        forms = {
            "path": lambda path=path: path,
            "str": lambda path=path: str(path),
            "bytes": lambda data=data: data,
            "pillow": lambda data=data: Image.open(io.BytesIO(data)),
            "array": lambda data=data: _array(data),
        }
        assert classifier.predict(forms[form]()).digit == int(name[0]), name


def _array(data: bytes) -> np.ndarray:
    """Upright pixels; transparency stays, because an array may have four channels."""
    from PIL import ImageOps

    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return np.asarray(picture.convert("RGBA" if picture.mode in ("RGBA", "LA", "P", "PA") else "RGB"))


def test_prediction_is_frozen_and_its_probabilities_read_only(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    for prediction in (classifier.predict(tensors[3]), *classifier.predict_batch(tensors)):
        assert prediction.probabilities.dtype == np.float32
        assert prediction.probabilities.shape == (10,)
        assert prediction.probabilities.sum() == pytest.approx(1, abs=0.01)
        assert prediction.digit == prediction.probabilities.argmax()
        assert prediction.confidence == pytest.approx(prediction.probabilities.max())
        with pytest.raises(AttributeError):
            prediction.digit = 0
        with pytest.raises(ValueError, match="read-only"):
            prediction.probabilities[0] = 1


def test_prediction_equals_and_hashes_by_its_probabilities(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    one, same, other = (classifier.predict(tensors[digit]) for digit in (3, 3, 4))
    assert one == same
    assert hash(one) == hash(same)
    assert one != other
    assert one != 3
    assert len({one, same, other}) == 2


def test_prediction_as_dict_is_plain_json(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    record = classifier.predict(tensors[5]).to_dict()
    assert list(record) == ["digit", "likeliest", "confidence", "accepted", "reason", "probabilities", "quality"]
    assert [type(value) for value in (record["digit"], record["confidence"])] == [int, float]
    assert [type(value) for value in record["probabilities"]] == [float] * 10


@pytest.mark.parametrize("form", ["list", "mixed list", "(N, 28, 28)", "(N, 28, 28, 1)"])
def test_batch_keeps_order_and_equals_one_by_one(
    form: str, tensors: np.ndarray, sample_pictures: dict[str, bytes], classifier: DigitClassifier
) -> None:
    order = [7, 1, 1, 9, 0, 4, 2, 8, 3, 6, 5]
    by_digit = {int(name[0]): data for name, data in sample_pictures.items()}
    forms = {
        "list": [tensors[digit] for digit in order],
        "mixed list": [tensors[digit] if place % 2 else by_digit[digit] for place, digit in enumerate(order)],
        "(N, 28, 28)": tensors[order],
        "(N, 28, 28, 1)": tensors[order][..., np.newaxis],
    }
    batch = classifier.predict_batch(forms[form])
    assert [prediction.digit for prediction in batch] == order
    for prediction, digit in zip(batch, order, strict=True):
        alone = classifier.predict(tensors[digit])
        assert np.allclose(prediction.probabilities, alone.probabilities, atol=1e-6)


@pytest.mark.parametrize("empty", [[], (), np.empty((0, 28, 28), np.uint8), np.empty((0, 28, 28, 1), np.uint8)])
def test_empty_batch_gives_no_predictions(empty: object, classifier: DigitClassifier) -> None:
    assert classifier.predict_batch(empty) == []


@pytest.mark.parametrize("n", [BATCH_IMAGES - 1, BATCH_IMAGES, BATCH_IMAGES + 1, 2 * BATCH_IMAGES + 7])
def test_batch_larger_than_one_call_keeps_order(n: int, tensors: np.ndarray, classifier: DigitClassifier) -> None:
    order = np.arange(n) * 7 % 10
    assert [prediction.digit for prediction in classifier.predict_batch(tensors[order])] == order.tolist()


@pytest.mark.parametrize("make", [np.asfortranarray, lambda tensor: np.ascontiguousarray(tensor[::-1])[::-1]])
def test_memory_layout_does_not_matter(make: object, tensors: np.ndarray, classifier: DigitClassifier) -> None:
    for digit, tensor in enumerate(tensors):
        assert classifier.predict(make(tensor)) == classifier.predict(tensor), digit
    other_layout = np.asfortranarray(tensors)
    assert classifier.predict_batch(other_layout) == classifier.predict_batch(tensors)


def test_input_is_left_as_it_was(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    given = tensors.copy()
    classifier.predict(given[0])
    classifier.predict_batch(given)
    assert np.array_equal(given, tensors)
    assert given.flags.writeable


@pytest.mark.parametrize(
    "shape", [(), (783,), (28,), (2, 28, 28), (28, 28, 2), (2, 28, 28, 1), (0, 28), (28, 0), (0, 0)]
)
def test_shape_that_is_no_picture_is_refused(shape: tuple[int, ...], classifier: DigitClassifier) -> None:
    with pytest.raises(InputShapeError) as caught:
        classifier.predict(np.zeros(shape, np.uint8))
    assert str(shape) in str(caught.value)
    assert "expected (28, 28)" in str(caught.value)


@pytest.mark.parametrize("thing", [None, 7, 1.5, ["digit.png"], {"path": "digit.png"}, object()])
def test_unsupported_type_is_refused_by_name(thing: object, classifier: DigitClassifier) -> None:
    with pytest.raises(InputError, match=type(thing).__name__):
        classifier.predict(thing)


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        (b"", PictureError),
        ("absent.png", PictureError),
        (np.zeros((28, 28), complex), InputDtypeError),
        (np.zeros(783, np.uint8), InputShapeError),
        (None, InputError),
    ],
)
def test_error_in_a_batch_names_the_item(
    bad: object, error: type[InputError], tensors: np.ndarray, classifier: DigitClassifier
) -> None:
    with pytest.raises(InputError, match="item 2: ") as caught:
        classifier.predict_batch([tensors[0], tensors[1], bad, tensors[3]])
    assert type(caught.value) is error


@pytest.mark.parametrize("one", ["digit.png", b"GIF89a"])
def test_single_picture_is_refused_as_a_batch(one: str | bytes, classifier: DigitClassifier) -> None:
    with pytest.raises(InputError) as caught:
        classifier.predict_batch(one)
    assert "item 0: d:" not in str(caught.value)  # a path must not be iterated letter by letter
    assert "cannot classify a int" not in str(caught.value)  # nor the bytes of a file one by one


def test_single_image_with_channel_is_not_a_batch_of_rows(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    with pytest.raises(InputShapeError):
        classifier.predict_batch(tensors[3][..., np.newaxis])


def test_digit_on_light_background_is_inverted(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    for digit in range(10):
        assert classifier.predict(255 - tensors[digit]).digit == digit


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_thread_is_refused(threads: int) -> None:
    with pytest.raises(UsageError, match=str(threads)):
        DigitClassifier(threads=threads)


def test_two_threads_in_a_call_give_the_same_predictions(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    for one, two in zip(
        classifier.predict_batch(tensors), DigitClassifier(threads=2).predict_batch(tensors), strict=True
    ):
        assert one.digit == two.digit
        assert np.allclose(one.probabilities, two.probabilities, atol=1e-6)


def test_eight_threads_share_one_classifier(tensors: np.ndarray, classifier: DigitClassifier) -> None:
    expected = [classifier.predict(tensor) for tensor in tensors]

    def read_all(first: int) -> bool:
        order = [(first + step) % 10 for step in range(200)]
        return all(classifier.predict(tensors[digit]) == expected[digit] for digit in order)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read_all, range(8)))


def test_bundled_model_reads_real_mnist(mnist_folder: Path, classifier: DigitClassifier) -> None:
    digits = load_mnist_half(mnist_folder, "t10k")
    predictions = classifier.predict_batch(digits.images)
    likeliest = np.array([prediction.likeliest for prediction in predictions])
    accepted = np.array([prediction.digit for prediction in predictions])
    assert (likeliest == digits.labels).mean() >= 0.994
    assert (accepted == digits.labels).mean() >= 0.993
