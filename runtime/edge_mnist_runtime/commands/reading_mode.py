"""The option that says how pictures are read, the same for every command that reads some."""

from __future__ import annotations

from typing import Annotated, Final

import typer

HELP: Final = "How pictures are read: auto, mnist, photo or raw."

PreprocessOption = Annotated[
    str | None, typer.Option("--preprocess", metavar="MODE", help=HELP, show_default="auto, with --raw raw")
]
"""None where it is not given: `classify --raw` takes no other mode."""

ModeOption = Annotated[str, typer.Option("--mode", "--preprocess", metavar="MODE", help=HELP, show_default=True)]
"""The same where the command is called `preprocess` already."""
