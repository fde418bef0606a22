"""What is installed: the versions that manifests, runs and reports record, and where this package is from."""

from __future__ import annotations

import json
import platform
from pathlib import Path

DISTRIBUTION = "edge-mnist"
"""This distribution, as pip names it."""


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


def installed_from() -> str | None:
    """What pip noted about the place that this package was installed from (PEP 610); None for an index."""
    from importlib import metadata  # as above

    try:
        return metadata.distribution(DISTRIBUTION).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return None


def requirement_with(extra: str, origin: str | None) -> str:
    """What pip is to install for an extra: this package from where it came, as `installed_from` gives it.

    A clone, or a wheel that was handed over, is in no index. Where it is gone, the name is all there is.
    """
    from urllib.parse import unquote, urlsplit  # no part of a cold start

    if origin:
        url = urlsplit(str(json.loads(origin).get("url", "")))
        path = Path(unquote(url.path))
        if url.scheme == "file" and path.exists():
            return f"{path}[{extra}]"
    return f"{DISTRIBUTION}[{extra}]"
