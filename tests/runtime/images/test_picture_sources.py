"""Pictures from elsewhere: standard input, data: URLs, HEIC and AVIF; URLs and what cannot be read are named."""

from __future__ import annotations

import base64
import io
import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote_from_bytes

import pillow_heif
import pytest
from PIL import Image, features

from edge_mnist_runtime import DigitClassifier, PictureError
from edge_mnist_runtime.images.data_url import decode_data_url, shorten
from edge_mnist_runtime.images.files import open_picture
from edge_mnist_runtime.images.folders import find_pictures

COMMAND = Path(sys.executable).with_name("edge-mnist")

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


def to_file(picture: Image.Image, kind: str) -> bytes:
    file = io.BytesIO()
    if kind == "HEIC":
        pillow_heif.from_pillow(picture).save(file, quality=90)
    else:
        picture.save(file, kind)
    return file.getvalue()


def to_url(data: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


@pytest.fixture(scope="module")
def files(nine: Image.Image) -> dict[str, bytes]:
    """One nine in both kinds of file; a HEIC file takes its encoder long."""
    return {kind: to_file(nine, kind) for kind in ("HEIC", "AVIF")}


@pytest.fixture(scope="module")
def nine(sample_pictures: dict[str, bytes]) -> Image.Image:
    return Image.open(io.BytesIO(sample_pictures["9-photograph.jpg"])).convert("RGB").reduce(2)


@pytest.fixture(scope="module")
def three(sample_pictures: dict[str, bytes]) -> bytes:
    """A PNG file."""
    return sample_pictures["3-transparent.png"]


@pytest.fixture
def run() -> Run:
    """Run `edge-mnist ARGUMENTS`; `given` is its standard input."""

    def run(*arguments: object, given: bytes = b"", **options: object) -> subprocess.CompletedProcess[bytes]:
        command = [COMMAND, *map(str, arguments)]
        return subprocess.run(command, input=given, capture_output=True, check=False, timeout=300, **options)  # type: ignore[call-overload,no-any-return]

    return run


# data: URLs.


def test_data_url_is_read_wherever_a_path_is(classifier: DigitClassifier, three: bytes) -> None:
    url = to_url(three)
    assert classifier.predict(url).digit == 3
    assert [one.digit for one in classifier.predict_stream([url])] == [3]
    assert classifier.read_row(url).text == "3"


@pytest.mark.parametrize("head", ["data:;base64,", "DATA:image/png;charset=utf-8;BASE64,", "data:image/png;base64, "])
def test_heads_of_data_urls_differ(head: str, three: bytes) -> None:
    assert decode_data_url(head + base64.b64encode(three).decode()) == three


def test_data_url_may_have_line_breaks_and_percent_signs(three: bytes) -> None:
    assert decode_data_url("data:image/png;base64," + base64.encodebytes(three).decode()) == three
    assert decode_data_url("data:image/png;base64," + base64.b64encode(three).decode().replace("=", "%3D")) == three
    assert decode_data_url("data:image/png," + quote_from_bytes(three)) == three


def test_text_that_is_all_escapes_takes_memory_like_its_length() -> None:
    url = "data:," + "%41" * 100_000
    tracemalloc.start()
    try:
        assert decode_data_url(url) == b"A" * 100_000
        assert tracemalloc.get_traced_memory()[1] < 4 * len(url)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("padding", ["=", ""])
def test_data_url_may_be_in_the_form_of_base64_for_urls(padding: str) -> None:
    data = bytes([0xFB, 0xEF, 0xFF, 0xFE])
    text = base64.urlsafe_b64encode(data).decode()
    assert {"-", "_", "="} <= {*text}
    assert decode_data_url("data:image/png;base64," + text.replace("=", padding)) == data


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("data:image/png;base64,+_++", "mixes"),
        ("data:", "no comma"),
        ("data:image/png;base64", "no comma"),
        ("data:image/png;base64,????", "base64"),
        ("data:image/png;base64,iVB", "base64.*complete"),
        ("data:image/png;base64,", "empty"),
        ("data:text/plain,three", "not a picture"),
    ],
)
def test_damaged_data_url_is_one_line(url: str, said: str, classifier: DigitClassifier) -> None:
    with pytest.raises(PictureError, match=said) as caught:
        classifier.predict(url)
    assert str(caught.value).startswith("data: URL: ")


def test_name_with_nul_is_no_file_name(classifier: DigitClassifier) -> None:
    with pytest.raises(PictureError, match=r"'three\\x00.png': a file name cannot contain NUL"):
        classifier.predict("three\0.png")


def test_data_url_is_shortened_where_results_name_it(run: Run, three: bytes) -> None:
    url = to_url(three)
    done = run("classify", "--json", url)
    [prediction] = json.loads(done.stdout)["predictions"]
    assert (done.returncode, prediction["digit"], prediction["path"]) == (0, 3, shorten(url))
    assert len(prediction["path"]) < 50


# Standard input.


@pytest.mark.parametrize("as_url", [False, True])
def test_standard_input_is_read(as_url: bool, run: Run, three: bytes) -> None:
    done = run("classify", "-", given=f"{to_url(three)}\n".encode() if as_url else three)
    assert (done.returncode, done.stdout.split()) == (0, [b"3", b"100.00%", b"-"])


def test_standard_input_is_read_once_for_all(run: Run, three: bytes, samples_folder: Path) -> None:
    done = run("classify", "-", samples_folder / "9-photograph.jpg", "-", given=three)
    assert [line.split()[0] for line in done.stdout.splitlines()] == [b"3", b"9", b"3"]


def test_other_commands_read_standard_input(run: Run, three: bytes, tmp_path: Path) -> None:
    assert run("preprocess", "-", "--save", tmp_path / "seen.png", given=three).returncode == 0
    assert open_picture(tmp_path / "seen.png", origin="seen").size == (28, 28)
    done = run("read", "-", "--save", tmp_path / "row.png", given=three)
    assert (done.returncode, done.stdout.split()[:2]) == (0, [b"3", b"-"])
    assert (tmp_path / "row.png").is_file()


@pytest.mark.parametrize(
    ("given", "said"), [(b"", b"empty"), (b"three", b"not a picture"), (b"data:image/png", b"no comma")]
)
def test_standard_input_without_a_picture_is_one_line(given: bytes, said: bytes, run: Run) -> None:
    done = run("classify", "-", given=given)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (8, b"", 1)
    assert said in done.stderr


def test_closed_standard_input_is_one_line() -> None:
    done = subprocess.run(f"'{COMMAND}' classify - <&-", shell=True, capture_output=True, check=False, timeout=300)
    assert (done.returncode, len(done.stderr.splitlines())) == (8, 1)
    assert b"standard input" in done.stderr


def test_file_called_hyphen_is_still_to_be_had(run: Run, three: bytes, tmp_path: Path) -> None:
    (tmp_path / "-").write_bytes(three)
    done = run("classify", "./-", cwd=tmp_path)
    assert done.stdout.split() == [b"3", b"100.00%", b"-"]


def test_url_keeps_its_slashes_and_is_said_to_be_one(run: Run) -> None:
    for command in ("classify", "read", "preprocess"):
        done = run(command, "https://example.org/3.png")
        assert done.returncode == 8
        assert b"https://example.org/3.png: a URL, and edge-mnist does not download" in done.stderr


@pytest.mark.parametrize("command", ["classify", "read", "preprocess", "info", "samples"])
def test_empty_argument_is_a_usage_error(command: str, run: Run, three: bytes, tmp_path: Path) -> None:
    """A path of no letters would be the current folder."""
    (tmp_path / "three.png").write_bytes(three)
    done = run(command, "", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr == b"edge-mnist: error: an argument is empty; is a shell variable not set?\n"


def test_empty_option_is_a_usage_error(run: Run) -> None:
    done = run("info", "--data=", "nano")
    assert done.returncode == 2
    assert done.stderr == b"edge-mnist: error: --data is empty; is a shell variable not set?\n"


# HEIC and AVIF.


def test_heic_is_read(classifier: DigitClassifier, files: dict[str, bytes], tmp_path: Path) -> None:
    data = files["HEIC"]
    (tmp_path / "nine.heic").write_bytes(data)
    for source in (data, tmp_path / "nine.heic", io.BytesIO(data)):
        assert classifier.predict(source).digit == 9
    assert find_pictures(tmp_path) == [tmp_path / "nine.heic"]


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow cannot read AVIF")
def test_avif_is_read(classifier: DigitClassifier, files: dict[str, bytes], tmp_path: Path) -> None:
    data = files["AVIF"]
    (tmp_path / "nine.avif").write_bytes(data)
    for source in (data, tmp_path / "nine.avif", io.BytesIO(data)):
        assert classifier.predict(source).digit == 9
    assert find_pictures(tmp_path) == [tmp_path / "nine.avif"]


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
@pytest.mark.parametrize("kept", [0.05, 0.3, 0.9])
def test_damaged_phone_picture_is_refused(kind: str, kept: float, files: dict[str, bytes]) -> None:
    data = files[kind]
    with pytest.raises(PictureError, match="here: "):
        open_picture(data[: int(kept * len(data))], origin="here")


@pytest.mark.parametrize("kind", ["HEIC", "AVIF"])
def test_huge_phone_picture_is_refused_before_it_is_decoded(
    kind: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = files[kind]
    monkeypatch.setattr("edge_mnist_runtime.images.files.MAX_PIXELS", 64 * 63)  # 40 million take minutes to encode
    with pytest.raises(PictureError, match="the limit is"):
        open_picture(data, origin="here")


def test_pictures_that_nothing_here_reads_are_counted_and_named(
    files: dict[str, bytes], three: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        (tmp_path / f"IMG_{number}.HEIC").write_bytes(files["HEIC"])
    (tmp_path / "three.png").write_bytes(three)
    monkeypatch.setattr("edge_mnist_runtime.images.phone_pictures.find_spec", lambda _name: None)
    unlisted: list[tuple[Path, PictureError]] = []
    assert find_pictures(tmp_path, unlisted) == [tmp_path / "three.png"]
    [(path, error)] = unlisted
    assert path == tmp_path
    said = "5 pictures of kind HEIC left out (IMG_0.HEIC, IMG_1.HEIC, IMG_2.HEIC, ...)"
    assert said in str(error)
    assert "[heic]" in str(error)
    with pytest.raises(PictureError, match="5 pictures"):
        find_pictures(tmp_path)
    with pytest.raises(PictureError, match=r"kind HEIC.*\[heic\]"):
        open_picture(tmp_path / "IMG_0.HEIC", origin="here")
