"""Builds a C program for a Cortex-M and runs it in qemu-system-arm."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

COMPILER: Final = "arm-none-eabi-gcc"
EMULATOR: Final = "qemu-system-arm"
TOOLS: Final = (COMPILER, EMULATOR)
PACKAGES: Final = "gcc-arm-none-eabi qemu-system-arm"
"""Debian's packages of them."""

HERE: Final = Path(__file__).parent


@dataclass(frozen=True)
class Chip:
    """A processor on a board that qemu emulates."""

    name: str
    cpu: str
    machine: str
    flash: int
    """Where the board has its program..."""
    ram: int
    """...and its memory."""
    instructions_per_tick: float
    """Of its SysTick counter. With -icount shift=0 an instruction takes 1 ns of the board's time."""


CHIPS: Final = (
    Chip("Cortex-M0", "cortex-m0", "microbit", 0x0, 0x20000000, 1000 / 16),
    Chip("Cortex-M4", "cortex-m4", "mps2-an386", 0x0, 0x20000000, 1000 / 25),
    Chip("Cortex-M7", "cortex-m7", "mps2-an500", 0x0, 0x20000000, 1000 / 25),
    Chip("Cortex-M33", "cortex-m33", "mps2-an505", 0x10000000, 0x30000000, 1000 / 20),
)


@dataclass(frozen=True, eq=False)
class Run:
    """What a chip made of some digits."""

    scores: npt.NDArray[np.uint8]
    """Shape (N, 10)."""
    wrong_golden: int
    """Golden vectors of the file that got other scores than they must."""
    flash_bytes: int
    """Code and constants of the program alone, without golden vectors."""
    stack_bytes: int
    """What predict() took of the stack, and the loop that calls it."""
    million_instructions: float
    """Of one digit."""


def find_missing_tool() -> str | None:
    """The first tool that is not installed."""
    return next((tool for tool in TOOLS if shutil.which(tool) is None), None)


def run_on_chip(
    chip: Chip, bundle: Path, name: str, digits: npt.NDArray[np.uint8], folder: Path, *, flags: tuple[str, ...]
) -> Run:
    """Compile a bundle's C program for a chip, and run it on digits.

    Args:
        chip: The processor.
        bundle: A folder with NAME_int8.c and NAME_int8.h.
        name: Of the model.
        digits: uint8, shape (N, 28, 28, 1).
        folder: Where to build; it is made.
        flags: Options for the compiler, such as -O2.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digits.tofile(folder / "digits.bin")
    source = bundle / f"{name}_int8.c"
    options = [f"-mcpu={chip.cpu}", "-mthumb", "-ffreestanding", "-Wall", "-Wextra", "-Werror", *flags]
    alone = [*options, "-std=c99", "-Wconversion", "-Wpedantic", "-DEDGE_MNIST_NO_SELF_TEST", "-c"]
    subprocess.run([COMPILER, *alone, source, "-o", "program.o"], cwd=folder, check=True)
    sizes = subprocess.run(["arm-none-eabi-size", "program.o"], cwd=folder, check=True, capture_output=True, text=True)
    with_chip = [
        *(*options, "-std=gnu99", "-nostdlib", f"-DNAME={name}", f'-DHEADER="{name}_int8.h"', f"-I{bundle}"),
        *(HERE / "chip.c", source, f"-Wl,--defsym=flash_origin={chip.flash},--defsym=ram_origin={chip.ram}"),
        *("-T", HERE / "chip.ld", "-lgcc", "-o", "chip.elf"),
    ]
    subprocess.run([COMPILER, *with_chip], cwd=folder, check=True)
    emulate = ["-M", chip.machine, "-nographic", "-icount", "shift=0", "-kernel", "chip.elf"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    done = subprocess.run([EMULATOR, *emulate, *semihosting], cwd=folder, check=False, timeout=1800)
    written = (folder / "scores.bin").read_bytes()
    ticks, stack_bytes = np.frombuffer(written[-8:], np.uint32).tolist()
    return Run(
        scores=np.frombuffer(written[:-8], np.uint8).reshape(-1, 10),
        wrong_golden=done.returncode,
        flash_bytes=int(sizes.stdout.splitlines()[1].split()[0]),
        stack_bytes=stack_bytes,
        million_instructions=ticks * chip.instructions_per_tick / 1e6,
    )
