"""The option that says how pictures are read, the same for every command that reads some."""

from __future__ import annotations

from typing import Annotated

import typer

PreprocessOption = Annotated[
    str, typer.Option(metavar="MODE", help="How pictures are read: auto, mnist, photo or raw.", show_default=True)
]
