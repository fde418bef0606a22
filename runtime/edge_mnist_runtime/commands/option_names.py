"""Messages of the library, as the command line says them: `unsafe=True` becomes --unsafe.

A message names a parameter of the library in backticks, alone or with `=True`. A command's parameters bear the names
that the library's have, so the command that runs knows the option of each. Every other name stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from edge_mnist_runtime.errors import CUT

CUT_HERE: Final = "... (--debug shows all)"
"""What the command line says in place of `CUT`."""

PARAMETER: Final = re.compile(r"`(\w+)(?:=True)?`")
"""How a message names one."""

_options: dict[str, str] = {}
"""The option of each parameter of the command that runs: one process, one command line."""


def learn_options(parameters: Iterable[Any]) -> None:
    """Have `name_options` speak of the command with these parameters (typer's)."""
    _options.clear()
    for parameter in parameters:
        option = next((name for name in parameter.opts if name.startswith("--")), None)
        if option:
            _options[parameter.name] = option


def name_options(message: str) -> str:
    """A message of the library, with the running command's options in place of parameters."""
    named = PARAMETER.sub(lambda found: _options.get(found[1], found[0]), message)
    return named.replace(CUT, CUT_HERE)
