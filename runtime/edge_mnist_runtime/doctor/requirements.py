"""Are the installed packages the ones that this distribution asks for? Read from its own metadata."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from edge_mnist_runtime.machine.versions import DISTRIBUTION


def read_requirements(extras: Sequence[str] = ()) -> dict[str, SpecifierSet]:
    """The versions of Python and of every package that a device needs, by name, as `>=1.26,<3`.

    Args:
        extras: Extras whose packages count, too.

    Returns:
        Nothing if the distribution is not installed, but runs from its source tree.
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


def find_misfits(requirements: Mapping[str, SpecifierSet]) -> list[str]:
    """Which of the requirements the installed packages do not meet: one phrase each."""
    misfits = []
    for name, specifier in requirements.items():
        try:
            version = platform.python_version() if name == "python" else metadata.version(name)
        except metadata.PackageNotFoundError:
            misfits.append(f"{name} is not installed, needed is {specifier or 'any version'}")
            continue
        if not specifier.contains(version, prereleases=True):
            misfits.append(f"{name} is {version}, needed is {specifier}")
    return misfits
