"""Inaccessible paths: each is a named error and does not stop the other paths."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime import PictureError, UsageError
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.dataset import DATA_VARIABLE, find_mnist_folder
from edge_mnist_runtime.errors import DataNotFoundError
from edge_mnist_runtime.images.folders import find_pictures
from edge_mnist_runtime.paths import describe_missing, exists, is_file, is_folder, list_folder

LONG = "x" * 300
COMMAND = Path(sys.executable).with_name("edge-mnist")

WITHOUT_PRIVILEGES = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()
"""Command prefix that takes from root the right to read every file."""


def run_unprivileged(*arguments: object, cwd: Path) -> tuple[int, str, str]:
    command = [*WITHOUT_PRIVILEGES, COMMAND, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture
def locked(tmp_path: Path, sample_pictures: dict[str, bytes]) -> Any:
    """A working folder with a good picture, one without permission, and one in a folder without permission."""
    if WITHOUT_PRIVILEGES:
        done = subprocess.run([*WITHOUT_PRIVILEGES, "true"], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"setpriv does not work here: {done.stderr!r}")
    three = sample_pictures["3-transparent.png"]
    (tmp_path / "three.png").write_bytes(three)
    (tmp_path / "mine.png").write_bytes(three)
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked" / "a.png").write_bytes(three)
    for name in ("mine.png", "mine.onnx", "mine.npz", "mine.keras"):
        (tmp_path / name).touch()
        (tmp_path / name).chmod(0)
    (tmp_path / "locked").chmod(0)
    yield tmp_path
    (tmp_path / "locked").chmod(0o755)


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "mine.onnx"),
        ("bench", "mine.onnx"),
        ("verify", "mine.onnx"),
        ("verify", "locked"),
        ("doctor", "locked"),
        ("classify", "three.png", "--model", "mine.onnx"),
        ("info", "nano", "--data", "mine.npz"),
        ("export", "mine.keras"),
        ("export", "nano", "--data", "mine.npz"),
        ("train", "--data", "mine.npz"),
        ("train", "--start-from", "mine.keras"),
        ("compare", "three.png", "mine.npz"),
    ],
)
def test_unreadable_path_is_reported_as_unreadable(arguments: tuple[str, ...], locked: Path) -> None:
    code, out, err = run_unprivileged(*arguments, cwd=locked)
    assert (code, out) == (2, "")
    assert err == f"edge-mnist: error: {arguments[-1]}: cannot be read (Permission denied); check its permissions\n"


READ_WITHOUT_COMMANDS = """
import sys
from pathlib import Path
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.accuracy import load_labelled
from edge_mnist_runtime.bundles.manifest import Manifest, read_proved
from edge_mnist_runtime.dataset import read_unpacked
from edge_mnist_runtime.errors import EdgeMnistError

for read, name in (
    (DigitClassifier, "mine.onnx"),
    (lambda path: read_proved(path, ""), "mine.onnx"),
    (read_unpacked, "mine.npz"),
    (load_labelled, "mine.npz"),
    (Manifest.load, "bundle"),
    (DigitClassifier().predict, "mine.png"),
):
    try:
        read(Path(name))
    except EdgeMnistError as error:
        print(error.exit_code, error)
"""


def test_library_reports_unreadable_paths_too(locked: Path) -> None:
    (locked / "bundle").mkdir()
    (locked / "bundle" / "manifest.json").touch(0)
    command = [*WITHOUT_PRIVILEGES, sys.executable, "-c", READ_WITHOUT_COMMANDS]
    done = subprocess.run(command, capture_output=True, text=True, cwd=locked, timeout=300, check=True)
    names = ("mine.onnx", "mine.onnx", "mine.npz", "mine.npz", "bundle/manifest.json", "mine.png")
    assert done.stdout.splitlines() == [
        f"{8 if name.endswith('png') else 2} {name}: cannot be read (Permission denied); check its permissions"
        for name in names
    ]


def test_ordinary_paths_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    (tmp_path / "loop").symlink_to("loop")
    assert (is_folder(tmp_path), is_file(tmp_path), exists(tmp_path)) == (True, False, True)
    assert (is_folder(file), is_file(file), exists(str(file))) == (False, True, True)
    for absent in (tmp_path / "absent", file / "below", tmp_path / "loop", tmp_path / "null\0byte"):
        assert [ask(absent) for ask in (is_folder, is_file, exists)] == [False] * 3
    assert list_folder(tmp_path) == [file, tmp_path / "loop"]


@pytest.mark.parametrize(
    "ask",
    [is_folder, is_file, exists, Manifest.load, find_mnist_folder],
)
def test_name_that_is_too_long_is_a_usage_error(ask: Callable[[Path], object], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="name too long"):
        ask(tmp_path / LONG)


def test_errors_are_of_the_kind_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="name too long"):
        find_pictures(tmp_path / LONG)
    with pytest.raises(DataNotFoundError, match="cannot be listed"):
        list_folder(tmp_path / "absent", DataNotFoundError)


@pytest.mark.parametrize("arguments", [("locked/a.png", "three.png"), ("mine.png", "three.png"), (LONG, "three.png")])
def test_classify_continues_with_the_other_pictures(arguments: tuple[str, ...], locked: Path) -> None:
    code, out, err = run_unprivileged("classify", *arguments, cwd=locked)
    assert code == 8
    assert out.split()[0] == "3"
    assert arguments[0] in err
    assert len(err.splitlines()) == 1


def test_locked_subfolder_does_not_stop_the_other_pictures(locked: Path) -> None:
    code, out, err = run_unprivileged("classify", ".", cwd=locked)
    assert code == 8
    assert out.count("three.png") == 1
    assert [line.split(": ")[2] for line in err.splitlines()] == ["mine.png", "./locked"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "locked/m.onnx"),
        ("bench", "locked/m.onnx"),
        ("verify", "locked/bundle"),
        ("doctor", "locked/bundle"),
        ("verify", "absent", "--data", "locked/digits"),
        ("classify", "three.png", "--model", "locked/m.onnx"),
        ("preprocess", "three.png", "--save", "locked/out.png"),
        ("samples", "locked/samples"),
        ("export", "locked/m.keras"),
        ("export", "nano", "--data", "locked/digits"),
        ("export", "nano", "-o", "locked/bundle"),
        ("train", "--data", "locked/digits"),
        ("train", "--start-from", "locked/run"),
        ("report", "locked/run"),
        ("info", LONG),
        ("bench", LONG),
        ("verify", LONG),
        ("doctor", LONG),
        ("export", LONG),
        ("export", "nano", "--data", LONG),
    ],
)
def test_inaccessible_path_is_a_one_line_usage_error(arguments: tuple[str, ...], locked: Path) -> None:
    code, out, err = run_unprivileged(*arguments, cwd=locked)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert "unexpected" not in err


@pytest.mark.parametrize("url", ["https://example.org/3.png", "https:/example.org/3.png", "s3://digits/3.png"])
def test_url_is_reported_as_a_url(url: str) -> None:
    said = describe_missing(url, "file", is_picture=True)
    assert said.startswith(
        url.replace(":/e", "://e") + ": a URL, and edge-mnist does not download; download it first, or pipe"
    )
    assert "pipe" not in describe_missing(Path(url), "bundle")
    assert describe_missing(Path(url), "bundle").startswith(url.replace(":/e", "://e"))
    assert describe_missing("C:/digits/3.png", "file") == "C:/digits/3.png: no such file"


@pytest.mark.parametrize("url", ["file:///x/y%20z.png", "file:/x/y%20z.png", "FILE://localhost/x/y%20z.png"])
def test_file_url_is_reported_with_its_path(url: str) -> None:
    for path in (url, Path(url)):
        said = describe_missing(path, "file", is_picture=True)
        assert said.endswith(": a URL; give the path: /x/y z.png")


@pytest.mark.parametrize(
    "arguments",
    [
        ("info", "URL/m.onnx"),
        ("info", "edge", "--data", "URL/digits.npz"),
        ("bench", "URL/m.onnx"),
        ("verify", "URL/bundle"),
        ("doctor", "URL/bundle"),
        ("classify", "3.png", "--model", "URL/m.onnx"),
        ("classify", "3.png", "--model", "URL/bundle"),
        ("export", "URL/m.keras"),
        ("export", "edge", "--data", "URL/digits.csv"),
        ("train", "--data", "URL/digits.csv"),
        ("train", "--start-from", "URL/m.keras"),
        ("report", "URL/run"),
    ],
)
def test_url_in_place_of_a_file_is_named_as_it_was_given(arguments: tuple[str, ...], run_cli: Any) -> None:
    given = (argument.replace("URL", "https://example.org") for argument in arguments)
    finished = run_cli(*given, env={DATA_VARIABLE: ""})
    assert (finished.code, finished.out) == (2, "")
    assert finished.err.count("\n") == 1
    assert f"https://example.org/{arguments[-1].split('/')[1]}: a URL, and edge-mnist does not download" in finished.err
    assert "pipe" not in finished.err
