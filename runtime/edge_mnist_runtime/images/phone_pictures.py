"""Open HEIC and AVIF, the formats of phones, if the installed packages can.

Both are ISO base media files (ISO/IEC 14496-12): four bytes of length, then `ftyp`, then a brand of four bytes.
"""

from __future__ import annotations

import io
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from edge_mnist_runtime.errors import MissingExtraError, PictureError

if TYPE_CHECKING:
    from PIL import ImageFile

Kind = Literal["HEIC", "AVIF"]

BRANDS: Final[dict[bytes, Kind]] = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
}

SUFFIXES: Final[dict[str, Kind]] = {".heic": "HEIC", ".heif": "HEIC", ".avif": "AVIF"}
"""Suffixes of such files."""


def kind_of(source: str | Path | bytes) -> Kind | None:
    """Tell HEIC and AVIF by the first bytes of a file; None for any other file."""
    if isinstance(source, bytes):
        start = source[:12]
    else:
        with open(source, "rb") as file:  # noqa: PTH123  # a Path or a string
            start = file.read(12)
    return BRANDS.get(start[8:12]) if start[4:8] == b"ftyp" else None


def why_unread(kind: Kind) -> str | None:
    """Say why pictures of this kind cannot be read here, and what to do; None if they can."""
    if kind == "HEIC":
        return None if find_spec("pillow_heif") else str(MissingExtraError("heic", "Reading HEIC pictures"))
    from PIL import features

    return None if features.check("avif") else "this Pillow cannot read AVIF; install Pillow 11.3 or newer"


def open_phone_picture(source: str | Path | bytes, kind: Kind, *, origin: str) -> ImageFile.ImageFile:
    """Open a HEIC or AVIF picture without decoding it.

    Raises:
        PictureError: No installed package reads such pictures.
    """
    if reason := why_unread(kind):
        raise PictureError(f"{origin}: a picture of kind {kind}. {reason}")
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    if kind == "HEIC":
        from pillow_heif import HeifImageFile

        picture: ImageFile.ImageFile = HeifImageFile(file)
        return picture
    from PIL import Image

    return Image.open(file, formats=("AVIF",))
