"""Standard output and standard error as they may be: full, closed, or nobody's."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Final

UNWRITABLE: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
"""What writing to standard output fails with, but for a pipe whose reader left."""


def open_closed_streams() -> None:
    """Put something in place of standard streams that the caller closed, which the first file opened would take over.

    Standard output stays unwritable, so that a command whose results are lost says so.
    """
    for descriptor, mode in ((0, os.O_RDONLY), (1, os.O_RDONLY), (2, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free: this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def is_of_standard_output(error: OSError) -> bool:
    """Whether an error came from writing results; files have names."""
    return error.filename is None and error.errno in UNWRITABLE


def describe_unwritable(error: OSError) -> str:
    """What to say of it."""
    return f"standard output cannot be written ({error.strerror}); free space, or send it elsewhere"


def drop_standard_output() -> None:
    """Let nothing that waits to be written be tried again."""
    sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115  # stays open until the process ends
