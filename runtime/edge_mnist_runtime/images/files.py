"""Open and decode one picture, from a file or from bytes, with limits for hostile input."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import BinaryIO, Final

from PIL import Image, ImageFile, UnidentifiedImageError

from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.images.colours import FULL_SIZE
from edge_mnist_runtime.images.damage import describe_damage
from edge_mnist_runtime.images.parameters import DECODING
from edge_mnist_runtime.images.phone_pictures import kind_of, open_phone_picture
from edge_mnist_runtime.paths import describe_missing, describe_unreadable

FORMATS: Final = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Pillow's decoders that may be used. Others never see the input; PostScript's, for example, starts a program."""

MAX_PIXELS: Final = 40_000_000
"""Larger pictures are refused before decoding. Pillow needs up to 4 bytes a pixel, so at most 160 MB."""

DIGIT_PIXELS: Final = DECODING.digit_pixels
"""JPEGs are decoded at the smallest scale, of 1, 1/2, 1/4 and 1/8, that keeps both sides at least this long..."""

DETAIL_PIXELS: Final = DECODING.detail_pixels
"""...and this long, where each digit of several is looked at nearer."""

READ_BYTES: Final = 1 << 20
"""Block size for Pillow's file reading. Its default of 64 kB restarts the decoder for each block, which costs 4 %."""

MOST_SCANS: Final = 50
"""JPEGs with more scans are refused. Encoders write at most a dozen, and each scan is decoded over all pixels: a file
of 270 kB with 1,000 scans takes a minute."""

JPEG_MARKER: Final = re.compile(rb"\xff[^\x00\xff\xd0-\xd7]")
"""A marker that ends a scan: any except restarts. In a scan's data 0xFF is followed by 0."""


def open_picture(source: str | Path | bytes, *, origin: str, least_side_pixels: int = DIGIT_PIXELS) -> Image.Image:
    """Open and fully decode one picture.

    Args:
        source: A path, or the bytes of a picture file.
        origin: The picture's name for error messages.
        least_side_pixels: A large JPEG is decoded at a reduced scale that keeps both sides at least this long.

    Returns:
        The decoded picture; a large JPEG at a reduced scale.

    Raises:
        PictureError: The picture is missing, unreadable, empty, truncated or no picture, or has more than
            `MAX_PIXELS` pixels.
    """
    try:
        # From a path Pillow loads only the decoder of its suffix, which saves 6 ms of a cold start.
        picture = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
    except UnidentifiedImageError:
        picture = _open_other(source, origin)
    except Exception as error:  # decoders raise OSError, SyntaxError, ValueError, struct.error, ...
        raise PictureError(_explain(origin, error)) from error
    with picture:
        full_size = picture.size
        picture.draft(None, (least_side_pixels, least_side_pixels))
        if picture.size != full_size:
            picture.info[FULL_SIZE] = full_size
        if picture.width * picture.height > MAX_PIXELS:
            raise PictureError(_too_large(origin, f"{picture.width} x {picture.height} pixels"))
        if picture.format in ("JPEG", "MPO") and not _is_one_scan(picture) and _has_too_many_scans(picture):
            raise PictureError(f"{origin}: more than {MOST_SCANS} scans; save it again")
        picture.decodermaxblock = READ_BYTES
        try:
            picture.load()
        except Exception as error:  # as above
            raise PictureError(describe_damage(origin, error)) from error
    return picture


def _open_other(source: str | Path | bytes, origin: str) -> ImageFile.ImageFile:
    """Open HEIC or AVIF, which Pillow does not always support; refuse anything else."""
    try:
        if kind := kind_of(source):
            return open_phone_picture(source, kind, origin=origin)
        size_bytes = len(source) if isinstance(source, bytes) else Path(source).stat().st_size
    except PictureError:
        raise
    except Exception as error:  # as in `open_picture`
        raise PictureError(_explain(origin, error)) from error
    expected = f"expected one of {', '.join(FORMATS)}, HEIC or AVIF"
    if not size_bytes:
        raise PictureError(f"{origin}: empty (0 bytes); {expected}")
    raise PictureError(f"{origin}: not a picture; {expected}; convert other formats first")


def _is_one_scan(jpeg: Image.Image) -> bool:
    """Whether the first scan is sequential and has all components: decoders then read no other scan (T.81, annex A.2).

    Most JPEGs are like that. Counting scans in all their bytes would take 5 % of the time of decoding.
    """
    if jpeg.format != "JPEG" or jpeg.info.get("progressive"):
        return False
    file: BinaryIO = jpeg.fp  # type: ignore[attr-defined]  # of what Image.open gives
    place = file.tell()  # Pillow stops reading after the header of the first scan
    n_components = int(getattr(jpeg, "layers", 0))
    head_bytes = 6 + 2 * n_components
    file.seek(max(0, place - head_bytes))
    found = file.read(3)
    file.seek(place)
    return found == head_bytes.to_bytes(2, "big") + n_components.to_bytes(1, "big")


def _has_too_many_scans(jpeg: Image.Image) -> bool:
    file = jpeg.fp  # type: ignore[attr-defined]  # of what Image.open gives
    place = file.tell()
    file.seek(0)
    data = file.read()
    file.seek(place)
    return data.count(b"\xff\xda") > MOST_SCANS and _count_scans(data) > MOST_SCANS


def _count_scans(jpeg: bytes) -> int:
    """Count scans up to the end of the picture (T.81, annex B). Other bytes may follow, such as a phone's video."""
    scans, at = 0, 2
    while marker := JPEG_MARKER.search(jpeg, at):
        kind = jpeg[marker.start() + 1]
        if kind == 0xD9:
            break
        scans += kind == 0xDA
        at = marker.end() + int.from_bytes(jpeg[marker.end() : marker.end() + 2], "big")
    return scans


def _explain(origin: str, error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return describe_missing(origin, "file", is_picture=True)
    if isinstance(error, PermissionError):
        return describe_unreadable(origin)
    if isinstance(error, IsADirectoryError):
        return f"{origin}: is a folder; expected a picture file"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return _too_large(origin, "far too many pixels for a picture of a digit")
    if isinstance(error, OSError) and error.errno is not None:
        return f"{origin}: cannot be read ({error.strerror})"
    has_nul = "\0" in origin
    return f"{origin!r}: a file name cannot contain NUL" if has_nul else describe_damage(origin, error)


def _too_large(origin: str, found: str) -> str:
    return f"{origin}: {found}; the limit is {MAX_PIXELS:,} pixels, scale it down first"
