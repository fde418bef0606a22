"""Picture files and picture bytes: found, opened with care, and decoded."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

from PIL import Image, UnidentifiedImageError

from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.preprocess import PREPROCESS

SUFFIXES: Final = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")
"""What counts as a picture inside a folder; a file that is named itself may have any suffix."""

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow's decoders that may be used. Others (PostScript among them, which starts a program) never see the input."""

MAX_PIXELS: Final = 80_000_000
"""Larger pictures are refused before they are decoded: 80 MB as grey, where 30,000 x 30,000 would take 900 MB."""


def open_picture(source: Path | bytes, *, origin: str) -> Image.Image:
    """Open and fully decode one picture.

    Args:
        source: A path, or the bytes of a picture file.
        origin: Where it is from, for error messages.

    Returns:
        The decoded picture. A large JPEG is decoded at a reduced scale, at least the working size of `preprocess`.

    Raises:
        PictureError: Missing, unreadable, empty, no picture, truncated, or more than `MAX_PIXELS` pixels.
    """
    data = source if isinstance(source, bytes) else _read(source, origin)
    if not data:
        raise PictureError(f"{origin}: empty (0 bytes); expected a picture")
    try:
        picture = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PictureError(_too_large(origin, "far more pixels than a picture of a digit has")) from None
    except UnidentifiedImageError:
        raise PictureError(f"{origin}: not a picture; expected one of {', '.join(FORMATS)}") from None
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PictureError(_damaged(origin, error)) from error
    if picture.width * picture.height > MAX_PIXELS:
        raise PictureError(_too_large(origin, f"{picture.width} x {picture.height} pixels"))
    try:
        picture.draft(None, (2 * PREPROCESS.working_side_pixels, 2 * PREPROCESS.working_side_pixels))
        picture.load()
    except Exception as error:  # as above
        raise PictureError(_damaged(origin, error)) from error
    return picture


def find_pictures(path: Path) -> list[Path]:
    """A path that is no folder as it is; for a folder the pictures below it, sorted by path.

    Raises:
        PictureError: The folder holds no picture.
    """
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    if not found:
        raise PictureError(f"{path}: no pictures in this folder; looked for {', '.join(SUFFIXES)}")
    return found


def _read(path: Path, origin: str) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise PictureError(f"{origin}: no such file") from None
    except OSError as error:
        raise PictureError(f"{origin}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:  # a null byte in the path
        raise PictureError(f"{origin}: not a path ({error})") from error


def _too_large(origin: str, found: str) -> str:
    return f"{origin}: {found}; at most {MAX_PIXELS:,} pixels are decoded, scale it down first"


def _damaged(origin: str, error: Exception) -> str:
    return f"{origin}: damaged picture ({error}); save it again"
