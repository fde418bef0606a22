"""Make bodies that should break a service: damaged pictures, bombs, noise, deep JSON, wrong content types."""

from __future__ import annotations

import json
import random
import struct
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Final

from edge_mnist_runtime.bench.sample_digits import read_samples

Body = tuple[str, bytes]
"""Content type and body."""

SAMPLES: Final = [*read_samples().values()]


def make_bodies(n: int, seed: int = 1) -> Iterator[Body]:
    """Yield `n` hostile bodies of all kinds in turn, the same for the same seed."""
    chance = random.Random(seed)
    for index in range(n):
        yield KINDS[index % len(KINDS)](chance)


def damage(chance: random.Random) -> Body:
    """A picture with changed bytes, cut off or repeated."""
    data = bytearray(chance.choice(SAMPLES))
    for _ in range(chance.randint(1, 20)):
        data[chance.randrange(len(data))] = chance.randrange(256)
    return "image/png", bytes(data[: chance.randint(1, len(data))] if chance.random() < 0.5 else data * 2)


def claim_huge_size(chance: random.Random) -> Body:
    """A PNG file of a few bytes that claims to be huge, or is a bomb of zeros."""
    sides = [chance.choice((0, 1, 28, 5000, 40_000, 2**31 - 1)) for _ in range(2)]
    head = struct.pack(">IIBBBBB", *sides, 8, chance.choice((0, 2, 3, 6)), 0, 0, 0)
    data = zlib.compress(bytes(min(2_000_000, sides[0] * sides[1])))
    return "image/png", b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def make_noise(chance: random.Random) -> Body:
    """Random bytes, as every content type."""
    kinds = ("image/png", "image/jpeg", "text/plain", "application/octet-stream", "application/json", "x/y", "")
    return chance.choice(kinds), chance.randbytes(chance.choice((0, 1, 783, 784, 785, 7840, 50_000)))


def noise_tensors(chance: random.Random) -> Body:
    """Tensors of noise, with dark or bright corners."""
    data = bytearray(chance.randbytes(784) * chance.randint(1, 20))
    if chance.random() < 0.5:
        for start in range(0, len(data), 784):
            for corner in (0, 27, 756, 783):
                data[start + corner] = 0
    return "application/octet-stream", bytes(data)


def break_json(chance: random.Random) -> Body:
    """JSON that is deep, long, of the wrong type, or holds extreme numbers."""
    texts = (
        "[" * chance.randint(1, 100_000),
        '{"pictures":' + "[" * chance.randint(1, 50_000) + "]" * 50_000 + "}",
        '{"pictures":[' + "1," * 100_000 + "1]}",
        json.dumps({"pictures": [[chance.choice((0, 255, 256, -1, 1e308, 0.5, True, None, "0"))] * 784]}),
        '{"pictures":[[' + ",".join(["1" + "0" * 5000] * 784) + "]]}",
        '{"pictures":["data:' + "," * chance.randint(0, 1000) + '"]}',
        json.dumps({"pictures": ["data:,\ud800\x00"] * chance.randint(1, 300)}),
        '{"pictures":[], "pictures":[NaN, Infinity]}',
    )
    return "application/json", chance.choice(texts).encode()


def break_data_url(chance: random.Random) -> Body:
    """A data: URL that is damaged, alone or in JSON."""
    url = "data:image/png;base64," + b64encode(damage(chance)[1]).decode()
    url = url[: chance.randint(5, len(url))] if chance.random() < 0.5 else url.replace("A", chance.choice("%=-_\n "))
    if chance.random() < 0.5:
        return "text/plain; charset=utf-16", url.encode()
    return "application/json", json.dumps({"pictures": [url] * chance.randint(1, 5)}).encode()


def exhaust(chance: random.Random) -> Body:
    """A body that makes parsers create millions of objects; sometimes as long as the service accepts."""
    n_bytes = 7_900_000 if chance.random() < 0.05 else 100_000
    kind, text = chance.choice(
        (
            ("text/plain", b"data:," + b"%41" * (n_bytes // 3)),
            ("text/plain", b"data:;base64," + b"A " * (n_bytes // 2)),
            ("application/json", b'{"pictures":[' + b"1," * (n_bytes // 2) + b"1]}"),
            ("application/json", b"{" + b",".join(b'"k%d":1' % key for key in range(n_bytes // 12)) + b"}"),
            ("application/json", b'{"pictures":[' + (b"[" + b'"x",' * 783 + b'"x"],') * (n_bytes // 3200) + b"1]}"),
            ("application/json", b'{"pictures":[' + b"1" * n_bytes + b"]}"),
        )
    )
    return kind, text


KINDS: Final[tuple[Callable[[random.Random], Body], ...]] = (
    damage,
    claim_huge_size,
    make_noise,
    noise_tensors,
    break_json,
    break_data_url,
    exhaust,
)
