"""Decompression bombs: check that huge pictures are refused before decoding, quickly and in little memory."""

from __future__ import annotations

import io
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path
from typing import Final

from PIL import Image

from benchmarks.reliability.damage import PNG_MAGIC, repair_checksums
from benchmarks.reliability.outcome import CheckReport, peak_mb
from edge_mnist_runtime.bench.sample_digits import read_samples

MAX_GROWTH_MB: Final = 50.0
"""Allowed memory growth. The smallest of these pictures would take 300 MB."""


def make_bombs() -> dict[str, bytes]:
    """Make files whose headers name far more pixels than allowed. Some really contain them."""
    small = Image.new("L", (64, 64), 255)
    png, jpeg, bmp, gif, tiff = (_encode(small, form) for form in ("PNG", "JPEG", "BMP", "GIF", "TIFF"))
    frame = jpeg.index(b"\xff\xc0") + 5
    return {
        "PNG of 30,000 x 30,000 zeros": png_of_zeros(30_000, 30_000),
        "PNG of 9,000 x 8,900 zeros": png_of_zeros(9000, 8900),
        "PNG header, 2**31 - 1 square": _png_header(png, 2**31 - 1, 2**31 - 1),
        "PNG header, one row": _png_header(png, 2**31 - 1, 1),
        "PNG with a comment of 200 MB": _png_comment(png),
        "JPEG header, 65,535 square": jpeg[:frame] + b"\xff\xff\xff\xff" + jpeg[frame + 4 :],
        "JPEG of 5,000 square and 2,000 scans": _jpeg_of_many_scans(5000, 2000),
        "BMP header, 100,000 square": bmp[:18] + struct.pack("<ii", 100_000, 100_000) + bmp[26:],
        "BMP header, negative height": bmp[:18] + struct.pack("<ii", 100_000, -100_000) + bmp[26:],
        "GIF screen, 65,535 square": gif[:6] + b"\xff\xff\xff\xff" + gif[10:],
        "TIFF header, 65,535 square": _tiff_sizes(tiff, 65_535),
        "TIFF of 18,000 square": _encode(Image.new("1", (18_000, 18_000)), "TIFF", compression="group4"),
        "WebP of 16,383 square, lossless header": _webp_header(),
        "PGM header, 10**9 square": b"P5 1000000000 1000000000 255\n" + bytes(100),
        "PPM header, a number of 10,000 digits": b"P6 " + b"9" * 10_000 + b" 1 255\n",
    }


def png_of_zeros(width: int, height: int) -> bytes:
    """Write a valid one-bit PNG without holding its pixels in memory."""
    rows = bytes((1 + (width + 7) // 8) * 100)
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(rows) for _ in range(height // 100)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return PNG_MAGIC + _chunk(b"IHDR", header) + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def check_bombs(copies: int) -> CheckReport:
    """Classify every bomb, `copies` times, in a new process, and measure its memory."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for number, data in enumerate(make_bombs().values()):
            Path(folder, str(number)).write_bytes(data)
        command = [sys.executable, "-m", "benchmarks.reliability.bombs", folder, str(copies)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    what = "far too large pictures"
    if done.returncode:
        return CheckReport(what, 0, done.stderr[-500:], False, seconds, float("nan"))
    refused, count, growth, slowest, peak = map(float, done.stdout.split())
    return CheckReport(
        what,
        int(count),
        f"{refused:,.0f} PictureError; memory grows by {growth:.1f} MB; slowest {slowest:.2f} s",
        refused == count and growth <= MAX_GROWTH_MB and slowest <= 5,
        seconds,
        peak,
    )


def main() -> None:
    """Print refused pictures, all pictures, memory growth in MB, slowest time in s, peak memory in MB."""
    from edge_mnist_runtime import DigitClassifier, PictureError

    bombs, copies = sorted(Path(sys.argv[1]).iterdir()), int(sys.argv[2])
    classifier = DigitClassifier()
    classifier.predict(next(iter(read_samples().values())))  # so that imports and first allocations do not count
    before, refused, slowest = peak_mb(), 0, 0.0
    for path in bombs * copies:
        started = time.process_time()
        try:
            classifier.predict(path)
        except PictureError:
            refused += 1
        slowest = max(slowest, time.process_time() - started)
    print(refused, len(bombs) * copies, peak_mb() - before, slowest, peak_mb())


def _encode(picture: Image.Image, form: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, form, **options)
    return file.getvalue()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png_header(png: bytes, width: int, height: int) -> bytes:
    changed = bytearray(png)
    changed[16:24] = struct.pack(">II", width, height)
    repair_checksums(changed)
    return bytes(changed)


def _png_comment(png: bytes) -> bytes:
    packer = zlib.compressobj(9)
    comment = b"".join(packer.compress(bytes(10**6)) for _ in range(200)) + packer.flush()
    return png[:33] + _chunk(b"zTXt", b"Comment\0\0" + comment) + png[33:]


def _jpeg_of_many_scans(side: int, scans: int) -> bytes:
    """Make a progressive JPEG that repeats its last scan. Each scan costs a pass over all pixels."""
    jpeg = _encode(Image.new("L", (side, side), 255), "JPEG", progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * scans + jpeg[-2:]


def _tiff_sizes(tiff: bytes, side: int) -> bytes:
    """Set width and height in the first directory of a TIFF: tags 256 and 257."""
    changed = bytearray(tiff)
    for tag in (256, 257):
        at = tiff.index(struct.pack("<H", tag), struct.unpack("<I", tiff[4:8])[0])
        changed[at + 2 : at + 12] = struct.pack("<HII", 4, 1, side)
    return bytes(changed)


def _webp_header() -> bytes:
    sizes = struct.pack("<I", 16_382 | 16_382 << 14)
    body = b"WEBPVP8L" + struct.pack("<I", 100) + b"\x2f" + sizes + bytes(95)
    return b"RIFF" + struct.pack("<I", len(body)) + body


if __name__ == "__main__":
    main()
