"""The kinds of machines that libraries are compiled for. Cheap to import: every start of the command line does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.machine.native_target import host_targets


@dataclass(frozen=True)
class Version:
    """One set of instructions that the C program is compiled for."""

    instructions: str
    """In words."""
    ending: str
    """Of the names of its functions."""
    flags: tuple[str, ...] = ()
    """What compilers are told, beside the options of the target."""
    needs: str = "0"
    """Name of the bit in `library.c` that says whether a processor has them."""

    def symbol(self, name: str, what: str) -> str:
        """What this version calls NAME_what."""
        return f"{name}_{what}_{self.ending}"


@dataclass(frozen=True)
class Target:
    """A kind of machine."""

    name: str
    """As in `NAME_int8.x86_64-linux.so`."""
    triple: str
    """As ziglang names it."""
    suffix: str
    """Of its libraries."""
    versions: tuple[Version, ...]
    """The most demanding first; the last one runs on every machine of this kind."""
    flags: tuple[str, ...] = ()
    """Oldest processor, for ziglang."""
    link_flags: tuple[str, ...] = ()
    """More options for ziglang's linker."""
    emulator: str | None = None
    """Program of Debian's qemu-user-static that runs it."""
    emulator_flags: tuple[str, ...] = ()

    @property
    def is_elf(self) -> bool:
        """Whether its libraries are ELF files."""
        return self.suffix == ".so"


VNNI: Final = Version("AVX-512 VNNI", "vnni", ("-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512vnni"), "AVX512_VNNI")
AVX2: Final = Version("AVX2", "avx2", ("-mavx2",), "AVX2")
X86: Final = (VNNI, AVX2, Version("SSE2", "sse2"))
ARM64: Final = (Version("NEON", "neon"),)
ARMV7: Final = (Version("NEON", "neon", ("-mfpu=neon",), "NEON"), Version("ARMv7", "plain"))
ARMV6: Final = (Version("ARMv6", "plain"),)

# These processors divide 64-bit integers by functions that a program need not have, so the library brings them.
DIVISIONS: Final = ("-lcompiler_rt",)

# musl's triples for Linux: the libraries need no C library, so they run beside glibc as well.
TARGETS: Final = {
    target.name: target
    for target in (
        Target("x86_64-linux", "x86_64-linux-musl", ".so", X86, emulator="qemu-x86_64-static"),
        Target("aarch64-linux", "aarch64-linux-musl", ".so", ARM64, emulator="qemu-aarch64-static"),
        Target(
            *("armv7-linux", "arm-linux-musleabihf", ".so", ARMV7, ("-mcpu=generic+v7a+vfp3d16",), DIVISIONS),
            emulator="qemu-arm-static",
            emulator_flags=("-cpu", "cortex-a7"),
        ),
        Target(
            *("armv6-linux", "arm-linux-musleabihf", ".so", ARMV6, ("-mcpu=arm1176jzf_s",), DIVISIONS),
            emulator="qemu-arm-static",
            emulator_flags=("-cpu", "arm1176"),
        ),
        Target("x86_64-linux-musl", "x86_64-linux-musl", ".so", X86, emulator="qemu-x86_64-static"),
        Target("aarch64-linux-musl", "aarch64-linux-musl", ".so", ARM64, emulator="qemu-aarch64-static"),
        Target("x86_64-windows", "x86_64-windows-gnu", ".dll", X86),
        Target("aarch64-windows", "aarch64-windows-gnu", ".dll", ARM64),
        Target("x86_64-macos", "x86_64-macos", ".dylib", X86),
        Target("aarch64-macos", "aarch64-macos", ".dylib", ARM64),
    )
}
"""By name."""


def choose_targets(names: Sequence[str] | None) -> tuple[Target, ...]:
    """The targets of these names; of this machine where none are given.

    Raises:
        UsageError: A name is unknown or given twice, or this machine is none of the known kinds.
    """
    if names is None:
        names = host_targets()[:1]
        if not names:
            raise UsageError(f"`targets`: this machine is none of the known ones; name one of {', '.join(TARGETS)}")
    unknown = [name for name in names if name not in TARGETS]
    if unknown or not names:
        found = repr(unknown[0]) if unknown else "none"
        raise UsageError(f"`targets`: {found} is unknown; expected one or more of {','.join(TARGETS)}")
    if len({*names}) < len(names):
        raise UsageError(f"`targets` {','.join(names)}: names one twice")
    return tuple(TARGETS[name] for name in names)
