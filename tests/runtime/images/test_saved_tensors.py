"""Tensors saved as PNG files: the short way reads them, and gives what the long way gives, also of damaged files."""

from __future__ import annotations

import io
import os
import struct
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from edge_mnist_runtime import DigitClassifier, PictureError
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.images.files import open_picture
from edge_mnist_runtime.images.saved_tensors import decode_saved_tensor
from edge_mnist_runtime.inputs import START_BYTES, decode, read_any, take
from edge_mnist_runtime.reading.modes import READING_MODES
from edge_mnist_runtime.reading.reader import read_picture

TENSORS = load_samples().images[..., 0]


def png_of(pixels: np.ndarray, **options: object) -> bytes:
    """A PNG file as Pillow writes it."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def png_with_data(data: bytes) -> bytes:
    """A PNG file of a tensor's header, and of `data` in its one block."""
    block = b"IDAT" + data
    checksum = struct.pack(">I", zlib.crc32(block))
    return png_of(TENSORS[3])[:33] + struct.pack(">I", len(data)) + block + checksum + b"\0\0\0\0IEND\xaeB`\x82"


def the_long_way(file: bytes) -> bytes | str:
    """Pixels, with mode and size, of what Pillow finds in a file; or the message."""
    return as_opened(file, lambda data: open_picture(data, origin="bytes"))


def at_a_glance(file: bytes) -> Image.Image:
    """A picture that is opened on the short way where that knows it."""
    tensor = decode_saved_tensor(file)
    return open_picture(file, origin="bytes") if tensor is None else Image.frombytes("L", (28, 28), tensor)


def as_opened(file: bytes, open_file: Callable[[bytes], Image.Image] = at_a_glance) -> bytes | str:
    """The same of what the short way makes of it."""
    try:
        opened = open_file(file)
    except PictureError as error:
        return str(error)
    return repr((opened.mode, opened.size)).encode() + opened.tobytes()


@pytest.mark.parametrize("options", [{}, {"compress_level": 0}, {"compress_level": 9}, {"optimize": True}])
def test_saved_tensor_takes_the_short_way(options: dict[str, object]) -> None:
    for tensor in TENSORS:
        assert decode_saved_tensor(png_of(tensor, **options)) == tensor.tobytes()


def test_worst_packed_tensor_takes_the_short_way(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 128, (28, 28), np.uint8)
    path = tmp_path / "noise.png"
    path.write_bytes(png_of(noise, compress_level=0))
    assert path.stat().st_size < START_BYTES
    assert take(str(path), "raw") == noise.tobytes()


def test_file_that_says_more_than_a_tensor_takes_the_long_way() -> None:
    notes, exif = PngInfo(), Image.Exif()
    notes.add_text("Software", "a scanner's")
    exif[0x0112] = 3
    digit = TENSORS[3]
    for file in (
        png_of(digit, pnginfo=notes),
        png_of(digit, exif=exif),
        png_of(digit, dpi=(300, 300)),
        png_of(digit, transparency=0),
        png_of(digit[:27]),
        png_of(digit.astype(np.uint16)),
        png_of(np.stack([digit] * 3, 2)),
        png_of(digit > 100),
        png_of(digit) + b"\0",
        png_of(digit)[:-12] + b"\0\0\0\0gAMA\0\0\0\0",  # damaged, behind the data
    ):
        assert decode_saved_tensor(file) is None
        assert as_opened(file) == the_long_way(file)


@pytest.mark.parametrize("rows", [0, 10, 27, 28, 40])
@pytest.mark.parametrize("cut_bytes", [0, 1, 4, 5])
def test_data_that_ends_elsewhere_reads_as_on_the_long_way(rows: int, cut_bytes: int) -> None:
    data = zlib.compress(b"\0\x07" * 29 * rows)
    file = png_with_data(data[: len(data) - cut_bytes])
    assert as_opened(file) == the_long_way(file)


@given(
    digit=st.integers(0, 9),
    damage=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), max_size=3),
    cut=st.tuples(st.integers(0, 2**16), st.integers(0, 3)),
    pasted=st.tuples(st.integers(0, 2**16), st.binary(max_size=3)),
)
@settings(max_examples=300)
def test_any_damage_reads_as_on_the_long_way(
    digit: int, damage: list[tuple[int, int]], cut: tuple[int, int], pasted: tuple[int, bytes]
) -> None:
    file = bytearray(png_of(TENSORS[digit]))
    for place, value in damage:
        file[place % len(file)] = value
    at = cut[0] % len(file)
    del file[at : at + cut[1]]
    at = pasted[0] % len(file)
    file[at:at] = pasted[1]
    assert as_opened(bytes(file)) == the_long_way(bytes(file))


@given(data=st.binary(max_size=900), packed=st.booleans())
@settings(max_examples=200)
def test_any_data_reads_as_on_the_long_way(data: bytes, packed: bool) -> None:
    file = png_with_data(zlib.compress(data) if packed else data)
    assert as_opened(file) == the_long_way(file)


@pytest.mark.parametrize("mode", READING_MODES)
@pytest.mark.parametrize("inverted", [False, True])
def test_every_mode_reads_a_saved_tensor_as_the_picture_that_it_is(mode: str, inverted: bool) -> None:
    for tensor in 255 - TENSORS if inverted else TENSORS:
        file = png_of(tensor)
        short, long = read_any(file, mode), read_picture(open_picture(file, origin="digit"), mode=mode)
        assert np.array_equal(short.pixels, long.pixels)
        assert short.to_dict() == long.to_dict()
        assert [name for name, _ in short.steps] == [name for name, _ in long.steps]


def test_damaged_file_is_named_as_on_the_long_way(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    file = png_of(TENSORS[3])
    for damaged in (b"", file[:20], file[:60], file[:50] + bytes(len(file) - 50), png_with_data(b"no data")):
        path.write_bytes(damaged)
        with pytest.raises(PictureError) as on_the_long_way:
            open_picture(str(path), origin=str(path))
        with pytest.raises(PictureError) as caught:
            read_any(str(path))
        assert str(caught.value) == str(on_the_long_way.value)


@pytest.mark.parametrize("name", ["absent.png", "", ".", "a\0b.png"])
def test_what_is_no_file_is_named_as_on_the_long_way(name: str, tmp_path: Path) -> None:
    path = f"{tmp_path}/{name}"
    with pytest.raises(PictureError) as on_the_long_way:
        open_picture(path, origin=path)
    with pytest.raises(PictureError) as caught:
        read_any(path)
    assert str(caught.value) == str(on_the_long_way.value)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["tensor", "large", "damaged"])
def test_pipe_is_read_once(kind: str, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (200, 200), np.uint8)
    file = {"tensor": png_of(TENSORS[3]), "large": png_of(noise), "damaged": png_of(noise)[:-100]}[kind]
    assert kind == "tensor" or len(file) > 2 * START_BYTES
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(file,))
    writer.start()
    try:
        if kind == "damaged":
            with pytest.raises(PictureError, match="damaged picture"):
                decode(str(tmp_path / "pipe"))
        else:
            opened = decode(str(tmp_path / "pipe"))
            assert np.array_equal(opened, (TENSORS[3] if kind == "tensor" else noise).reshape(opened.size))
    finally:
        writer.join()


def test_stream_of_every_outcome_keeps_their_order(
    classifier: DigitClassifier, samples_folder: Path, tmp_path: Path
) -> None:
    noise = np.random.default_rng(0).integers(0, 128, (28, 28), np.uint8)
    Image.fromarray(TENSORS[4]).save(tmp_path / "4.png")
    drawn = sorted(samples_folder.iterdir())
    mixed = [
        tmp_path / "4.png", drawn[7], np.full((50, 50), 200, np.uint8), TENSORS[2], noise, tmp_path / "absent.png",
        None, tmp_path / "4.png", TENSORS[5], drawn[1], np.zeros((28, 28), np.uint8),
    ]  # fmt: skip
    alone = [classifier.predict_batch([picture], on_error="return")[0] for picture in mixed]
    found = classifier.predict_batch(mixed * 3, on_error="return")
    assert [*map(str, found)] == [*map(str, alone)] * 3
    assert {outcome.reason for outcome in found if not isinstance(outcome, Exception)} >= {None, "blank"}
    assert [outcome.quality for outcome in found[:2]] == [None, classifier.predict(drawn[7]).quality]
    assert not any(outcome.probabilities.flags.writeable for outcome in found if not isinstance(outcome, Exception))
