"""Run a library on images, here or emulated, and compare its scores with those of TFLite's reference kernels."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from dataclasses import replace
from importlib.resources import as_file, files
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_program import ProgramReport, report_unproved
from edge_mnist_exporter.program.compiler import run_compiler, write_files
from edge_mnist_exporter.program.native.library import Library, list_options
from edge_mnist_runtime.errors import ConversionError
from edge_mnist_runtime.machine.native_target import host_targets

Scores = npt.NDArray[np.uint8]

EMULATED_IMAGES: Final = 1000
"""Images that an emulated library reads; more would take minutes."""


def prove_library(library: Library, images: npt.NDArray[np.uint8], expected: Scores) -> ProgramReport:
    """Run a library on images: on this machine, else in an emulator if there is one.

    Here every image runs through every version that this processor can run. An emulator runs the first
    `EMULATED_IMAGES` through the version that the emulated processor chooses.

    Args:
        library: The library.
        images: uint8, shape (N, H, W, C).
        expected: What TFLite's reference kernels give, uint8, shape (N, K).

    Raises:
        ConversionError: The library cannot be loaded, or the emulator fails.
    """
    unproved = replace(
        report_unproved(library.program, images, expected),
        target=library.target.name,
        compiler=library.compiler.version,
        builds=tuple(version.instructions for version in library.target.versions),
    )
    if library.target.name in host_targets():
        differing, ran = run_here(library, images, expected)
        return replace(unproved, builds=ran, images=len(images), differing=differing)
    emulator = find_emulator(library)
    if emulator is None:
        return unproved
    images, expected = images[:EMULATED_IMAGES], expected[:EMULATED_IMAGES]
    scores, instructions, wrong_golden = run_emulated(library, images)
    differing = int((scores != expected).any(axis=1).sum()) + wrong_golden
    return replace(
        unproved, builds=(instructions,), images=len(images), differing=differing, emulator=library.target.emulator
    )


def run_here(library: Library, images: npt.NDArray[np.uint8], expected: Scores) -> tuple[int, tuple[str, ...]]:
    """Run every version that this processor can run. Returns the most images that one got wrong, and all versions."""
    name, target = library.program.name, library.target
    with tempfile.TemporaryDirectory(prefix="edge-mnist-", ignore_cleanup_errors=True) as scratch:
        path = Path(scratch) / f"{name}_int8{target.suffix}"
        path.write_bytes(library.data)
        try:
            loaded = ctypes.CDLL(str(path))
        except OSError as error:
            raise ConversionError(f"the library for {target.name} cannot be loaded ({error})") from error
        instructions = getattr(loaded, f"{name}_instructions")
        instructions.restype = ctypes.c_char_p
        words = [version.instructions for version in target.versions]
        here = target.versions[words.index(instructions().decode()) :]  # later ones need less
        arena = ctypes.create_string_buffer(library.program.source.arena_bytes)
        pixels = ctypes.create_string_buffer(images[0].size)
        scores = np.empty_like(expected)
        flat = np.ascontiguousarray(images).reshape(len(images), -1)
        differing = 0
        for version in here:
            predict = getattr(loaded, version.symbol(name, "predict"))
            predict.restype = None
            for image, row in zip(flat, scores, strict=True):
                predict(arena, ctypes.c_char_p(image.tobytes()), ctypes.c_void_p(row.ctypes.data))
            wrong_golden = getattr(loaded, version.symbol(name, "self_test"))(arena, pixels)
            differing = max(differing, int((scores != expected).any(axis=1).sum()) + wrong_golden)
        many = getattr(loaded, f"{name}_predict_many")
        many.restype = None
        many(arena, len(flat), ctypes.c_char_p(flat.tobytes()), ctypes.c_void_p(scores.ctypes.data))
        differing = max(differing, int((scores != expected).any(axis=1).sum()))
    return differing, tuple(version.instructions for version in here)


def find_emulator(library: Library) -> str | None:
    """Path of the program of qemu-user-static that runs a library's machine; None if it cannot be run here."""
    return shutil.which(library.target.emulator or "") if library.compiler.crosses else None


def run_emulated(library: Library, images: npt.NDArray[np.uint8]) -> tuple[Scores, str, int]:
    """Run a library's object files in an emulator, linked with a program that reads images from a file.

    Returns:
        Scores, uint8, shape (N, K); the instructions that the library chose; and the number of wrong golden vectors.

    Raises:
        ConversionError: The program cannot be linked, or the emulator fails.
    """
    name, target = library.program.name, library.target
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch, as_file(_driver()) as driver:
        folder = Path(scratch)
        write_files(library.program.source, name, folder)
        for part, data in library.objects.items():
            (folder / part).write_bytes(data)
        (folder / "driver.c").write_text(driver.read_text("utf-8").replace("NAME", name), "utf-8")
        (folder / "images.bin").write_bytes(np.ascontiguousarray(images).tobytes())
        options = [*list_options(library.compiler, target), "-static"]
        run_compiler(library.compiler, [*options, "driver.c", *library.objects, "-o", "driver"], folder)
        emulator = str(find_emulator(library))
        command = [emulator, *target.emulator_flags, "driver", "images.bin", "scores.bin"]
        try:
            done = subprocess.run(  # noqa: S603
                command, cwd=folder, capture_output=True, text=True, timeout=1800, check=False
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ConversionError(f"{target.emulator} cannot run the library for {target.name} ({error})") from error
        words = done.stdout.splitlines()
        if done.returncode or len(words) != 2:
            raise ConversionError(
                f"{target.emulator} cannot run the library for {target.name} (exit code {done.returncode}: "
                f"{done.stderr.strip() or 'no message'})"
            )
        scores = np.frombuffer((folder / "scores.bin").read_bytes(), np.uint8).reshape(len(images), -1)
        return scores, words[0], int(words[1])


def _driver() -> Path:
    return files("edge_mnist_exporter.program.native") / "driver.c"  # type: ignore[return-value]
