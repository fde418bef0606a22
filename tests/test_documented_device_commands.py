"""Every device command in README and docs runs as documented."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.documented_commands import DocumentedCommand, extract_commands, find_commands

from edge_mnist_exporter import SigningConfig, sign_bundle
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.bundles.signature import SignaturePolicy
from edge_mnist_runtime.commands.app import DEVICE_COMMANDS, WORKSTATION_COMMANDS
from edge_mnist_runtime.installation.installing import install

RunCli = Callable[..., Any]

COMMAND = Path(sys.executable).with_name("edge-mnist")

pytestmark = pytest.mark.slow


def test_commands_are_extracted_without_comments() -> None:
    text = (
        "Text: `edge-mnist info` is none.\n\n"
        "    edge-mnist train --arch edge \\\n        --epochs 4   # a comment\n"
        "    edge-mnist export edge -o bundle           (nano, too)\n"
        "    pip install edge-mnist\n"
    )
    assert [(command.line, command.arguments) for command in extract_commands(text)] == [
        (3, ("train", "--arch", "edge", "--epochs", "4")),
        (5, ("export", "edge", "-o", "bundle")),
    ]


def test_every_documented_command_exists_and_every_device_command_is_documented() -> None:
    names = {command.name for command in find_commands()}
    assert names <= {*DEVICE_COMMANDS, *WORKSTATION_COMMANDS}
    assert names >= set(DEVICE_COMMANDS)


@pytest.fixture(scope="module")
def workplace(reference_bundle: Path, run_cli: RunCli, keys: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the commands name: pictures, a row, a signed bundle, its key and measurements."""
    folder = tmp_path_factory.mktemp("workplace")
    samples = read_samples()
    (folder / "photos").mkdir()
    for name, data in samples.items():
        (folder / "photos" / name).write_bytes(data)
    (folder / "photo.jpg").write_bytes(samples["9-photograph.jpg"])
    shutil.copy(folder / "photos" / "0-black-on-white.png", folder / "scan.png")
    draw_row(folder / "photos").save(folder / "year.jpg")
    for name in ("bundle", "old", "new"):
        shutil.copytree(reference_bundle, folder / name)
    shutil.copy(keys.public, folder / "key.pub")
    (folder / "token").touch(0o600)
    (folder / "token").write_text("0123456789abcdef")
    for version in (5, 6, 7):  # the first two are installed, so that there is one to go back to
        sign_bundle(folder / "bundle", SigningConfig(keys.private, version))
        if version < 7:
            install(folder / "bundle", folder / "models", policy=SignaturePolicy.load(keys.public))
    shutil.copytree(folder / "photos", folder / "hand" / "judge" / "7")
    shutil.copytree(reference_bundle, folder / "bundles" / "mine")
    shutil.copy(reference_bundle / "edge_int8.onnx", folder / "bundles" / "mine" / "mine_int8.onnx")
    measured = run_cli("bench", "--samples", "50", "--json", cwd=folder)
    assert measured.code == 0, measured.err
    for name in ("before.json", "now.json"):
        (folder / name).write_text(measured.out)
    return folder


def draw_row(pictures: Path) -> Image.Image:
    """Draw the number 10 from two samples."""
    one, zero = (
        np.asarray(Image.open(path).convert("L").resize((120, 120)))
        for path in (pictures / "1-white-on-black.png", pictures / "0-black-on-white.png")
    )
    return Image.fromarray(np.hstack([255 - one, zero]))


def find_different_commands() -> list[DocumentedCommand]:
    """Find the device commands that end by themselves, each at its first place in the docs.

    `tests/runtime/web/test_demo_command.py` runs `demo`, which serves until it is interrupted, and
    `tests/runtime/bench/test_counters.py` `--instructions`, which needs a counter and takes a minute for a bundle.
    """
    found = find_commands(*(name for name in DEVICE_COMMANDS if name != "demo"))
    ended = {command.arguments: command for command in reversed(found) if "--instructions" not in command.arguments}
    return list(ended.values())[::-1]


def check_service(command: DocumentedCommand, workplace: Path) -> None:
    """Start a service on a free port, and stop it when it has started."""
    line = [COMMAND, *command.arguments, "--port", "0"]
    with subprocess.Popen(line, cwd=workplace, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = process.stderr.readline()
        process.terminate()
    assert '"event": "started"' in said
    assert process.returncode == 0


@pytest.mark.mnist
@pytest.mark.parametrize("command", find_different_commands(), ids=str)
def test_documented_command_works(command: DocumentedCommand, workplace: Path, request: pytest.FixtureRequest) -> None:
    if command.name == "serve":
        check_service(command, workplace)
        return
    if command.name == "bench":  # fewer samples and processes, because the figures do not matter here
        command = command._replace(arguments=(*command.arguments, "--samples", "10", "--no-startup"))
    if "--max-slower" in command.arguments:  # no test asserts a time
        command = command._replace(arguments=(*command.arguments, "--max-slower", "10000%"))
    if command.name == "compare":
        few = () if "now.json" in command.arguments else ("--processes", "1", "--seconds", "0.01")
        command = command._replace(arguments=(*command.arguments, *few, "--lenient"))
    if "mnist/" in command.arguments and not (workplace / "mnist").exists():
        (workplace / "mnist").symlink_to(request.getfixturevalue("mnist_folder"))
    if "-" in command.arguments:  # standard input
        command = command._replace(arguments=(*command.arguments, "<", "scan.png"))
    line = shlex.join([str(COMMAND), *command.arguments]).replace("'<'", "<")
    done = subprocess.run(line, shell=True, cwd=workplace, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
