"""Replace parameter names in the library's messages with option names: `unsafe=True` becomes --unsafe.

A message names a parameter in backticks, alone or with a value: `=True`, `=False` or `=5`. The functions of commands
use the library's parameter names, so the running command knows the option of each. Other names in backticks stay
unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

from edge_mnist_runtime.errors import CUT

CUT_HERE: Final = "... (--debug shows all)"
"""The command line's replacement for `CUT`."""

PARAMETER: Final = re.compile(r"`(\w+)(=True|=False|=\d+)?`")
"""A parameter name in a message."""

_options: dict[str, str] = {}
"""Option by parameter name of the running command. Global, because a process runs one command line."""


def learn_options(parameters: Iterable[Any]) -> None:
    """Set the running command for `name_options`, by its typer parameters."""
    _options.clear()
    for parameter in parameters:
        option = next((name for name in parameter.opts if name.startswith("--")), None)
        if option:
            _options[parameter.name] = option


def name_options(message: str) -> str:
    """Replace the parameters in a message with the running command's options."""
    return PARAMETER.sub(_name_option, message).replace(CUT, CUT_HERE)


def name_stored_options(message: str) -> str:
    """The same for a message of another command that was stored in its report: `runs` becomes --runs."""
    return PARAMETER.sub(_name_switch, message)


def _name_option(found: re.Match[str]) -> str:
    """The option for a parameter. `raw=True` of another command is its switch, --raw; other names stay unchanged."""
    return _name_switch(found) if found[1] in _options or found[2] else found[0]


def _name_switch(found: re.Match[str]) -> str:
    option = _options.get(found[1], f"--{found[1].replace('_', '-')}")
    value = (found[2] or "").removeprefix("=")
    if value == "False":
        return option.replace("--", "--no-", 1)
    return f"{option} {value}" if value.isdigit() else option
