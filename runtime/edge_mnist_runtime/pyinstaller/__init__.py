"""PyInstaller hooks of this package.

PyInstaller finds this folder through the entry point group `pyinstaller40`. Its manual describes this under "Providing
PyInstaller hooks with your package".
"""

from __future__ import annotations

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Return the folder with the hooks, as PyInstaller expects."""
    return [str(Path(__file__).parent)]
