"""Picture files that are missing, damaged, hostile or no pictures: one line that names the file, nothing else."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from edge_mnist_runtime import DigitClassifier, Prediction
from edge_mnist_runtime.errors import InputError, PictureError
from edge_mnist_runtime.images.files import MAX_PIXELS, open_picture
from edge_mnist_runtime.images.folders import find_pictures

PREDICT_AND_MEASURE = """
import resource, sys
from edge_mnist_runtime import DigitClassifier, PictureError
peak_mb = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
classifier = DigitClassifier()
before = peak_mb()
try:
    classifier.predict(sys.argv[1])
except PictureError as error:
    print(error)
print(peak_mb() - before)
"""

EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\n0 0 100 100 rectfill showpage\n%%EOF\n"


def png_of_zeros(width: int, height: int) -> bytes:
    """A valid one-bit PNG, written by hand so that its pixels never stand in memory."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = bytes((1 + (width + 7) // 8) * 100)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(rows) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")


def assert_refused(path: Path, *expected: str) -> None:
    """Opening `path` is a PictureError in one line that names it and holds all of `expected`."""
    with pytest.raises(PictureError) as caught:
        open_picture(path, origin=str(path))
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    for part in expected:
        assert part in message


def test_missing_file_is_refused_in_one_line(tmp_path: Path) -> None:
    assert_refused(tmp_path / "absent.png", "no such file")


def test_folder_is_no_picture(tmp_path: Path) -> None:
    assert_refused(tmp_path, "is a folder")


def test_path_with_a_null_byte_is_refused(classifier: DigitClassifier) -> None:
    with pytest.raises(PictureError):
        classifier.predict("digit\0.png")


@pytest.mark.parametrize("data", [b"this is no picture\n", b"\x89PNG", b"\xff\xd8", b"GIF89a", b"\0" * 1000])
def test_text_file_named_png_is_refused_in_one_line(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(data)
    assert_refused(path)


def test_empty_file_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "digit.png"
    path.write_bytes(b"")
    assert_refused(path, "0 bytes")


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ["0-black-on-white.png", "9-photograph.jpg", "5-red-marker.webp"])
def test_truncated_picture_is_refused_in_one_line(
    name: str, part: float, sample_pictures: dict[str, bytes], tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(sample_pictures[name][: int(len(sample_pictures[name]) * part)])
    assert_refused(path)


@pytest.mark.parametrize("name", ["0-black-on-white.png", "9-photograph.jpg"])
def test_truncated_pillow_image_is_refused(
    name: str, sample_pictures: dict[str, bytes], classifier: DigitClassifier
) -> None:
    data = sample_pictures[name]
    lazy = Image.open(io.BytesIO(data[: len(data) // 2]))  # Pillow decodes at first use, inside the classifier
    with pytest.raises(PictureError):
        classifier.predict(lazy)


def test_lab_tiff_is_read(classifier: DigitClassifier, tmp_path: Path) -> None:
    path = tmp_path / "lab.tif"
    Image.new("LAB", (40, 40), (128, 128, 128)).save(path)
    assert classifier.predict(path).reason == "blank"


@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0no TIFF header", b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01", b"Exif\0\0"],
    ids=["no header", "cut off", "empty"],
)
@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_is_survived_without_a_warning(
    form: str, exif: bytes, sample_pictures: dict[str, bytes], tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    path = tmp_path / f"digit.{form.lower()}"
    picture = Image.open(io.BytesIO(sample_pictures["0-black-on-white.png"])).convert("RGB")
    picture.save(path, form, exif=exif)
    finished = run_cli("classify", path)
    assert finished.code in (0, 8), finished.err
    assert finished.err.count("\n") == (1 if finished.code else 0), finished.err


@given(
    number=st.integers(0, 9),
    damage=st.lists(st.tuples(st.booleans(), st.integers(0, 2**20), st.integers(0, 255)), min_size=1, max_size=4),
)
@settings(max_examples=200)
def test_any_damage_to_a_picture_is_survived(
    sample_pictures: dict[str, bytes], classifier: DigitClassifier, number: int, damage: list[tuple[bool, int, int]]
) -> None:
    damaged = bytearray(sample_pictures[sorted(sample_pictures)[number]])
    for at_the_start, position, value in damage:
        # Most decisions are taken in the first bytes: headers, sizes, EXIF.
        damaged[position % (min(300, len(damaged)) if at_the_start else len(damaged))] = value
    try:
        prediction = classifier.predict(bytes(damaged))
    except InputError as error:
        message = str(error)
    else:
        assert isinstance(prediction, Prediction)
        return
    assert "\n" not in message


def test_bomb_is_refused_without_allocating_its_pixels(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_of_zeros(30_000, 30_000))
    assert path.stat().st_size < 200_000
    done = run_python(PREDICT_AND_MEASURE, path)
    assert done.returncode == 0, done.stderr
    message, grown_mb = done.stdout.splitlines()
    assert message.startswith(f"{path}: ")
    assert float(grown_mb) < 50  # its pixels would take 900 MB
    assert done.stderr == ""


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (9000, 8900)])
def test_large_picture_is_refused_in_one_line_and_without_a_warning(
    width: int, height: int, tmp_path: Path, run_cli: Callable[..., Any]
) -> None:
    assert width * height > MAX_PIXELS
    path = tmp_path / "large.png"
    path.write_bytes(png_of_zeros(width, height))
    finished = run_cli("classify", path)
    assert finished.code == 8
    assert len(finished.err.splitlines()) == 1, finished.err
    assert f"{width} x {height} pixels" in finished.err


@pytest.mark.skipif(os.name != "posix", reason="the stand-in for Ghostscript is a shell script")
def test_postscript_never_starts_a_program(tmp_path: Path, run_python: Callable[..., Any]) -> None:
    picture, marker, programs = tmp_path / "digit.png", tmp_path / "started", tmp_path / "programs"
    picture.write_bytes(EPS)
    programs.mkdir()
    (programs / "gs").write_text(f"#!/bin/sh\n: > '{marker}'\nexit 1\n")
    (programs / "gs").chmod(0o755)
    prepare = f"import os; os.environ['PATH'] = {str(programs)!r} + os.pathsep + os.environ['PATH']\n"

    opened = run_python(prepare + PREDICT_AND_MEASURE, picture)
    assert "not a picture" in opened.stdout, opened.stderr
    assert not marker.exists()

    # The same file in Pillow as it comes: shows that the test would have seen it.
    run_python(f"{prepare}from PIL import Image; Image.open({str(picture)!r}).load()")
    assert marker.exists()


def test_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(PictureError, match=r"no pictures in this folder.*\.ppm, \.heic, \.heif, \.avif") as caught:
        find_pictures(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_pictures_of_a_folder_come_sorted_by_path(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "C.PNG", "notes.txt", "deep/a.webp", "deep/deeper/z.gif", "10.bmp", "9.tiff"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "folder.png").mkdir()
    found = [path.relative_to(tmp_path).as_posix() for path in find_pictures(tmp_path)]
    assert found == ["10.bmp", "9.tiff", "C.PNG", "a.jpg", "b.png", "deep/a.webp", "deep/deeper/z.gif"]


def test_linked_folders_are_searched_and_each_once(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "a.png").touch()
    (tmp_path / "given").mkdir()
    for name, target in (("linked", "../elsewhere"), ("loop", "."), ("nowhere", "absent")):
        (tmp_path / "given" / name).symlink_to(target, target_is_directory=True)
    assert find_pictures(tmp_path / "given") == [tmp_path / "given" / "linked" / "a.png"]


@pytest.mark.skipif(sys.platform != "linux", reason="the longest path is Linux's")
def test_folder_that_cannot_be_listed_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    make_too_deep(tmp_path)
    unlisted: list[tuple[Path, PictureError]] = []
    assert find_pictures(tmp_path, unlisted) == [tmp_path / "a.png"]
    ((place, error),) = unlisted
    assert str(place).startswith(f"{tmp_path}/ddd")
    assert str(error).startswith(f"{place}: cannot be listed (File name too long)")
    with pytest.raises(PictureError, match="cannot be listed"):
        find_pictures(tmp_path)


def make_too_deep(folder: Path) -> None:
    """Folders in folders, until nobody can open the last ones by their path: not even root, whom nothing else stops."""
    at = os.open(folder, os.O_RDONLY)
    for _ in range(4096 // 250 + 2):
        os.mkdir("d" * 250, dir_fd=at)
        inner = os.open("d" * 250, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = inner
    os.close(at)


def test_file_named_itself_may_have_any_suffix(sample_pictures: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "digit"
    path.write_bytes(sample_pictures["3-transparent.png"])
    assert find_pictures(path) == [path]
    assert open_picture(path, origin="digit").size > (0, 0)


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "P", "I;16"])
def test_largest_picture_takes_bounded_memory(mode: str, tmp_path: Path, run_script: Callable[..., str]) -> None:
    side = int(MAX_PIXELS**0.5) - 1
    Image.new(mode, (side, side)).save(tmp_path / "large.png")
    peak_megabytes = run_script(
        "import re, sys\n"
        "from edge_mnist_runtime import DigitClassifier, PictureError\n"
        "try:\n    DigitClassifier().predict(sys.argv[1])\nexcept PictureError:\n    pass\n"
        # Not getrusage: its peak begins with that of the process that started this one.
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1]) // 1000)",
        tmp_path / "large.png",
    )
    assert int(peak_megabytes) < 450  # 80 for the engine, 160 for the pixels, as much again for one conversion


def test_hidden_files_are_no_pictures_of_the_user(tmp_path: Path) -> None:
    Image.new("L", (9, 9)).save(tmp_path / "digit.png")
    (tmp_path / "._digit.png").write_bytes(b"what macOS leaves on foreign disks")
    assert find_pictures(tmp_path) == [tmp_path / "digit.png"]
