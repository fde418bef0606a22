"""Damage to the bytes of any file, at random but the same for the same generator."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Final

HEAD_BYTES: Final = 300
"""Most decisions are taken in the first bytes of a file: sizes, tables, EXIF. Half of all damage is done there."""

EXTREMES: Final = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""What is written into fields: sizes and offsets are compared with, added to and multiplied by something."""

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"


def damage(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """A file with one to three kinds of damage.

    Args:
        data: The file.
        others: Files of whose parts some are spliced in.
        rng: Decides everything.
    """
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if len(damaged) > 1:
            rng.choice(KINDS)(damaged, others, rng)
    if damaged.startswith(PNG_MAGIC) and rng.random() < 0.7:
        mend_checksums(damaged)
    return bytes(damaged)


def flip_bits(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """One to sixteen bits."""
    for _ in range(rng.choice((1, 2, 4, 16))):
        data[_place(data, rng)] ^= 1 << rng.randrange(8)


def overwrite_run(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Up to 64 bytes in a row, by zeros, ones or noise."""
    start, length = _place(data, rng), rng.randint(1, 64)
    length = min(length, len(data) - start)
    data[start : start + length] = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))


def truncate(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """The end is missing."""
    del data[_place(data, rng) :]


def splice(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """The beginning of this file, the end of another."""
    other = rng.choice(others)
    data[_place(data, rng) :] = other[rng.randrange(len(other)) :]


def change_field(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Two or four bytes, of either order, become an extreme number."""
    size, order = rng.choice(("H", "I")), rng.choice("<>")
    packed = struct.pack(order + size, rng.choice(EXTREMES) & (0xFFFF if size == "H" else 0xFFFFFFFF))
    start = _place(data, rng)
    data[start : start + len(packed)] = packed


def repeat_chunk(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """A part of the file stands there again, at once or elsewhere, up to thirty times."""
    start = _place(data, rng)
    chunk = bytes(data[start : start + rng.choice((4, 40, 400))])
    place = rng.choice((start, _place(data, rng)))
    data[place:place] = chunk * rng.choice((1, 1, 2, 30))


KINDS: Final[tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...]] = (
    flip_bits, overwrite_run, truncate, splice, change_field, repeat_chunk,
)  # fmt: skip


def mend_checksums(png: bytearray) -> None:
    """Make the checksums of a PNG right again, as far as its chunks go: damage then gets past the first check."""
    at = len(PNG_MAGIC)
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            return
        png[end : end + 4] = struct.pack(">I", zlib.crc32(png[at + 4 : end]))
        at = end + 4


def _place(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(min(HEAD_BYTES, len(data)) if rng.random() < 0.5 else len(data))
