"""The commands of README and docs: the workstation's commands in README are run, all others are parsed."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import typer
from PIL import Image

from edge_mnist_runtime.commands.app import DEVICE_COMMANDS, WORKSTATION_COMMANDS, build_app, run
from edge_mnist_runtime.dataset import DATA_VARIABLE
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.networks.reference_models import find_reference_model

ROOT = Path(__file__).parents[3]

REPLACED = {"SEED": "0", "(and 1)": "", "(nano, micro, robust alike)": ""}
"""Placeholders and remarks in examples, with their replacements."""


def read_commands(page: Path) -> list[list[str]]:
    """Read the arguments of every `edge-mnist` command in the code blocks of a page."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    for name, value in REPLACED.items():
        text = text.replace(name, value)
    lines = re.findall(r"^ {4,}edge-mnist (.+)$", text, re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


README = read_commands(ROOT / "README.md")

PAGES = [page for page in sorted(ROOT.glob("docs/*.md")) if read_commands(page)]


def test_every_page_with_commands_is_read():
    assert {arguments[0] for arguments in README} >= {*WORKSTATION_COMMANDS, *DEVICE_COMMANDS} - {"transfer-set"}
    assert "reference-model.md" in {page.name for page in PAGES}


@pytest.mark.parametrize("page", [ROOT / "README.md", *PAGES], ids=lambda page: page.name)
def test_options_of_documented_commands_exist(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    commands = typer.main.get_command(build_app()).commands
    for name, *arguments in read_commands(page):
        commands[name].make_context(name, arguments)


def draw_class_folders(folder: Path, images, labels) -> None:
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        path = folder / label / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.squeeze()).save(path)


@pytest.fixture
def here(tmp_path, monkeypatch, blob_model, draw_blobs) -> Path:
    """A folder with all files that README's workstation commands need."""
    import keras

    monkeypatch.chdir(tmp_path)
    digits, labels = draw_digits(20, seed=1)
    draw_class_folders(tmp_path / "mnist", digits, map(str, labels))
    (tmp_path / "my-digits").symlink_to("mnist")
    monkeypatch.setenv(DATA_VARIABLE, "mnist")
    shutil.copy(find_reference_model("nano"), "model.keras")

    names = ("cat", "dog", "vole", "owl", "newt")
    (tmp_path / "names.txt").write_text("\n".join(names))
    images, classes = draw_blobs((16, 16, 3), 5, 100, seed=2)
    draw_class_folders(tmp_path / "images", images, [names[label] for label in classes])
    signed = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Rescaling(127.5, 127.5), blob_model])
    signed.export("saved_model", verbose=False)
    return tmp_path


def run_shortened(arguments: list[str]) -> int:
    """Run a command with cheaper settings.

    Training takes one epoch and writes no report, because `report` is a command of its own. `nano` replaces `robust`,
    because it trains without negatives. Calibration uses few images.
    """
    name = arguments[0]
    if name == "train":
        arguments = [argument.replace("robust", "nano") for argument in arguments]
        once = [] if "--resume" in arguments else ["--epochs", "1"]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("edge_mnist_trainer.report.page.write_report_page", lambda folder, digits: None)
            return run([*arguments, *once])
    fewer = {"export": ["--calibration-samples", "20"], "debug": ["--calibration-samples", "20", "--images", "5"]}
    return run([*arguments, *fewer.get(name, [])])


@pytest.mark.slow
@pytest.mark.usefixtures("fewer_pictures")
def test_workstation_commands_of_the_readme_work(here, capfd):
    edge = Path("runs/edge")
    for arguments in README:
        if arguments[0] not in WORKSTATION_COMMANDS or "--sign" in arguments:  # test_export_command.py signs an export
            continue
        if arguments[0] == "export" and not Path("bundles").exists():
            # One epoch is too little for an export, so the weights are replaced by those of twenty.
            shutil.copy(find_reference_model("edge"), edge / "model.keras")
        if "--resume" in arguments:  # like a run that was killed before its first checkpoint
            record = json.loads((edge / "run.json").read_text("utf-8"))
            (edge / "run.json").write_text(json.dumps({**record, "status": "running"}))
        code = run_shortened(arguments)
        assert code == 0, (arguments, capfd.readouterr().err)
    assert {path.name for path in Path("bundles").iterdir() if path.is_dir()} == {"edge", "model", "saved_model"}
    assert sorted(path.name for path in Path("bundles/model").glob("model_*")) == [
        *("model_dynamic.tflite", "model_fp16.onnx", "model_fp16.tflite", "model_fp32.onnx", "model_fp32.tflite"),
        *("model_int16x8.tflite", "model_int8.onnx", "model_int8.tflite"),
    ]
    assert capfd.readouterr().err.count("edge-mnist: note: there is no ") == 2  # int16x8 or dynamic ONNX
    Path("bundle").symlink_to("bundles/edge")
    for arguments in README:
        if arguments[0] == "info":
            assert run(arguments) == 0
    assert "int8" in capfd.readouterr().out
