"""The `--debug` option, the same for every command."""

from __future__ import annotations

from typing import Annotated

import typer

enabled = False
"""Whether this process runs with --debug."""


def _enable(on: bool) -> bool:
    global enabled  # noqa: PLW0603  # one process, one command line
    enabled = enabled or on
    return on


DebugOption = Annotated[
    bool, typer.Option("--debug", callback=_enable, help="Show tracebacks and the output of the underlying tools.")
]
