"""The option that says how pictures are read: `--mode` in every command that reads some.

`--preprocess`, after the parameter of `DigitClassifier`, is the same option.
"""

from __future__ import annotations

from typing import Annotated, Final

import typer

HELP: Final = "How pictures are read: auto, mnist, photo or raw."

ModeOption = Annotated[str, typer.Option("--mode", "--preprocess", metavar="MODE", help=HELP, show_default=True)]

ModeBesideRawOption = Annotated[
    str | None,
    typer.Option("--mode", "--preprocess", metavar="MODE", help=HELP, show_default="auto, with --raw raw"),
]
"""None where it is not given: `classify --raw` takes no other mode."""
