"""The runtime works from a zip archive made by `python -m zipapp`, with its dependencies installed beside it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.dataset import DATA_VARIABLE


@pytest.fixture(scope="module")
def archive(package_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The runtime alone, in one file."""
    folder = tmp_path_factory.mktemp("zip")
    package = package_folders["runtime"]
    shutil.copytree(package, folder / "app" / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    zipapp.create_archive(
        folder / "app", folder / "digits.pyz", main="edge_mnist_runtime.commands.app:main", compressed=True
    )
    shutil.rmtree(folder / "app")
    return folder / "digits.pyz"


def run(*arguments: object, archive: Path | None = None) -> subprocess.CompletedProcess[str]:
    first = [archive] if archive else ["-m", "edge_mnist_runtime"]
    return subprocess.run(
        [sys.executable, *map(str, (*first, *arguments))],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, DATA_VARIABLE: ""},
        cwd=os.path.dirname(archive) if archive else None,  # noqa: PTH120
    )


@pytest.mark.parametrize("model", BUNDLED_MODELS)
def test_models_in_the_archive_are_read(model: str, archive: Path, samples_folder: Path) -> None:
    done = run("classify", samples_folder / "3-transparent.png", "--model", model, archive=archive)
    assert done.stdout.split()[0] == "3", done.stderr


def test_modules_are_imported_from_the_archive(archive: Path) -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import edge_mnist_runtime as e; print(e.__file__)"
    done = subprocess.run([sys.executable, "-c", program, archive], capture_output=True, text=True, check=False)
    assert done.stdout.startswith(str(archive))


@pytest.mark.parametrize("arguments", [("info",), ("doctor",), ("bench", "--samples", "50"), ("samples", "given")])
def test_other_commands_work_from_the_archive(arguments: tuple[str, ...], archive: Path) -> None:
    done = run(*arguments, archive=archive)
    assert done.returncode == 0, done.stderr


def test_module_is_the_command(samples_folder: Path) -> None:
    done = run("classify", samples_folder / "3-transparent.png")
    assert (done.returncode, done.stdout.split()[0]) == (0, "3")
