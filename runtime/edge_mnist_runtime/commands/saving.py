"""Write pictures for `--save`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edge_mnist_runtime.commands.picture_arguments import is_path
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.paths import exists

if TYPE_CHECKING:
    from PIL import Image


def check_target(target: Path, *, source: str) -> None:
    """Raise `UsageError` if the target of `--save` is the source picture, or does not end in .png."""
    if target.suffix.lower() != ".png":
        raise UsageError(f"--save {target}: writes a PNG; name a file ending in .png")
    if exists(target) and is_path(source) and exists(source) and target.samefile(source):
        raise UsageError(f"--save {target}: would overwrite the picture itself; name another file")


def save_png(picture: Image.Image, target: Path) -> None:
    """Write a picture as PNG.

    Raises:
        OutputError: The file cannot be written.
    """
    try:
        picture.save(target, "PNG")
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"{target}: cannot be written ({reason}); name another file") from error
