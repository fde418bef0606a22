"""Make the pictures in docs/pictures: `python -m benchmarks.tools.doc_pictures`.

The screenshot of the report needs chromium, those of the page `make web-test`. All digits are drawn by the project; the
export uses them instead of MNIST.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image
from rich.console import Console
from rich.text import Text

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.inputs import to_pixels
from edge_mnist_trainer.augment.strokes import draw_digits

PICTURES: Final = Path(__file__).parents[2] / "docs" / "pictures"

SCREENSHOTS: Final = Path(__file__).parents[2] / "build" / "web-test" / "screenshots"

COMMAND: Final = Path(sys.executable).with_name("edge-mnist")

TILE: Final = 140
"""Side of a sample picture, and of the network's input below it, in pixels."""

SVG: Final = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img">
<style>
{styles}
.{unique_id}-matrix {{ font-family: ui-monospace, Menlo, Consolas, monospace; font-size: {char_height}px; }}
</style>
<defs><clipPath id="{unique_id}-clip-terminal"><rect width="{terminal_width}" height="{terminal_height}"/></clipPath>
{lines}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#292929"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">{matrix}</g>
</g>
</svg>
"""
"""rich's SVG template for a terminal, without fonts from another host."""


def draw_samples() -> Image.Image:
    """Draw the ten sample pictures in a row, with the network's input below each."""
    classifier = DigitClassifier()
    sheet = Image.new("RGB", (10 * TILE, 2 * TILE + 8), "white")
    for column, data in enumerate(read_samples().values()):
        assert classifier.predict(data).digit == column
        picture = Image.open(io.BytesIO(data)).convert("RGBA")
        picture.thumbnail((TILE - 8, TILE - 8))
        sheet.paste(picture, (column * TILE + 4, 4 + (TILE - 8 - picture.height) // 2), picture)
        seen = Image.fromarray(np.asarray(to_pixels(data))).resize((TILE - 8, TILE - 8), Image.Resampling.NEAREST)
        sheet.paste(seen, (column * TILE + 4, TILE + 4))
    return sheet


def write_drawn_digits(folder: Path) -> None:
    """Write drawn digits into a folder with a training and a test half."""
    for half, seed, count in (("train", 1, 60), ("test", 2, 60)):
        images, labels = draw_digits(count, seed=seed)
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            path = folder / half / str(label) / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image.squeeze()).save(path)


def export_robust(folder: Path) -> str:
    """Run `edge-mnist export robust --int8` on drawn digits in `folder`, and return its output."""
    write_drawn_digits(folder / "digits")
    done = subprocess.run(
        [COMMAND, "export", "robust", "--int8", "--data", "digits", "-o", "robust"],
        cwd=folder,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def draw_terminal(command: str, printed: str) -> str:
    """Draw a command and its output as SVG."""
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(Text(f"$ {command}", style="bold"), Text(printed.rstrip()), sep="\n")
    return console.export_svg(title="", code_format=SVG)


def take_screenshot(page: Path, picture: Path) -> None:
    """Save a screenshot of the top of an HTML page, taken by chromium."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("the screenshot of the report needs chromium, which is not installed")
    with tempfile.TemporaryDirectory() as profile:
        options = (
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--disable-background-networking",
        )
        size = ("--window-size=1000,1100", f"--user-data-dir={profile}", f"--screenshot={picture}")
        subprocess.run([chromium, *options, *size, page.as_uri()], check=True, capture_output=True)
    Image.open(picture).convert("P", palette=Image.Palette.ADAPTIVE, colors=128).save(picture, optimize=True)


def copy_page_pictures() -> None:
    """Copy two screenshots of the page that `make web-test` took."""
    for picture, screenshot in (("page.png", "1280-light.png"), ("page-phone.png", "360-dark.png")):
        path = SCREENSHOTS / screenshot
        if not path.is_file():
            raise SystemExit(f"{path} is missing: make web-test takes it")
        image = Image.open(path).convert("P", palette=Image.Palette.ADAPTIVE, colors=64)
        image.save(PICTURES / picture, optimize=True)


def main() -> None:
    """Make all pictures."""
    PICTURES.mkdir(exist_ok=True)
    copy_page_pictures()
    draw_samples().save(PICTURES / "samples.png", optimize=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        printed = export_robust(folder)
        (PICTURES / "export.svg").write_text(draw_terminal("edge-mnist export robust --int8", printed), "utf-8")
        take_screenshot(folder / "robust.report.html", PICTURES / "report.png")


if __name__ == "__main__":
    main()
