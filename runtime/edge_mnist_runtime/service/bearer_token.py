"""Read the bearer token that clients must send (RFC 6750)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from edge_mnist_runtime.bundles.signature import read_key_file
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import require_private

TOKEN: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""The characters of a bearer token (RFC 6750, 2.1)."""

MIN_CHARACTERS: Final = 16
"""Shorter tokens can be guessed."""

MAKE_ONE: Final = "make one: openssl rand -hex 32"


def read_token(path: Path) -> str:
    """Read the token from a file that holds nothing else.

    Raises:
        UsageError: The file cannot be read, other users may read it, or it holds no token that is long enough.
    """
    data = read_key_file(path, what="token file", expected="a token")
    require_private(path, "this token")
    text = data.decode("ascii", "replace").strip()
    if not TOKEN.fullmatch(text):
        raise UsageError(f"{path}: holds no token: letters, digits and -._~+/ in one line; {MAKE_ONE}")
    if len(text) < MIN_CHARACTERS:
        raise UsageError(f"{path}: a token of {len(text)} characters, of at least {MIN_CHARACTERS}; {MAKE_ONE}")
    return text
