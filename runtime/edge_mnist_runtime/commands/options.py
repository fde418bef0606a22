"""The option that names a model, the same for every command that reads pictures with one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", help="A bundle, an .onnx or .tflite file, or robust, edge, nano.", show_default="robust"
    ),
]
