"""Damage the bytes of a file at random, reproducibly."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable, Sequence
from typing import Final

HEAD_BYTES: Final = 300
"""Half of all damage is in these first bytes, because they hold sizes, tables and EXIF."""

EXTREMES: Final = (0, 1, 0x7F, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Numbers to write into fields. As sizes or offsets they overflow comparisons, sums and products."""

PNG_MAGIC: Final = b"\x89PNG\r\n\x1a\n"


def damage(data: bytes, others: Sequence[bytes], rng: random.Random) -> bytes:
    """Damage a file in one to three ways.

    Args:
        data: The file.
        others: Files from which parts are spliced in.
        rng: Decides every kind and position.
    """
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        if len(damaged) > 1:
            rng.choice(KINDS)(damaged, others, rng)
    if damaged.startswith(PNG_MAGIC) and rng.random() < 0.7:
        repair_checksums(damaged)
    return bytes(damaged)


def flip_bits(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Flip one to sixteen bits."""
    for _ in range(rng.choice((1, 2, 4, 16))):
        data[_choose_offset(data, rng)] ^= 1 << rng.randrange(8)


def overwrite_run(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Overwrite up to 64 consecutive bytes with zeros, ones or noise."""
    start, length = _choose_offset(data, rng), rng.randint(1, 64)
    length = min(length, len(data) - start)
    data[start : start + length] = rng.choice((bytes(length), b"\xff" * length, rng.randbytes(length)))


def truncate(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Cut off the end."""
    del data[_choose_offset(data, rng) :]


def splice(data: bytearray, others: Sequence[bytes], rng: random.Random) -> None:
    """Replace the end by the end of another file."""
    other = rng.choice(others)
    data[_choose_offset(data, rng) :] = other[rng.randrange(len(other)) :]


def change_field(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Write an extreme number over two or four bytes, in either byte order."""
    size, order = rng.choice(("H", "I")), rng.choice("<>")
    packed = struct.pack(order + size, rng.choice(EXTREMES) & (0xFFFF if size == "H" else 0xFFFFFFFF))
    start = _choose_offset(data, rng)
    data[start : start + len(packed)] = packed


def repeat_chunk(data: bytearray, _others: Sequence[bytes], rng: random.Random) -> None:
    """Repeat a part of the file up to thirty times, in place or elsewhere."""
    start = _choose_offset(data, rng)
    chunk = bytes(data[start : start + rng.choice((4, 40, 400))])
    target = rng.choice((start, _choose_offset(data, rng)))
    data[target:target] = chunk * rng.choice((1, 1, 2, 30))


KINDS: Final[tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...]] = (
    flip_bits, overwrite_run, truncate, splice, change_field, repeat_chunk,
)  # fmt: skip


def repair_checksums(png: bytearray) -> None:
    """Correct the checksums of a PNG's chunks, so that the decoder reads the damage behind them."""
    at = len(PNG_MAGIC)
    while at + 12 <= len(png):
        end = at + 8 + int.from_bytes(png[at : at + 4], "big")
        if end + 4 > len(png):
            return
        png[end : end + 4] = struct.pack(">I", zlib.crc32(png[at + 4 : end]))
        at = end + 4


def _choose_offset(data: bytearray, rng: random.Random) -> int:
    return rng.randrange(min(HEAD_BYTES, len(data)) if rng.random() < 0.5 else len(data))
