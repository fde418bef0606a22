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
    ram_bytes: int = 16 * 1024
    """What programs may use of it; boards have 16 KiB (Cortex-M0) or more."""


CHIPS: Final = (
    Chip("Cortex-M0", "cortex-m0", "microbit", 0x0, 0x20000000, 1000 / 16),
    Chip("Cortex-M4", "cortex-m4", "mps2-an386", 0x0, 0x20000000, 1000 / 25, 256 * 1024),
    Chip("Cortex-M7", "cortex-m7", "mps2-an500", 0x0, 0x20000000, 1000 / 25),
    Chip("Cortex-M33", "cortex-m33", "mps2-an505", 0x10000000, 0x30000000, 1000 / 20),
)


@dataclass(frozen=True, eq=False)
class Run:
    """What a chip made of some digits."""

    scores: npt.NDArray[np.uint8]
    """Shape (N, 10): a row for each digit."""
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
    macros = (f"-DNAME={name}", f'-DHEADER="{name}_int8.h"')
    return _run(chip, "chip.c", bundle / f"{name}_int8.c", digits, folder, flags=flags, macros=macros, answer_bytes=10)


def read_on_chip(
    chip: Chip, bundle: Path, drawings: npt.NDArray[np.uint8], folder: Path, *, flags: tuple[str, ...]
) -> Run:
    """Compile a bundle's edge_mnist_drawing.c for a chip, and read drawings with it.

    Args:
        chip: The processor.
        bundle: A folder with edge_mnist_drawing.c and edge_mnist_drawing.h.
        drawings: uint8, shape (N, S, S).
        folder: Where to build; it is made.
        flags: Options for the compiler, such as -O2.

    Returns:
        The run; its scores are a code and 784 pixels a drawing, shape (N, 785).
    """
    source, macros = bundle / "edge_mnist_drawing.c", (f"-DSIDE={drawings.shape[1]}",)
    return _run(chip, "chip_drawing.c", source, drawings, folder, flags=flags, macros=macros, answer_bytes=785)


def _run(
    chip: Chip,
    main: str,
    source: Path,
    inputs: npt.NDArray[np.uint8],
    folder: Path,
    *,
    flags: tuple[str, ...],
    macros: tuple[str, ...],
    answer_bytes: int,
) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    inputs.tofile(folder / "digits.bin")
    options = [f"-mcpu={chip.cpu}", "-mthumb", "-ffreestanding", "-Wall", "-Wextra", "-Werror", *flags]
    alone = [*options, "-std=c99", "-Wconversion", "-Wpedantic", "-DEDGE_MNIST_NO_SELF_TEST", "-c"]
    subprocess.run([COMPILER, *alone, source, "-o", "program.o"], cwd=folder, check=True)
    sizes = subprocess.run(["arm-none-eabi-size", "program.o"], cwd=folder, check=True, capture_output=True, text=True)
    symbols = f"flash_origin={chip.flash},--defsym=ram_origin={chip.ram},--defsym=ram_bytes={chip.ram_bytes}"
    with_chip = [
        *(*options, "-std=gnu99", "-nostdlib", *macros, f"-I{source.parent}", f"-I{HERE}", HERE / main, source),
        *(f"-Wl,--defsym={symbols}", "-T", HERE / "chip.ld", "-lgcc", "-o", "chip.elf"),
    ]
    subprocess.run([COMPILER, *with_chip], cwd=folder, check=True)
    emulate = ["-M", chip.machine, "-nographic", "-icount", "shift=0", "-kernel", "chip.elf"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    done = subprocess.run([EMULATOR, *emulate, *semihosting], cwd=folder, check=False, timeout=1800)
    written = (folder / "scores.bin").read_bytes()
    ticks, stack_bytes = np.frombuffer(written[-8:], np.uint32).tolist()
    return Run(
        scores=np.frombuffer(written[:-8], np.uint8).reshape(-1, answer_bytes),
        wrong_golden=done.returncode,
        flash_bytes=int(sizes.stdout.splitlines()[1].split()[0]),
        stack_bytes=stack_bytes,
        million_instructions=ticks * chip.instructions_per_tick / 1e6,
    )
