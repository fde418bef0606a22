"""A C program that was made of an int8 TFLite file, and the proof that it gives the file's integers.

Both are parts of an export: the files go into the bundle, the proof into the report.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.golden_images import draw_golden_digits, draw_patterns
from edge_mnist_exporter.program.c_source import CSource, GoldenVectors, Provenance, write_c
from edge_mnist_exporter.program.compiler import compiled, find_compiler, measure_stack
from edge_mnist_exporter.program.from_tflite import read_program
from edge_mnist_exporter.program.reference import ReferenceKernels
from edge_mnist_runtime.engines.tflite_interpreter import TFLiteInterpreter
from edge_mnist_runtime.errors import ConversionError
from edge_mnist_runtime.machine.versions import DISTRIBUTION, installed_versions

GOLDEN_IMAGES: Final = 10
"""In a C file: a digit of each kind."""


@dataclass(frozen=True, eq=False)
class CProgram:
    """The two files, and the TFLite file that they must equal."""

    name: str
    version: str
    """Of edge-mnist, which wrote it."""
    source: CSource
    tflite: bytes
    kernels: ReferenceKernels
    """The TFLite file in TFLite's reference kernels."""

    @property
    def reads_drawings(self) -> bool:
        """Whether the files that read drawings belong to it: they make the pixels of digits."""
        return self.kernels.contract.reads_digits


@dataclass(frozen=True)
class ProgramReport:
    """What a C program needs, and how it was proved."""

    arena_bytes: int
    """RAM to work in."""
    constant_bytes: int
    """Weights and tables."""
    stack_bytes: int | None
    """Maximum stack in bytes (plain loops, -Os, this processor); None if the compiler does not report it."""
    compiler: str | None
    """The compiler; None if there is none, so that nothing was proved."""
    builds: tuple[str, ...]
    """The instruction sets that were compiled for and run."""
    images: int
    """Evaluation images that each of them read."""
    differing: int
    """Images, golden vectors among them, to which any of them gave other scores than TFLite's reference kernels."""
    litert_differing: int
    """Images to which LiteRT's own kernels (XNNPACK) give other scores than TFLite's reference kernels."""
    litert_max_steps: int
    """By how many 256ths at most."""
    target: str | None = None
    """The kind of machine that a library is for; None for C source."""
    emulator: str | None = None
    """The program that ran the library; None if this machine did, or if nothing ran it."""

    @property
    def is_proved(self) -> bool:
        """Whether it was compiled and run."""
        return self.images > 0

    def __str__(self) -> str:
        needs = f"{self.arena_bytes:,} bytes of RAM, {self.constant_bytes:,} of constants"
        if self.stack_bytes is not None:
            needs += f", at most {self.stack_bytes:,} of stack"
        if self.compiler is None:
            return f"{needs}. Not proved here: there is no C compiler (cc, gcc, clang, or the package ziglang)"
        builds = ", ".join(self.builds)
        if not self.is_proved:
            return (
                f"{needs}. Compiled by {self.compiler} for {self.target} ({builds}). Not proved here: neither this "
                "machine nor an emulator (qemu-user-static, with the extra `native`) runs it"
            )
        by = f" by {self.compiler}" if self.target else ""
        at = f" in {self.emulator}" if self.emulator else ""
        alike = "every score is" if not self.differing else f"on {self.differing:,} the scores are not"
        return (
            f"{needs}. Compiled{by} ({builds}) and run{at} on {self.images:,} images: {alike} that of TFLite's "
            f"reference kernels. LiteRT's own kernels differ from these on {self.litert_differing:,}, by "
            f"{self.litert_max_steps} 256ths at most"
        )


def make_c_program(tflite: bytes, file_name: str, *, max_ram_bytes: int | None) -> CProgram:
    """Write the C program of a TFLite file.

    Args:
        tflite: An int8 TFLite file, with its contract.
        file_name: Of the C file, for messages.
        max_ram_bytes: Most memory that the program may work in.

    Raises:
        ConversionError: The file holds something that the program does not have, or needs more memory.
    """
    kernels = ReferenceKernels(tflite, origin=file_name)
    contract = kernels.contract
    about = Provenance(
        contract.name,
        installed_versions(DISTRIBUTION)[DISTRIBUTION],
        hashlib.sha256(tflite).hexdigest(),
        contract.labels,
        contract.least_confidence or 0.0,
    )
    source = write_c(read_program(tflite, file_name), draw_golden(kernels), about)
    if max_ram_bytes is not None and source.arena_bytes > max_ram_bytes:
        raise ConversionError(
            f"{file_name}: works in {source.arena_bytes:,} bytes of RAM, and `max_ram_bytes` is {max_ram_bytes:,}; "
            "allow more, or export a smaller network"
        )
    return CProgram(contract.name, about.version, source, tflite, kernels)


def draw_golden(kernels: ReferenceKernels) -> GoldenVectors:
    """Draw the golden images of a C file, and run the reference kernels on them."""
    contract = kernels.contract
    if contract.reads_digits:
        images, _ = draw_golden_digits(1)
    else:
        images = draw_patterns(contract.image_shape, GOLDEN_IMAGES)
    return GoldenVectors(images, kernels.run_stored(images))


def prove_c_program(program: CProgram, images: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]) -> ProgramReport:
    """Compile a program, run it on every image, and compare its scores.

    Args:
        program: The program.
        images: uint8, shape (N, H, W, C).
        expected: What TFLite's reference kernels give, uint8, shape (N, K).

    Raises:
        ConversionError: There is a compiler, and it fails.
    """
    source, name = program.source, program.name
    unproved = report_unproved(program, images, expected)
    compiler = find_compiler()
    if compiler is None:
        return unproved
    differing = 0
    for flags in compiler.builds.values():
        with compiled(compiler, source, name, expected.shape[1], flags) as built:
            wrong = (built.run(images) != expected).any(axis=1).sum()
            differing = max(differing, int(wrong) + built.run_self_test(images[0].size))
    return replace(
        unproved,
        stack_bytes=measure_stack(compiler, source, name),
        compiler=compiler.version,
        builds=tuple(compiler.builds),
        images=len(images),
        differing=differing,
    )


def report_unproved(program: CProgram, images: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]) -> ProgramReport:
    """What is known of a program before it runs. Arguments: as of `prove_c_program`."""
    usual = TFLiteInterpreter(program.tflite, origin=program.name).run_stored(images)
    steps = np.abs(usual.astype(int) - expected).max(axis=1)
    return ProgramReport(
        arena_bytes=program.source.arena_bytes,
        constant_bytes=program.source.constant_bytes,
        stack_bytes=None,
        compiler=None,
        builds=(),
        images=0,
        differing=0,
        litert_differing=int((steps > 0).sum()),
        litert_max_steps=int(steps.max()),
    )
