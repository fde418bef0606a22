"""C files that turn a drawing into the 784 pixels that a digit model reads, as the runtime package's mode `mnist` does.

They are the same for every model, and stand beside its C files.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Final

DRAWING_SOURCE: Final = "edge_mnist_drawing.c"
DRAWING_HEADER: Final = "edge_mnist_drawing.h"


def read_drawing_files() -> dict[str, bytes]:
    """Contents of the source and the header, by file name."""
    folder = files("edge_mnist_exporter.program.drawing")
    return {name: (folder / name).read_bytes() for name in (DRAWING_SOURCE, DRAWING_HEADER)}


def write_drawing_files(folder: Path) -> None:
    """Write the source and the header into a folder."""
    for name, content in read_drawing_files().items():
        (folder / name).write_bytes(content)
