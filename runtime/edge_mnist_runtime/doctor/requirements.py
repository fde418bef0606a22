"""Are the installed packages the ones that this distribution asks for? Read from its own metadata."""

from __future__ import annotations

import platform
import re
from collections.abc import Mapping, Sequence
from importlib import metadata
from typing import Final

DISTRIBUTION: Final = "edge-mnist"

REQUIREMENT: Final = re.compile(r"(?P<name>[\w.-]+)(?:\[[^]]*\])?\s*\(?(?P<limits>[^;)]*)\)?\s*(?:;(?P<marker>.*))?")
LIMIT: Final = re.compile(r"\s*(>=|<=|<|>)\s*([\d.]+)\s*")
EXTRA: Final = re.compile(r"""extra\s*==\s*['"](?P<extra>[\w-]+)['"]""")


def read_requirements(extras: Sequence[str] = ()) -> dict[str, str]:
    """The limits of Python and of every package that a device needs, by name, as `>=1.26,<3`.

    Args:
        extras: Extras whose packages count, too.

    Returns:
        Nothing where the distribution is not installed, but runs from its source tree.
    """
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return {}
    limits = {"python": (found.metadata.get_all("Requires-Python") or [""])[0]}
    for line in found.requires or []:
        requirement = REQUIREMENT.match(line)
        if requirement is None:
            continue
        extra = EXTRA.search(requirement["marker"] or "")
        if extra is None or extra["extra"] in extras:
            limits[requirement["name"]] = requirement["limits"].strip()
    return limits


def find_misfits(requirements: Mapping[str, str]) -> list[str]:
    """Which of the requirements the installed packages do not keep: one phrase each."""
    misfits = []
    for name, limits in requirements.items():
        try:
            version = platform.python_version() if name == "python" else metadata.version(name)
        except metadata.PackageNotFoundError:
            misfits.append(f"{name} is not installed, needed is {limits or 'any version'}")
            continue
        if not satisfies(version, limits):
            misfits.append(f"{name} is {version}, needed is {limits}")
    return misfits


def satisfies(version: str, limits: str) -> bool:
    """Whether a version keeps limits like `>=1.26,<3`; limits of other kinds are not looked at."""
    for operator, limit in LIMIT.findall(limits):
        found, wanted = _numbers(version), _numbers(limit)
        size = max(len(found), len(wanted))
        found, wanted = (numbers + (0,) * (size - len(numbers)) for numbers in (found, wanted))
        if not {">=": found >= wanted, "<=": found <= wanted, "<": found < wanted, ">": found > wanted}[operator]:
            return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    """`2.4.0rc1` as (2, 4, 0)."""
    release = re.match(r"[\d.]*", version)
    return tuple(int(part) for part in (release[0] if release else "").split(".") if part)
