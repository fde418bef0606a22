"""Which kind of machine this is, and which one a shared library was compiled for."""

from __future__ import annotations

import os
import struct
import sys
from typing import Final

PROCESSORS: Final = {
    "x86_64": "x86_64",
    "amd64": "x86_64",
    "aarch64": "aarch64",
    "arm64": "aarch64",
    "armv6l": "armv6",
    "armv7l": "armv7",
    "armv8l": "armv7",
}
"""A target's name of a processor by Python's."""

SYSTEMS: Final = {"linux": "linux", "win32": "windows", "darwin": "macos"}
"""A target's name of a system by Python's."""

ELF_PROCESSORS: Final = {62: "x86_64", 183: "aarch64", 40: "arm"}
PE_PROCESSORS: Final = {0x8664: "x86_64", 0xAA64: "aarch64"}
MACH_O_PROCESSORS: Final = {0x01000007: "x86_64", 0x0100000C: "aarch64"}


def host_targets() -> tuple[str, ...]:
    """Targets whose libraries run in this process, the best one first; empty on an unknown machine."""
    system = SYSTEMS.get(sys.platform)
    # Not platform.machine(), whose import costs 1 ms of a cold start.
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    processor = PROCESSORS.get(machine.lower())
    if sys.maxsize < 2**32:  # a 32-bit Python: the kernel, which names the machine, may have 64
        processor = {"aarch64": "armv7", "x86_64": None}.get(processor or "", processor)
    if system is None or processor is None:
        return ()
    if system != "linux":
        return (f"{processor}-{system}",)
    processors = (processor, "armv6") if processor == "armv7" else (processor,)
    # Libraries for Linux need no C library, so each runs beside glibc and musl.
    return tuple(f"{name}-linux{libc}" for name in processors for libc in ("", "-musl"))


def read_target(library: bytes) -> str | None:
    """System and processor in a shared library's header, as in `x86_64-linux`; ARM's 32-bit versions are all `arm`.

    None if this is no shared library of a known kind.
    """
    try:
        if library[:4] == b"\x7fELF":
            return f"{ELF_PROCESSORS[struct.unpack_from('<H', library, 18)[0]]}-linux"
        if library[:2] == b"MZ":
            (at,) = struct.unpack_from("<I", library, 0x3C)
            mark, processor = struct.unpack_from("<4sH", library, at)
            return f"{PE_PROCESSORS[processor]}-windows" if mark == b"PE\0\0" else None
        if library[:4] == b"\xcf\xfa\xed\xfe":
            return f"{MACH_O_PROCESSORS[struct.unpack_from('<I', library, 4)[0]]}-macos"
    except (KeyError, struct.error):
        pass
    return None
