"""Look up installed versions for manifests and reports, and where this package was installed from."""

from __future__ import annotations

import json
import platform
from pathlib import Path

DISTRIBUTION = "edge-mnist"
"""The name of this distribution for pip."""


def installed_versions(*distributions: str) -> dict[str, str]:
    """Versions of Python and of the installed ones among `distributions`, by name."""
    from importlib import metadata  # takes 8 ms, and a classifier's cold start does not need it

    versions = {"python": platform.python_version()}
    for name in distributions:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions


def installed_from() -> str | None:
    """Where this package was installed from, as pip recorded it (PEP 610); None for a package index."""
    from importlib import metadata  # as above

    try:
        return metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None


def requirement_with(extra: str, origin: str | None) -> str:
    """The requirement that pip needs to add an extra to this package.

    It names the clone or wheel that this package was installed from, if that still exists. Otherwise it names the
    distribution.

    Args:
        extra: The extra.
        origin: The result of `installed_from`.
    """
    from urllib.parse import unquote, urlsplit  # not needed by a cold start

    if origin:
        url = urlsplit(str(json.loads(origin).get("url", "")))
        path = Path(unquote(url.path))
        if url.scheme == "file" and path.exists():
            return f"{path}[{extra}]"
    return f"{DISTRIBUTION}[{extra}]"
