"""Emulate other processors with QEMU user mode: x86 without AVX or VNNI, and ARM64."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from benchmarks.conformance.debian_packages import find_program, unpack_archives
from benchmarks.conformance.environments import call, filled_once, make_venv
from benchmarks.conformance.subject import NotRunHereError

ARM64_PACKAGES: Final = ("python3-minimal", "libpython3-stdlib", "libstdc++6")
"""Debian packages that the wheels need. apt-get adds their dependencies."""

NEWEST_GLIBC: Final = 40
"""pip accepts wheels for glibc 2.17 to 2.40. Whether they run depends on the emulated system's glibc."""


APT_CONFIG: Final = """\
APT::Architecture "arm64";
APT::Architectures {{ "arm64"; }};
APT::Sandbox::User "root";
Debug::NoLocking "true";
Dir::State "{folder}/state";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
"""
"""Configuration with which apt-get ignores installed packages and needs no root."""


@dataclass(frozen=True)
class ArmProcessor:
    """An ARM processor: its name in QEMU, and its entries in /proc/cpuinfo."""

    name: str
    part: str
    features: str


ARM_PROCESSORS: Final = {
    "cortex-a72": ArmProcessor("cortex-a72", "0xd08", "fp asimd evtstrm crc32 cpuid"),
    "cortex-a76": ArmProcessor(
        "cortex-a76", "0xd0b", "fp asimd evtstrm crc32 atomics fphp asimdhp cpuid lrcpc asimddp"
    ),
}
"""Processors of the Raspberry Pi 4, without int8 dot products, and of the Raspberry Pi 5, with them."""


def emulate_x86(root: Path, processor: str, python: Path) -> tuple[str, ...]:
    """Make the command that runs this machine's Python on another x86 processor.

    Args:
        root: Where QEMU is unpacked if it is missing.
        processor: A name from `qemu-x86_64-static -cpu help`.
        python: The Python to run.

    Raises:
        NotRunHereError: This is not an x86-64 machine, or QEMU cannot be installed.
    """
    if platform.machine() != "x86_64":
        raise NotRunHereError(f"needs an x86-64 machine; this one is {platform.machine()}")
    return find_program(root, "qemu-x86_64-static"), "-cpu", processor, str(python)


@cache
def emulate_arm64(root: Path, processor: str, *packages: str) -> tuple[tuple[str, ...], dict[str, str]]:
    """Make the command and environment that run Debian's arm64 Python with these packages on an emulated processor.

    Raises:
        NotRunHereError: QEMU, Debian's arm64 packages or arm64 wheels cannot be installed.
    """
    qemu = find_program(root, "qemu-aarch64-static")
    python = _make_arm64_python(root)
    site = _install_arm64_wheels(root, python, *packages)
    system = _describe_processor(root, ARM_PROCESSORS[processor])
    return (qemu, "-L", str(system), "-cpu", processor, str(python)), {"PYTHONPATH": str(site)}


@cache
def _make_arm64_python(root: Path) -> Path:
    """Download and unpack Debian's arm64 Python. apt-get uses its own folders and does not change this system."""
    folder = root / "arm64" / "debian"
    system, apt = folder / "system", folder / "apt"
    with filled_once(folder) as missing:
        if missing:
            for part in ("state/lists/partial", "cache/archives/partial"):
                (apt / part).mkdir(parents=True)
            (apt / "apt.conf").write_text(APT_CONFIG.format(folder=apt))
            env = {**os.environ, "APT_CONFIG": str(apt / "apt.conf")}
            call(["apt-get", "update", "-qq"], "apt-get update for arm64", env)
            download = ["apt-get", "install", "--download-only", "-y", "-qq", "--no-install-recommends"]
            call([*download, *ARM64_PACKAGES], "apt-get cannot download Python for arm64", env)
            unpack_archives(apt / "cache" / "archives", system)
    pythons = sorted(path for path in system.glob("usr/bin/python3.*") if path.name[8:].isdigit())
    if not pythons:
        raise NotRunHereError("Debian's arm64 packages contain no Python")
    return pythons[-1]


@cache
def _install_arm64_wheels(root: Path, python: Path, *packages: str) -> Path:
    site = root / "arm64" / packages[0]
    pip = make_venv(root, "pip", "pip").with_name("pip")
    platforms = [f"--platform=manylinux_2_{glibc}_aarch64" for glibc in range(17, NEWEST_GLIBC + 1)]
    command = [pip, "install", "--quiet", "--only-binary=:all:", "--platform=manylinux2014_aarch64", *platforms]
    version = python.name.removeprefix("python")
    with filled_once(site) as missing:
        if missing:
            call(
                [*command, "--python-version", version, "--target", site, *packages],
                f"pip cannot install {' '.join(packages)} for arm64",
            )
    return site


def _describe_processor(root: Path, processor: ArmProcessor) -> Path:
    """Make a system folder of links, with the processor's own /proc/cpuinfo.

    An emulated program would otherwise read this machine's file, which describes an x86. onnxruntime then crashes.
    """
    system = root / "arm64" / processor.name
    (system / "proc").mkdir(parents=True, exist_ok=True)
    for folder in (root / "arm64" / "debian" / "system").iterdir():
        if not (system / folder.name).exists():
            (system / folder.name).symlink_to(folder)
    text = (
        f"processor\t: 0\nBogoMIPS\t: 100.00\nFeatures\t: {processor.features}\nCPU implementer\t: 0x41\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: {processor.part}\nCPU revision\t: 3\n\n"
    )
    (system / "proc" / "cpuinfo").write_text(
        "".join(text.replace("processor\t: 0", f"processor\t: {n}") for n in (0, 1))
    )
    return system
