"""Handle standard streams that are closed or cannot be written."""

from __future__ import annotations

import errno
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import Final

UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""Errors of writing to standard output, except a pipe whose reader has ended."""


def open_closed_streams() -> None:
    """Open the null device for standard streams that the caller closed.

    Otherwise the first opened file would get a stream's number, and receive its output. Standard output is opened for
    reading only, so that a command whose results are lost reports it.
    """
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # gets the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def escape_unknown_characters() -> None:
    """Let standard output escape the characters that its encoding lacks, as standard error does."""
    if isinstance(sys.stdout, TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def is_of_standard_output(error: OSError) -> bool:
    """Whether an error came from writing to standard output. Errors of files have a file name."""
    return error.filename is None and error.errno in UNWRITABLE


def describe_unwritable(error: OSError) -> str:
    """Write the message for an error of standard output."""
    return f"standard output cannot be written ({error.strerror}); free some space, or redirect it elsewhere"


def drop_standard_output() -> None:
    """Discard buffered output, so that it is not written again at exit."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # stays open until the process ends
