"""Make wheels for musl of the wheel in a folder: the same files, but without the dependency onnxruntime.

    python -m benchmarks.tools.musl_wheel dist

onnxruntime has no wheels for musl (Alpine), and no environment marker of a dependency can tell musl from glibc. The tag
of a wheel can: pip prefers these to the one for any machine.
"""

from __future__ import annotations

import base64
import hashlib
import re
import sys
import zipfile
from pathlib import Path
from typing import Final

TAGS: Final = tuple(f"py3-none-musllinux_1_1_{processor}" for processor in ("x86_64", "aarch64", "armv7l"))
DEPENDENCY: Final = re.compile(r"^Requires-Dist: onnxruntime\b(?!.*extra ==).*\n", re.MULTILINE)


def main() -> None:
    """Make one wheel for each tag."""
    folder = Path(sys.argv[1])
    (source,) = folder.glob("*-py3-none-any.whl")
    for tag in TAGS:
        target = source.with_name(source.name.replace("py3-none-any", tag))
        write_wheel(source, target, tag)
        print(target.name)


def write_wheel(source: Path, target: Path, tag: str) -> None:
    """Copy a wheel under another tag, without the dependency."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        lines = []
        for info in old.infolist():
            folder, _, name = info.filename.partition("/")
            data = old.read(info)
            if folder.endswith(".dist-info"):
                if name == "RECORD":
                    record = info
                    continue
                if name == "METADATA":
                    data = DEPENDENCY.sub("", data.decode()).encode()
                if name == "WHEEL":
                    text = data.decode().replace("Tag: py3-none-any", f"Tag: {tag}")
                    data = text.replace("Root-Is-Purelib: true", "Root-Is-Purelib: false").encode()
            new.writestr(info, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            lines.append(f"{info.filename},sha256={digest},{len(data)}\n")
        new.writestr(record, "".join(lines) + f"{record.filename},,\n")


if __name__ == "__main__":
    main()
