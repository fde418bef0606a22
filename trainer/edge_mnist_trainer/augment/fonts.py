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
from scipy import ndimage

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_trainer.augment.framing import put_in_frame

FontSplit = Literal["train", "validation", "test"]

FAMILIES: Final[dict[FontSplit, dict[str, tuple[str, str]]]] = {
    "train": {
        "Amatic SC": ("font_amatic_sc", "AmaticSC"),
        "Cascadia Mono": ("pymupdf_fonts", "CascadiaMono"),
        "Computer Modern": ("matplotlib", "cmr10 cmb10 cmss10 cmtt10 cmti10"),
        "DejaVu": ("matplotlib", "DejaVu"),
        "Fredoka One": ("font_fredoka_one", "FredokaOne"),
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
        "Hanken Grotesk": ("font_hanken_grotesk", "HankenGrotesk"),
        "Manrope": ("font_manrope", "Manrope-"),
        "Noto Sans": ("pymupdf_fonts", "NotoSansRegular NotoSansBold NotoSansItalic"),
    },
    "test": {
        "Aileron": ("PIL", ""),
        "Caladea": ("font_caladea", "Caladea"),
        "Lato": ("font_lato", "Lato"),
    },
}
"""Package and file-name prefix of each font family. Validation families are for choices, test families only for final
figures."""

FINE_PIXELS: Final = 72
"""Font size in pixels at which a varied digit is first drawn, so that strokes are several pixels wide."""

FADED_PART: Final = 0.3
"""Fraction of the varied digits that is faded."""

OUTLINED_PART: Final = 0.07
"""Fraction of the varied digits of which only the outline is drawn."""

FRAMED_PART: Final = 0.3
"""Fraction of the varied digits that are shrunk into a frame of 28 x 28, without MNIST's size and place."""

PIL_FONT: Final = "PIL"
"""Pillow's own font is inside its code, not in a file."""


@dataclass(frozen=True)
class FontFace:
    """One style of one font family."""

    family: str
    style: str
    """The name of its file."""
    data: bytes | None
    """Font file; None for Pillow's own font."""

    def at_size(self, pixels: float) -> Any:
        """The face as a Pillow font of this size, in pixels."""
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
    split: FontSplit,
    *,
    variants: int,
    seed: int = 0,
    varied: bool = False,
    faces: tuple[FontFace, ...] | None = None,
) -> LabelledDigits:
    """Render every digit in every face of a split and bring it to 28 x 28 by the one preprocessing definition.

    Args:
        split: Which families.
        variants: Pictures of each digit in each face. Each has its own size (12 to 64 pixels to the em: from a coarse
            scan to a clean one) and rotation (up to 8 degrees to either side).
        seed: Draws sizes, rotations and what `varied` adds.
        varied: Draw each picture also lighter or bolder, narrower or wider than its face is, and fade some in one
            direction. A few families hold few hairlines; with this, training has seen them all the same.
        faces: These faces instead of the split's.

    Returns:
        Digits named `fonts`.
    """
    rng = np.random.default_rng(seed)
    images, labels = [], []
    for face in font_faces(split) if faces is None else faces:
        for digit in range(10):
            for _ in range(variants):
                images.append(draw_tensor(face, str(digit), rng, varied=varied))
                labels.append(digit)
    return LabelledDigits("fonts", split, np.stack(images)[..., np.newaxis], np.array(labels, np.uint8))


def draw_tensor(face: FontFace, character: str, rng: np.random.Generator, *, varied: bool) -> Pixels:
    """Draw one character as a tensor, uint8, shape (28, 28): at MNIST's size and place, or varied ones anywhere."""
    ink = draw_character(face, character, rng, varied=varied)
    framed = put_in_frame(ink, rng) if varied and rng.random() < FRAMED_PART else None
    return normalise_ink(ink, origin=f"{face.style}, {character}") if framed is None else framed


def draw_character(face: FontFace, character: str, rng: np.random.Generator, *, varied: bool) -> Pixels:
    """Draw one character as white ink on black, uint8, shape (H, W), as `render_digits` draws each of its digits."""
    size, degrees = np.exp(rng.uniform(np.log(12), np.log(64))), rng.uniform(-8, 8)
    if varied:
        return _draw_varied(face, character, size, degrees, rng)
    return _draw(face, character, size, degrees)


def _draw_varied(
    face: FontFace, character: str, size_pixels: float, degrees: float, rng: np.random.Generator
) -> Pixels:
    fine = np.asarray(_draw(face, character, FINE_PIXELS, degrees))
    inked = _outline(fine, rng) if rng.random() < OUTLINED_PART else _change_weight(fine, rng.uniform(-0.85, 0.6))
    picture = Image.fromarray(inked)
    height = max(8, round(len(fine) * size_pixels / FINE_PIXELS))
    width = max(8, round(height * np.exp(rng.uniform(-0.25, 0.25))))
    drawn = np.asarray(picture.resize((width, height), Image.Resampling.BOX))
    return _fade(drawn, rng) if rng.random() < FADED_PART else drawn


def _fade(ink: Pixels, rng: np.random.Generator) -> Pixels:
    """Weaken the edges of one direction, like a renderer that aligns straight hairlines to pixels, but not bends."""
    down, across = np.gradient(ndimage.gaussian_filter(ink.astype(np.float32), 1.0))
    direction = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
    lost = rng.uniform(0.3, 0.85) * np.abs(np.cos(np.arctan2(down, across) - direction))
    faded: Pixels = np.rint(ink * (1 - lost)).astype(np.uint8)
    return faded


def _outline(ink: Pixels, rng: np.random.Generator) -> Pixels:
    """Keep only the edge of the ink, as in an outline font."""
    signed = ndimage.distance_transform_edt(ink > 127) - ndimage.distance_transform_edt(ink <= 127)
    half_width = rng.uniform(0.7, 2.6)
    moved = rng.uniform(0.0, 3.0)  # outwards, so that the lines of a thin face do not meet
    pixels: Pixels = np.rint(255 * np.clip(half_width - np.abs(signed + moved) + 0.5, 0, 1)).astype(np.uint8)
    return pixels


def _change_weight(ink: Pixels, part: float) -> Pixels:
    """Thin the strokes by a fraction of their width; above zero, thicken them.

    Measured against the thinnest tenth of the strokes, so that no hairline of a contrasting face breaks.
    """
    depth = ndimage.distance_transform_edt(ink > 127)
    middle = depth[(depth > 0) & (depth == ndimage.maximum_filter(depth, 3))]
    half_width = np.percentile(middle, 10)
    moved = max(part * half_width, min(0.0, 1.0 - half_width))  # no stroke thinner than two fine pixels
    signed = depth - ndimage.distance_transform_edt(ink <= 127)
    pixels: Pixels = np.rint(255 * np.clip(signed + moved + 0.5, 0, 1)).astype(np.uint8)
    return pixels


def _draw(face: FontFace, character: str, size_pixels: float, degrees: float) -> Pixels:
    side = int(2 * size_pixels)
    picture = Image.new("L", (side, side), 0)
    ImageDraw.Draw(picture).text((side / 2, side / 2), character, 255, face.at_size(size_pixels), anchor="mm")
    return np.asarray(picture.rotate(degrees, Image.Resampling.BICUBIC))
