"""The page of results."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import version
from typing import Final

import PIL.features

from benchmarks.reliability.outcome import CheckReport

HEAD: Final = """# Reliability

Written by `python -m benchmarks.reliability --tflite FILE --page docs/reliability.md`; seeds are fixed, and every check
runs in a process of its own. The seconds of a row are the clock's, those of a slowest item the processor's.

What is promised, and checked: many threads get the answers that one gets; memory does not grow; a file, whatever is in
it, gives an answer or a named `EdgeMnistError` in one line, within 5 seconds of one processor, in bounded memory, and
never ends the process.

"""

TAIL: Final = """
**Threads.** Every hundredth prediction is of a picture file, all others of tensors. A LiteRT interpreter holds the
tensors of one call, so its callers wait for each other; onnxruntime's do not.

**Memory.** Sampled a hundred times; the first tenth is warm-up. Up to 4 MB of growth may be the allocator's. Picture
files are of every format and mode that is read, some of which are refused.

**Damaged pictures.** PNG, JPEG, BMP, GIF, WebP and TIFF of many modes, drawn by the project: flipped bits, overwritten
runs, truncation, ends of other files, extreme numbers in fields, repeated chunks; PNG checksums are mostly made right
again, so that damage gets past them. Read as `auto`, `mnist` and `photo` do.

**Far too large.** Headers that name up to 2 to the 31 pixels a side, compressed zeros that really are as large, a note
of 200 MB, and a JPEG of 2,000 scans, each of which costs a pass over all its pixels.

**Damaged models.** Every second one by the same damage to its bytes. The others are well-formed files with one to three
fields changed: shapes, dtypes, scales, zero-points, numbers of tensors, operators dropped, repeated or swapped. Each
one that loads must classify, too.

**What is not promised.** A lone model file with damaged weights still answers, and may answer wrong: nothing in the
file says what its weights were. A bundle's manifest does, by SHA-256, and a bundle is never run without that proof.
LiteRT itself ends the process on hostile fields (18 of the 1,000 such files here, before `engines/tflite_structure.py`
looked at a file first); what that does not know of may do so still. Run models from people that you do not trust in a
process of their own.
"""


def format_page(reports: Sequence[CheckReport]) -> str:
    """The page, with a row a check."""
    rows = "".join(
        f"| {report.what} | {report.count:,} | {report.result} | {'yes' if report.passed else '**no**'} "
        f"| {report.seconds:,.0f} | {report.peak_mb:,.0f} |\n"
        for report in reports
    )
    table = f"| what | how many | result | held | seconds | peak MB |\n|---|---|---|---|---|---|\n{rows}"
    packages = ("onnxruntime", "ai-edge-litert", "pillow", "numpy")
    libraries = ", ".join(
        f"{name} {PIL.features.version(name)}"
        for name in ("jpg", "zlib", "webp", "libtiff")
        if PIL.features.check(name)
    )
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    machine = f"\nPython {platform.python_version()} on {platform.machine()}; {versions} (with {libraries}).\n"
    return HEAD + table + machine + TAIL
