"""The page in headless Chromium: what `browser/page.test.mjs` checks, by the name of each check."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edge_mnist_exporter.program.reference import ReferenceKernels
from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.dataset import load_mnist_half
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.web.page import make_page
from edge_mnist_runtime.web.page_model import read_bundled_page_model
from edge_mnist_trainer.augment.strokes import STROKES, catmull_rom, draw_digits

REPOSITORY = Path(__file__).parents[3]
CHECKS = Path(__file__).parent / "browser" / "page.test.mjs"
MODULES = REPOSITORY / "build" / "web-test"
MODELS = REPOSITORY / "exporter" / "edge_mnist_exporter" / "models"
NAMES = re.findall(r'^test\("(.+?)"', CHECKS.read_text("utf-8"), re.M)
SAME_SCORES = "test digits get the scores of the reference kernels and the answers of the runtime"
N_DIGITS = 1000

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser_tools():
    """Environment of the checks: where Chromium and the modules are."""
    if shutil.which("node") is None:
        pytest.skip("needs Node: apt-get install nodejs npm")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    if not (MODULES / "node_modules" / "playwright-core").is_dir():
        pytest.skip("needs playwright-core and axe-core: make web-test installs them from npm")
    return {"MODULES": str(MODULES), "CHROMIUM": chromium}


def write_pages(folder: Path) -> None:
    for name in ("robust", "nano"):
        (folder / f"{name}.html").write_bytes(make_page(read_bundled_page_model(name)))


def write_digits(folder: Path, images) -> None:
    """Write images, uint8, shape (N, 28, 28, 1), what TFLite's reference kernels give, and the runtime's answers."""
    kernels = ReferenceKernels((MODELS / "robust_int8.tflite").read_bytes(), origin="robust_int8.tflite")
    (folder / "digits.bin").write_bytes(images.tobytes())
    (folder / "scores.bin").write_bytes(kernels.run_stored(images).tobytes())
    predictions = DigitClassifier.from_engine(kernels, mode="mnist").predict_batch(images)
    answers = [(prediction.digit, prediction.reason) for prediction in predictions]
    (folder / "answers.json").write_text(json.dumps(answers), "utf-8")


def write_pictures(folder: Path) -> None:
    """Pictures that the project draws: clean ones, one under a shadow, a tensor, and one of 100 megapixels."""
    for digit in (3, 7):
        picture = Image.fromarray(255 - draw_digits(1, seed=4)[0][digit, :, :, 0])
        picture.resize((280, 280), Image.Resampling.BICUBIC).save(folder / f"{digit}.png")
    Image.fromarray(draw_digits(1, seed=4)[0][5, :, :, 0]).save(folder / "tensor.png")
    light = np.linspace(0.3, 1, 280)[None, :] * np.asarray(Image.open(folder / "7.png"))
    Image.fromarray(light.astype(np.uint8)).save(folder / "shadow.png")
    tall = Image.open(folder / "7.png").crop((100, 20, 260, 130))
    tall.save(folder / "cut.png")
    two = Image.new("L", (560, 280), 255)
    for left, digit in ((0, 3), (280, 7)):
        two.paste(Image.open(folder / f"{digit}.png"), (left, 0))
    two.save(folder / "two.png")
    Image.new("1", (10_000, 10_000), 1).save(folder / "huge.png")


def write_strokes(folder: Path) -> None:
    curves = {digit: [catmull_rom(np.asarray(stroke))[::8].tolist() for stroke in STROKES[digit]] for digit in STROKES}
    (folder / "strokes.json").write_text(json.dumps([curves[digit] for digit in range(10)]), "utf-8")


def run_checks(folder: Path, tools: dict[str, str], *options: str) -> tuple[dict[str, str], str]:
    """Run the checks in Node: `ok`, `not ok` or why it was skipped, by name, and all that was printed."""
    command = ["node", "--test-reporter=tap", *options, str(CHECKS)]
    env = {**os.environ, **tools, "FOLDER": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=300, check=False)
    verdicts = re.findall(r"^(ok|not ok) \d+ - (.+?)(?: # SKIP (.*))?$", done.stdout, re.M)
    return {name: skipped or verdict for verdict, name, skipped in verdicts}, done.stdout + done.stderr


@pytest.fixture(scope="module")
def checked(browser_tools, tmp_path_factory):
    """The folder of the checks, and the result of `run_checks`."""
    folder = tmp_path_factory.mktemp("browser")
    write_pages(folder)
    digits = draw_digits(N_DIGITS // 10, seed=6)[0]
    digits[700:] = np.maximum(digits[700:], digits[101:401])  # each over the next one: many are rejected
    write_digits(folder, digits)
    write_pictures(folder)
    write_strokes(folder)
    return folder, *run_checks(folder, browser_tools)


@pytest.mark.parametrize("name", NAMES)
def test_in_the_browser(name, checked):
    _, verdicts, printed = checked
    verdict = verdicts.get(name, "missing")
    if verdict not in ("ok", "not ok", "missing"):
        pytest.skip(verdict)
    assert verdict == "ok", printed


def test_page_reads_drawings_as_mode_mnist_does(checked):
    drawings = json.loads((checked[0] / "drawings.json").read_text("utf-8"))
    assert len(drawings) == 10
    for drawing in drawings:
        grey = np.array(drawing["grey"], np.uint8).reshape(drawing["height"], drawing["width"])
        reading = read_picture(Image.fromarray(grey), mode="mnist")
        assert reading.pixels.tobytes() == bytes(drawing["pixels"])
        assert reading.flaw == drawing["reason"]


def test_mnist_digits_get_the_same_scores_and_answers(browser_tools, mnist_folder, tmp_path):
    write_pages(tmp_path)
    write_digits(tmp_path, load_mnist_half(mnist_folder, "t10k").images[:N_DIGITS])
    write_strokes(tmp_path)
    verdicts, printed = run_checks(tmp_path, browser_tools, f"--test-name-pattern={SAME_SCORES}")
    assert verdicts.get(SAME_SCORES) == "ok", printed
