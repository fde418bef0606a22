"""Picture arguments of the command line: a path, `-` for standard input, or a data: URL."""

from __future__ import annotations

import io
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.images.data_url import decode_data_url, is_data_url, shorten
from edge_mnist_runtime.paths import explain, require_named

if TYPE_CHECKING:
    from edge_mnist_runtime.inputs import Picture

STANDARD_INPUT: Final = "-"
ORIGIN: Final = "standard input"


class NamedPicture(NamedTuple):
    """A picture with its name."""

    name: str
    """Its name in results."""
    picture: Picture
    """The input for the classifier."""


def take_picture(argument: str) -> NamedPicture:
    """Return the picture that an argument names.

    Raises:
        PictureError: Standard input cannot be read, or holds a damaged data: URL.
        UsageError: The argument is empty.
    """
    require_named(argument)
    if argument == STANDARD_INPUT:
        file = io.BytesIO(_read_standard_input())
        file.name = ORIGIN
        return NamedPicture(STANDARD_INPUT, file)
    if is_data_url(argument):
        return NamedPicture(shorten(argument), argument)
    path = argument if "://" in argument else str(Path(argument))  # Path would merge the two slashes of a URL
    return NamedPicture(path, path)


def is_path(argument: str) -> bool:
    """Whether an argument names a file or a folder; raises `UsageError` if it is empty."""
    require_named(argument)
    return argument != STANDARD_INPUT and not is_data_url(argument) and "://" not in argument


@lru_cache(maxsize=1)
def _read_standard_input() -> bytes:
    """Read standard input once and keep it: the bytes of a picture file, or the text of a data: URL."""
    if sys.stdin is None:
        raise PictureError(f"{ORIGIN}: closed; pipe a picture into it")
    try:
        data = sys.stdin.buffer.read()
    except OSError as error:
        raise PictureError(f"{ORIGIN}: cannot be read ({explain(error)}); pipe a picture into it") from error
    if is_data_url(data[:5].decode("latin-1")):
        return decode_data_url(data.decode("latin-1").strip())
    return data
