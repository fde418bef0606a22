"""Make the error message for a damaged picture file."""

from __future__ import annotations

from edge_mnist_runtime.errors import first_line


def describe_damage(origin: str, error: Exception) -> str:
    """The message for a picture whose decoder failed."""
    return f"{origin}: damaged picture ({first_line(error)}); save it again"
