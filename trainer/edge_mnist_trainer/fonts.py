"""Digits in printed fonts, from packages that the extra [train] installs, split by family and never across.

A network that has seen a family in one weight has seen its shapes: a validation on other weights of it would flatter.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any, Final, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.preprocess import Pixels, normalise_ink

FontSplit = Literal["train", "validation", "test"]

FAMILIES: Final[dict[FontSplit, dict[str, tuple[str, str]]]] = {
    "train": {
        "Amatic SC": ("font_amatic_sc", "AmaticSC"),
        "Cascadia Mono": ("pymupdf_fonts", "CascadiaMono"),
        "Computer Modern": ("matplotlib", "cmr10 cmb10 cmss10 cmtt10 cmti10"),
        "DejaVu": ("matplotlib", "DejaVu"),
        "Fredoka One": ("font_fredoka_one", "FredokaOne"),
        "Hanken Grotesk": ("font_hanken_grotesk", "HankenGrotesk"),
        "Intuitive": ("font_intuitive", "Intuitive"),
        "Open Sans": ("ttf_opensans", "OpenSans"),
        "Source Sans Pro": ("font_source_sans_pro", "SourceSansPro"),
        "Source Serif Pro": ("font_source_serif_pro", "SourceSerifPro"),
        "Space Mono": ("pymupdf_fonts", "SpaceMono"),
        "STIX": ("matplotlib", "STIXGeneral"),
        "Ubuntu": ("pymupdf_fonts", "Ubuntu"),
    },
    "validation": {
        "Fira": ("pymupdf_fonts", "Fira"),
        "Manrope": ("font_manrope", "Manrope-"),
        "Noto Sans": ("pymupdf_fonts", "NotoSansRegular NotoSansBold NotoSansItalic"),
    },
    "test": {
        "Aileron": ("PIL", ""),
        "Caladea": ("font_caladea", "Caladea"),
        "Lato": ("font_lato", "Lato"),
    },
}
"""Each family's package, and what its files' names begin with. Validation families guide choices; test families are
read for final figures alone."""

PIL_FONT: Final = "PIL"
"""Pillow's own font is inside its code, not in a file."""


@dataclass(frozen=True)
class FontFace:
    """One style of one font family."""

    family: str
    style: str
    """The name of its file."""
    data: bytes | None
    """The file; None for the one that Pillow brings."""

    def at_size(self, pixels: float) -> Any:
        """The face as Pillow draws it, at that many pixels to the em."""
        if self.data is None:
            return ImageFont.load_default(pixels)
        return ImageFont.truetype(io.BytesIO(self.data), pixels)


def font_faces(split: FontSplit) -> tuple[FontFace, ...]:
    """Every face of the split's families, in a fixed order."""
    return tuple(face for family in FAMILIES[split] for face in _faces_of(family, *FAMILIES[split][family]))


def _faces_of(family: str, package: str, prefixes: str) -> Iterator[FontFace]:
    if package == PIL_FONT:
        yield FontFace(family, "built in", None)
        return
    for name, data in sorted(_font_files(package)):
        if name.startswith(tuple(prefixes.split())) and "Variable" not in name and "Display" not in name:
            yield FontFace(family, name, data)


def _font_files(package: str) -> Iterator[tuple[str, bytes]]:
    if package == "pymupdf_fonts":  # keeps its fonts as functions
        import pymupdf_fonts

        for key, descriptor in pymupdf_fonts.fontdescriptors.items():
            yield descriptor["name"].replace(" ", ""), pymupdf_fonts.myfont(key)
        return
    folder = {"matplotlib": "mpl-data/fonts/ttf", "ttf_opensans": "ttf"}.get(package, "files")
    found = {file.name: file for file in files(package).joinpath(folder).iterdir()}
    for name, file in found.items():
        stem, _, suffix = name.rpartition(".")
        if suffix == "ttf" or (suffix == "otf" and f"{stem}.ttf" not in found):  # the same shapes twice
            yield stem, file.read_bytes()


def render_digits(
    split: FontSplit, *, variants: int, seed: int = 0, faces: tuple[FontFace, ...] | None = None
) -> LabelledDigits:
    """Render every digit in every face of a split and bring it to 28 x 28 by the one preprocessing definition.

    Args:
        split: Which families.
        variants: Pictures of each digit in each face. Each has its own size (12 to 64 pixels to the em: from a coarse
            scan to a clean one) and rotation (up to 8 degrees to either side).
        seed: Draws sizes and rotations.
        faces: These faces instead of the split's.

    Returns:
        Digits named `fonts`.
    """
    rng = np.random.default_rng(seed)
    images, labels = [], []
    for face in font_faces(split) if faces is None else faces:
        for digit in range(10):
            for _ in range(variants):
                size, degrees = np.exp(rng.uniform(np.log(12), np.log(64))), rng.uniform(-8, 8)
                images.append(normalise_ink(_draw(face, digit, size, degrees), origin=f"{face.style}, {digit}"))
                labels.append(digit)
    return LabelledDigits("fonts", split, np.stack(images)[..., np.newaxis], np.array(labels, np.uint8))


def _draw(face: FontFace, digit: int, size_pixels: float, degrees: float) -> Pixels:
    side = int(2 * size_pixels)
    picture = Image.new("L", (side, side), 0)
    ImageDraw.Draw(picture).text((side / 2, side / 2), str(digit), 255, face.at_size(size_pixels), anchor="mm")
    return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC))
