"""Check for optional dependencies before work begins."""

from __future__ import annotations

from importlib.util import find_spec

from edge_mnist_runtime.errors import MissingExtraError


def require_extra(extra: str, purpose: str, *modules: str) -> None:
    """Raise `MissingExtraError` unless every top-level module of `modules` can be imported.

    Args:
        extra: Name of the extra that installs them.
        purpose: What needs them; the subject of the message.
        modules: Names as in `import`.
    """
    if any(find_spec(module) is None for module in modules):
        raise MissingExtraError(extra, purpose)
