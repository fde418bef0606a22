"""Which versions made an artefact: what manifests, runs and reports record."""

from __future__ import annotations

import platform


def installed_versions(*distributions: str) -> dict[str, str]:
    """Versions of Python and of those of `distributions` that are installed, by name."""
    from importlib import metadata  # a classifier's cold start asks for no versions, and this takes 8 ms

    versions = {"python": platform.python_version()}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
