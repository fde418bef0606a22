"""The option that says what runs a model, the same for every command that runs one."""

from __future__ import annotations

from typing import Annotated

import typer

BackendOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="What runs a bundle: onnxruntime, litert, or auto, the fastest here.",
        show_default="onnxruntime; a lone file's suffix decides",
    ),
]

OnlyBackendOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only what this runs: onnxruntime or litert.", show_default="all"),
]
