"""Make picture files of every supported format and mode, from drawn digits."""

from __future__ import annotations

import io
from typing import Any, Final

import numpy as np
from PIL import Image

from benchmarks.rendering.photographs import take_photograph
from edge_mnist_runtime.bench.sample_digits import read_samples
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.strokes import draw_digits, draw_ink

VARIANTS: Final[tuple[tuple[str, str, dict[str, Any]], ...]] = (
    *(("PNG", mode, {}) for mode in ("L", "RGB", "RGBA", "LA", "P", "1", "I;16")),
    ("JPEG", "L", {"quality": 80}),
    ("JPEG", "RGB", {"quality": 90, "progressive": True}),
    ("JPEG", "CMYK", {}),
    *(("BMP", mode, {}) for mode in ("L", "RGB", "RGBA", "P", "1")),
    ("GIF", "L", {}),
    ("GIF", "P", {"transparency": 0, "interlace": 1}),
    ("WEBP", "RGB", {"quality": 70}),
    ("WEBP", "RGBA", {"lossless": True}),
    ("TIFF", "L", {}),
    *(("TIFF", "RGB", {"compression": name}) for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg")),
    ("TIFF", "1", {"compression": "group4"}),
    ("TIFF", "I;16", {}),
    ("TIFF", "F", {}),
)
"""Format, mode and options for Pillow's `save`."""

FRAMED: Final = ("GIF", "WEBP", "TIFF")
"""Formats that may contain several pictures."""

TURNED: Final = ("JPEG", "PNG", "WEBP", "TIFF")
"""Formats that may contain EXIF."""


def make_picture_files() -> list[bytes]:
    """Make a file of each variant, files with several frames or an EXIF rotation, samples and photographs."""
    rng = np.random.default_rng(7)
    drawn = [Image.fromarray(255 - draw_ink(digit, rng, side_pixels=96)) for digit in range(10)]
    files = [encode(drawn[at % 10], *variant) for at, variant in enumerate(VARIANTS)]
    for form in FRAMED:
        files.append(encode(drawn[3], form, "L", {"save_all": True, "append_images": drawn[4:7]}))
    for form in TURNED:
        exif = Image.Exif()
        exif[0x0112] = 6
        files.append(encode(drawn[8], form, "RGB", {"exif": exif}))
    files += read_samples().values()
    return files + [take_photograph(digit, kind, rng).data for digit, kind in ((4, "lined paper"), (9, "photograph"))]


def encode(picture: Image.Image, form: str, mode: str, options: dict[str, Any]) -> bytes:
    """Convert a grey picture to a mode and encode it."""
    picture = Image.fromarray(np.asarray(picture, np.uint16) * 257) if mode == "I;16" else picture.convert(mode)
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def drawn_tensors(digits_each: int = 20) -> Pixels:
    """Draw digits as network input, uint8, shape (10 * digits_each, 28, 28)."""
    return draw_digits(digits_each, seed=7)[0][..., 0]
