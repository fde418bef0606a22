"""Picture files and picture bytes: found, opened with care, and decoded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.preprocess import PREPROCESS
from edge_mnist_runtime.reading import describe_damage

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""What counts as a picture inside a folder; a file that is named itself may have any suffix."""

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow's decoders that may be used. Others (PostScript among them, which starts a program) never see the input."""

MAX_PIXELS: Final = 40_000_000
"""Larger pictures are refused before they are decoded. Pillow takes up to 4 bytes a pixel: 160 MB at the most."""

DRAFT_PIXELS: Final = 2 * PREPROCESS.working_side_pixels
"""JPEGs are decoded at the smallest scale, of 1, 1/2, 1/4 and 1/8, that keeps both sides at least this long."""


def open_picture(source: Path | bytes, *, origin: str) -> Image.Image:
    """Open and fully decode one picture.

    Args:
        source: A path, or the bytes of a picture file.
        origin: Where it is from, for error messages.

    Returns:
        The decoded picture; a large JPEG at a reduced scale.

    Raises:
        PictureError: Missing, unreadable, empty, no picture, truncated, or more than `MAX_PIXELS` pixels.
    """
    try:
        # A path is handed over as it is: Pillow then loads the decoder of its suffix alone, 6 ms of a cold start.
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except UnidentifiedImageError:
        size_bytes = len(source) if isinstance(source, bytes) else source.stat().st_size
        problem = "not a picture" if size_bytes else "empty (0 bytes)"
        raise PictureError(f"{origin}: {problem}; expected one of {', '.join(FORMATS)}") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PictureError(_explain(origin, error)) from error
    with picture:
        picture.draft(None, (DRAFT_PIXELS, DRAFT_PIXELS))
        if picture.width * picture.height > MAX_PIXELS:
            raise PictureError(_too_large(origin, f"{picture.width} x {picture.height} pixels"))
        try:
            picture.load()
        except Exception as error:  # as above
            raise PictureError(describe_damage(origin, error)) from error
    return picture


def _explain(origin: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return f"{origin}: no such file"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return _too_large(origin, "far more pixels than a picture of a digit has")
    if isinstance(error, OSError) and error.errno is not None:
        return f"{origin}: cannot be read ({error.strerror})"
    return describe_damage(origin, error)


def find_pictures(path: Path) -> list[Path]:
    """A path that is no folder as it is; for a folder the pictures below it, sorted by path.

    Raises:
        PictureError: The folder holds no picture.
    """
    if not path.is_dir():
        return [path]
    found = sorted(
        file
        for file in path.rglob("*")
        # Hidden files are no pictures of the user's: macOS leaves a `._digit.png` beside each `digit.png`.
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    )
    if not found:
        raise PictureError(f"{path}: no pictures in this folder; looked for {', '.join(SUFFIXES)}")
    return found


def _too_large(origin: str, found: str) -> str:
    return f"{origin}: {found}; at most {MAX_PIXELS:,} pixels are decoded, scale it down first"
