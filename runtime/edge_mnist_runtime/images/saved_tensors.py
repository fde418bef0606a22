"""Tensors that were saved as PNG files, as folders of MNIST's digits are, read without Pillow's search for a picture.

Half of the time that Pillow takes for so small a file goes into finding out what it is. A file that consists of the
header below, one block of data and the end is plain at a glance; its data goes to Pillow's decoder at once. Any other
file takes the long way, through `open_picture`, and so does one whose data is damaged: that way says what is wrong.
"""

from __future__ import annotations

import os
import stat
from typing import Final

from PIL import Image

START: Final = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x1c\0\0\0\x1c\x08\0\0\0\0\x57\x66\x80\x48"
"""Signature and header, with its checksum, of 28 x 28 pixels, 8-bit grey, not interlaced (PNG, 5.2 and 11.2.1)."""

END: Final = b"\0\0\0\0IEND\xaeB`\x82"
"""The last block of every PNG file (section 11.2.4)."""

DATA_AT: Final = len(START) + 8
"""Where the data of the block after the header begins, behind its length and kind."""

AFTER_DATA: Final = 4 + len(END)
"""Bytes behind that data: its checksum, which Pillow does not look at either, and the end."""

MOST_BYTES: Final = 4096
"""What is read of a file at a glance: 784 pixels take hardly more than 900, however badly they are packed."""

READ_ONLY: Final = os.O_RDONLY | getattr(os, "O_BINARY", 0)
"""How Python's `open` opens a file's bytes; O_BINARY is Windows'."""


def decode_saved_tensor(file: bytes) -> bytes | None:
    """The 784 grey levels of a PNG file that is nothing but a tensor; None of any other file, and of a damaged one."""
    data_bytes = len(file) - DATA_AT - AFTER_DATA
    if not (file.startswith(START) and file.endswith(END) and file[33:41] == data_bytes.to_bytes(4, "big") + b"IDAT"):
        return None
    try:
        return Image.frombytes("L", (28, 28), file[DATA_AT:-AFTER_DATA], "zip", "L").tobytes()
    except Exception:  # noqa: BLE001  # whatever Pillow raises, the long way raises it again, and says of what
        return None


def read_saved_tensor(path: str) -> tuple[bytes | None, str | bytes]:
    """As `decode_saved_tensor`, of a file; and what its picture is to be decoded from, as often as need be.

    That is the path again, but of a pipe, which cannot be read twice, what came through it. Nothing is raised: whoever
    opens the path meets what is wrong with it, and says what it is.
    """
    try:
        # Python's `open` takes half as long again, which is a twentieth of what such a file costs.
        descriptor = os.open(path, READ_ONLY)
        try:
            start = os.read(descriptor, MOST_BYTES)
            tensor = decode_saved_tensor(start)
            if tensor is None and not stat.S_ISREG(os.fstat(descriptor).st_mode):
                with open(descriptor, "rb", closefd=False) as pipe:
                    return None, start + pipe.read()
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a null byte in the path
        return None, path
    return tensor, path
