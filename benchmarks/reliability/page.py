"""Format docs/reliability.md."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import PIL.features

from benchmarks.reliability.outcome import CheckReport

HEAD: Final = """# Reliability

The runtime keeps these promises under load and with damaged and hostile files:

- Threads that share a classifier get the same predictions as a single thread.
- Memory does not grow.
- Any file, whatever its content, gives a prediction or an `EdgeMnistError` with a message of one line. It takes at most
  5 seconds of processor time and bounded memory, and never ends the process.

Written by `python -m benchmarks.reliability --tflite FILE --page docs/reliability.md`. Seeds are fixed, and each check
runs in its own process. The column "seconds" is wall-clock time; "slowest" is the processor time of one item.

"""

TAIL: Final = """
## What each check does

**Threads.** Every hundredth prediction is of a picture file, all others are of tensors. With LiteRT the threads wait
for each other, because an interpreter holds the tensors of one call. With onnxruntime they do not.

**Memory.** Sampled a hundred times; the first tenth is warm-up. Growth of up to 4 MB is allowed, because allocators
keep memory. The picture files are of every supported format and mode; some are refused.

**Damaged pictures.** Drawn pictures as PNG, JPEG, BMP, GIF, WebP and TIFF in many modes, with flipped bits, overwritten
bytes, missing ends, ends of other files, extreme numbers in fields, and repeated parts. Most PNG checksums are
corrected, so that the decoder reads the damage. Each file is read in mode `auto`, `mnist` or `photo`.

**Far too large pictures.** Headers of up to 2**31 - 1 pixels a side, compressed zeros that really have that size, a
comment of 200 MB, and a JPEG with 2,000 scans, each of which costs a pass over all pixels.

**Damaged models.** Every second file has damaged bytes, as above. The others are well-formed, with one to three fields
changed: shapes, dtypes, scales, zero-points, tensor numbers, and operators dropped, repeated or swapped. Each file that
loads must also classify.

## What is not promised

- A single model file with damaged weights still gives predictions, which may be wrong: the file has no checksum of its
  weights. A bundle has one, the SHA-256 in its manifest, and is never run without that check.
- LiteRT may end the process on hostile fields. `engines/tflite_structure.py` refuses the files that are known to do so:
  18 of the 1,000 files here. There may be others. Run models that you do not trust in a separate process.
"""


def format_page(reports: Sequence[CheckReport]) -> str:
    """Format the page, with a row for each check."""
    rows = "".join(
        f"| {report.what} | {report.count:,} | {report.result} | {'yes' if report.passed else '**no**'} "
        f"| {report.seconds:,.0f} | {report.peak_mb:,.0f} |\n"
        for report in reports
    )
    table = f"| check | items | result | passed | seconds | peak MB |\n|---|---|---|---|---|---|\n{rows}"
    packages = ("onnxruntime", "ai-edge-litert", "pillow", "numpy")
    libraries = ", ".join(
        f"{name} {PIL.features.version(name)}"
        for name in ("jpg", "zlib", "webp", "libtiff")
        if PIL.features.check(name)
    )
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    machine = f"\nPython {platform.python_version()} on {platform.machine()}; {versions} (with {libraries}).\n"
    return HEAD + table + machine + TAIL
