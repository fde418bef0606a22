"""What PyInstaller must know to put this package into an application.

It finds this folder through the entry point group `pyinstaller40`: see "Providing PyInstaller hooks with your package"
in its manual.
"""

from __future__ import annotations

from pathlib import Path


def get_hook_dirs() -> list[str]:
    """Where the hooks are."""
    return [str(Path(__file__).parent)]
