"""`edge-mnist samples`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.errors import OutputError, UsageError


def samples(
    folder: Annotated[Path, typer.Argument(help="Folder to write them into.")] = Path("samples"),
    debug: DebugOption = False,
) -> None:
    """Write ten sample pictures to try `classify` on, each a different kind of picture."""
    from edge_mnist_runtime.bench.sample_digits import read_samples

    pictures = read_samples()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in pictures.items():
            if (folder / name).exists() and (folder / name).read_bytes() != data:
                raise UsageError(f"{folder / name}: exists with other content; name another folder")
        for name, data in pictures.items():
            (folder / name).write_bytes(data)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written ({error.strerror or error}); name another folder") from error
    print(f"{len(pictures)} pictures in {folder}; now: edge-mnist classify {folder}")
