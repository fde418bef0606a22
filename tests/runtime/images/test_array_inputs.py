"""Everything that may stand for a picture: files, bytes, arrays of any dtype and shape; and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime import (
    DigitClassifier,
    InputDtypeError,
    InputError,
    InputRangeError,
    InputShapeError,
    PictureError,
)
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.contract import KNOWN_PREPROCESS_SHA256
from edge_mnist_runtime.inputs import Source, read_any, take, to_pixels
from edge_mnist_runtime.preprocess import PREPROCESS

WITHOUT_PILLOW = """
import sys
import numpy as np
from edge_mnist_runtime import DigitClassifier
classifier = DigitClassifier()
classifier.predict(np.zeros((28, 28), np.uint8))
classifier.predict_batch(np.zeros((3, 28, 28), np.float32))
print([name for name in ("PIL", "hashlib", "importlib.metadata", "multiprocessing", "pathlib") if name in sys.modules])
"""


class PathOf:
    """Not a path, but the name of one."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __fspath__(self) -> str:
        return str(self.path)


class Memory(np.ndarray):
    """A sub-class, as `np.memmap` is one."""


@pytest.fixture(scope="module")
def tensors() -> np.ndarray:
    return load_samples().images[..., 0]


@pytest.fixture(scope="module")
def file(samples_folder: Path) -> Path:
    return (
        samples_folder / "3-shaded.png" if (samples_folder / "3-shaded.png").exists() else min(samples_folder.iterdir())
    )


FORMS: dict[str, Callable[[Path], Any]] = {
    "str": str,
    "os.PathLike": PathOf,
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "memoryview": lambda path: memoryview(path.read_bytes()),
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
    "Pillow image": Image.open,
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_file_reads_alike(form: str, file: Path, classifier: DigitClassifier) -> None:
    assert classifier.predict(FORMS[form](file)) == classifier.predict(file)


def test_open_file_is_read_from_where_it_stands(file: Path, tmp_path: Path, classifier: DigitClassifier) -> None:
    later = tmp_path / "later.bin"
    later.write_bytes(b"header" + file.read_bytes())
    with later.open("rb") as opened:
        opened.seek(6)
        assert classifier.predict(opened) == classifier.predict(file)
        with pytest.raises(PictureError, match=r"later.bin: empty"):
            classifier.predict(opened)


def test_text_file_is_refused_with_the_remedy(tmp_path: Path, classifier: DigitClassifier) -> None:
    path = tmp_path / "digit.txt"
    path.write_text("7")
    with path.open() as opened, pytest.raises(InputError, match=r"digit.txt: .*str, not bytes; open it with mode 'rb'"):
        classifier.predict(opened)
    with path.open("rb") as closed:
        pass
    with pytest.raises(InputError, match="closed file"):
        classifier.predict(closed)


DTYPES: dict[str, Callable[[np.ndarray], Any]] = {
    "int8": lambda tensor: (tensor // 2).astype(np.int8),
    "int16": lambda tensor: tensor.astype(np.int16),
    "int64": lambda tensor: tensor.astype(np.int64),
    "uint32": lambda tensor: tensor.astype(np.uint32),
    "uint16 of 8 bits": lambda tensor: tensor.astype(np.uint16),
    "uint16": lambda tensor: tensor.astype(np.uint16) * 257,
    "uint16 big-endian": lambda tensor: (tensor.astype(np.uint16) * 257).astype(">u2"),
    "float32": lambda tensor: tensor.astype(np.float32) / 255,
    "float64": lambda tensor: tensor / 255,
    "nested lists": np.ndarray.tolist,
    "nested tuples": lambda tensor: tuple(map(tuple, tensor.tolist())),
    "lists of floats": lambda tensor: (tensor / 255).tolist(),
    "(784,)": np.ndarray.ravel,
    "(1, 28, 28)": lambda tensor: tensor[np.newaxis],
    "(1, 28, 28, 1)": lambda tensor: tensor[np.newaxis, ..., np.newaxis],
    "(28, 28, 1)": lambda tensor: tensor[..., np.newaxis],
    "sub-class": lambda tensor: tensor.view(Memory),
    "matrix": np.matrix,
    "memoryview": memoryview,
    "read-only": lambda tensor: np.frombuffer(tensor.tobytes(), np.uint8).reshape(28, 28),
}


@pytest.mark.filterwarnings("ignore:the matrix subclass")
@pytest.mark.parametrize("form", DTYPES)
def test_every_form_of_a_tensor_reads_alike(form: str, tensors: np.ndarray) -> None:
    for tensor in tensors:
        wanted = tensor // 2 if form == "int8" else tensor
        assert np.array_equal(to_pixels(DTYPES[form](tensor)).reshape(28, 28), wanted)


def test_half_floats_are_within_a_grey_level(tensors: np.ndarray) -> None:
    found = to_pixels((tensors[3] / 255).astype(np.float16))
    assert np.abs(found.astype(int) - tensors[3]).max() <= 1


def test_booleans_are_black_and_white(tensors: np.ndarray) -> None:
    assert np.array_equal(to_pixels(tensors[3] > 100), (tensors[3] > 100) * np.uint8(255))


def test_deep_array_reads_as_the_deep_picture_file_does(draw_three: Callable[..., Image.Image]) -> None:
    deep = np.asarray(draw_three(), np.uint16) * 257
    assert np.array_equal(to_pixels(deep), to_pixels(Image.fromarray(deep)))


@pytest.mark.parametrize("dtype", [np.float32, np.int32, bool])
def test_colours_of_other_dtypes_are_pictures(dtype: type, draw_three: Callable[..., Image.Image]) -> None:
    colours = np.asarray(draw_three().convert("RGB"))
    given = {np.float32: colours / np.float32(255), np.int32: colours.astype(np.int32), bool: colours > 127}[dtype]
    expected = to_pixels((colours > 127) * np.uint8(255) if dtype is bool else colours)
    assert np.array_equal(to_pixels(given), expected)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (np.full((28, 28), 255.0), r"float64 with values 255..255; expected 0..1: divide 0..255 by 255"),
        (np.full((28, 28), 1.0001, np.float32), r"expected 0..1"),
        (np.full((28, 28), -0.1), r"values -0.1..-0.1"),
        (np.full((28, 28), np.nan, np.float32), r"NaN in array of float32; fill missing values first"),
        (np.where(np.eye(28) > 0, np.inf, 0), r"values 0..inf"),
        (np.full((28, 28), 256), r"int64 with values 256..256; expected 0..255"),
        (np.full((28, 28), -1, np.int8), r"int8 with values -1..-1"),
        ([[0, 300], [0, 0]], r"list of int64 with values 0..300"),
    ],
)
def test_value_out_of_range_is_refused_and_not_clipped(array: Any, expected: str, classifier: DigitClassifier) -> None:
    with pytest.raises(InputRangeError, match=expected):
        classifier.predict(array)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((28, 28), complex),
        np.zeros((28, 28), object),
        np.full((28, 28), "7"),
        np.zeros((28, 28), "datetime64[s]"),
        np.zeros((28, 28), np.longdouble),
        np.zeros((28, 28), [("grey", np.uint8)]),
    ],
    ids=lambda array: str(array.dtype),
)
def test_dtype_without_grey_levels_is_refused(array: np.ndarray, classifier: DigitClassifier) -> None:
    for refuse in (lambda: classifier.predict(array), lambda: classifier.predict_batch(array[np.newaxis])):
        with pytest.raises(InputDtypeError, match=r"expected uint8, bool, other integers, or floats in 0..1"):
            refuse()


@pytest.mark.parametrize("ragged", [[[1, 2], [3]], [[0] * 28] * 27 + [[0] * 27], []])
def test_lists_that_are_no_array_are_refused(ragged: Any, classifier: DigitClassifier) -> None:
    with pytest.raises(InputShapeError, match="list"):
        classifier.predict(ragged)


def test_masked_array_is_refused_because_its_mask_would_be_lost(classifier: DigitClassifier) -> None:
    with pytest.raises(InputError, match="masked array"):
        classifier.predict(np.ma.masked_array(np.zeros((28, 28), np.uint8), mask=True))


def test_png_of_a_tensor_reads_as_the_tensor_and_one_with_metadata_by_it(tensors: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    Image.fromarray(tensors[3]).save(path)
    assert np.array_equal(to_pixels(path), tensors[3])
    turned = Image.Exif()
    turned[0x0112] = 3
    Image.fromarray(tensors[3]).save(path, exif=turned)
    assert np.array_equal(to_pixels(path), tensors[3][::-1, ::-1])


@pytest.mark.parametrize("mode", ["auto", "mnist", "raw"])
def test_short_way_of_a_tensor_gives_what_the_long_way_gives(mode: Any, tensors: np.ndarray) -> None:
    for tensor in tensors:
        assert take(tensor, mode) == tensor.tobytes()
        assert np.array_equal(read_any(tensor, mode).pixels, tensor)
    assert isinstance(take(255 - tensors[3], "auto"), Source)
    assert isinstance(take(tensors[3], "photo"), Source)


# What a cold start loads.


def test_tensors_need_neither_pillow_nor_openssl(run_script: Callable[..., str]) -> None:
    assert run_script(WITHOUT_PILLOW) == "[]"


def test_hash_that_is_written_down_is_the_preprocessings() -> None:
    assert PREPROCESS.sha256 == KNOWN_PREPROCESS_SHA256
