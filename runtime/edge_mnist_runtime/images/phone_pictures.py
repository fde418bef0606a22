"""HEIC and AVIF, as phones save pictures: found out by their content, and read where something here can.

Both are ISO base media files (ISO/IEC 14496-12): after four bytes of length stands `ftyp`, then a brand of four bytes.
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
"""How such files are named."""


def kind_of(source: str | Path | bytes) -> Kind | None:
    """Which of both a picture file is, by its first bytes; None of any other file."""
    if isinstance(source, bytes):
        start = source[:12]
    else:
        with open(source, "rb") as file:  # noqa: PTH123  # a path or a text
            start = file.read(12)
    return BRANDS.get(start[8:12]) if start[4:8] == b"ftyp" else None


def why_unread(kind: Kind) -> str | None:
    """Why pictures of a kind cannot be read here, and what to do; None where they can."""
    if kind == "HEIC":
        return None if find_spec("pillow_heif") else str(MissingExtraError("heic", "Reading HEIC pictures"))
    from PIL import features

    return None if features.check("avif") else "this Pillow reads no AVIF; install Pillow 11.3 or newer"


def open_phone_picture(source: str | Path | bytes, kind: Kind, *, origin: str) -> ImageFile.ImageFile:
    """Open a picture of a kind, not yet decoded.

    Raises:
        PictureError: Nothing here reads such pictures.
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
