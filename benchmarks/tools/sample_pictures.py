"""Draw the sample pictures of the runtime package: `python -m benchmarks.tools.sample_pictures FOLDER`.

There is one of each digit. Each is a different kind of picture, to show what the preprocessing can read.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.images.colours import EXIF_ORIENTATION
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.strokes import draw_ink

SAMPLES_SEED: Final = 7
ROTATED_BY_90: Final = 6
"""EXIF orientation of a picture that must be rotated clockwise by 90 degrees to be upright."""


def draw_samples(seed: int = SAMPLES_SEED) -> dict[str, bytes]:
    """Draw the ten picture files, by name. Each name begins with its digit."""
    rng = np.random.default_rng(seed)
    ink = [draw_ink(digit, rng) for digit in range(10)]
    noise = rng.normal(0, 6, (200, 200))
    shade = np.linspace(190, 235, 200)[np.newaxis, :] + noise  # unevenly lit paper
    paper = np.clip(shade * (1 - ink[4] / 255 * 0.75), 0, 255).astype(np.uint8)
    photo = Image.fromarray(paper_photo(ink[9], rng))
    turned = Image.fromarray(255 - ink[6]).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = ROTATED_BY_90
    corner = np.zeros((300, 240), np.uint8)
    corner[90:290, 30:230] = ink[8]
    return {
        "0-black-on-white.png": _encode(Image.fromarray(255 - ink[0]), "PNG"),
        "1-white-on-black.png": _encode(Image.fromarray(ink[1]), "PNG"),
        "2-blue-on-cream.png": _encode(_coloured(ink[2], (30, 50, 140), (250, 243, 224)), "PNG"),
        "3-transparent.png": _encode(_transparent(ink[3]), "PNG"),
        "4-shaded-paper.jpg": _encode(Image.fromarray(paper), "JPEG", quality=85),
        "5-red-marker.webp": _encode(_coloured(ink[5], (200, 30, 30), (255, 255, 255)), "WEBP", quality=80),
        "6-turned-by-exif.jpg": _encode(turned, "JPEG", quality=85, exif=exif),
        "7-mnist-shaped.png": _encode(Image.fromarray(normalise_ink(ink[7])), "PNG"),
        "8-off-centre.gif": _encode(Image.fromarray(255 - corner), "GIF"),
        "9-photograph.jpg": _encode(photo, "JPEG", quality=80),
    }


def paper_photo(ink: Pixels, rng: np.random.Generator) -> Pixels:
    """Draw a photograph-like picture of ink on grey paper: soft focus, noise, light from one side.

    Returns:
        uint8, shape (600, 800, 3).
    """
    drawn = np.zeros((600, 800), np.float32)
    drawn[100:500, 200:600] = np.asarray(Image.fromarray(ink).resize((400, 400), Image.Resampling.BICUBIC))
    light = np.linspace(170, 215, 800)[np.newaxis, :] + np.linspace(10, -10, 600)[:, np.newaxis]
    grey = light * (1 - 0.7 * drawn / 255)
    tint = np.array([1.0, 0.97, 0.9])
    pixels: Pixels = np.clip(grey[..., np.newaxis] * tint + rng.normal(0, 4, (600, 800, 1)), 0, 255).astype(np.uint8)
    return pixels


def _coloured(ink: Pixels, pen: tuple[int, int, int], background: tuple[int, int, int]) -> Image.Image:
    picture = Image.new("RGB", (ink.shape[1], ink.shape[0]), background)
    picture.paste(pen, mask=Image.fromarray(ink))
    return picture


def _transparent(ink: Pixels) -> Image.Image:
    picture = Image.new("RGBA", (ink.shape[1], ink.shape[0]), (0, 0, 0, 0))
    picture.putalpha(Image.fromarray(ink))
    return picture


def _encode(picture: Image.Image, file_format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def main() -> None:
    """Write the sample pictures into the folder that the command line names."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in draw_samples().items():
        (folder / name).write_bytes(data)
        print(folder / name, len(data))


if __name__ == "__main__":
    main()
