"""Compare installed packages with the requirements in this distribution's metadata."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from edge_mnist_runtime.machine.versions import DISTRIBUTION


def read_requirements(extras: Sequence[str] = ()) -> dict[str, SpecifierSet]:
    """Read the required versions of Python and of every package, by name.

    Args:
        extras: Extras to include.

    Returns:
        Specifiers such as `>=1.26,<3`. Empty if the distribution is not installed but runs from its source tree.
    """
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return {}
    specifiers = {"python": SpecifierSet((found.metadata.get_all("Requires-Python") or [""])[0])}
    for requirement in map(Requirement, found.requires or []):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            specifiers[requirement.name] = requirement.specifier
    return specifiers


def find_unmet(requirements: Mapping[str, SpecifierSet]) -> list[str]:
    """Describe each requirement that the installed packages do not meet, in one phrase."""
    unmet = []
    for name, specifier in requirements.items():
        try:
            version = platform.python_version() if name == "python" else metadata.version(name)
        except metadata.PackageNotFoundError:
            unmet.append(f"{name} is not installed; {specifier or 'any version'} is needed")
            continue
        if not specifier.contains(version, prereleases=True):
            unmet.append(f"{name} is {version}; {specifier} is needed")
    return unmet
