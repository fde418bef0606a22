"""Finds a C compiler, and runs what it makes of a program."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_source import CSource
from edge_mnist_runtime.errors import ConversionError, UsageError, first_line

COMPILERS: Final = ("cc", "gcc", "clang")

WARNINGS: Final = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wpedantic")

PLAIN: Final = ("-DEDGE_MNIST_PORTABLE", "-O1")
"""Plain loops, as chips compute; at -O1, of which gcc makes the fastest code."""

NATIVE: Final = (("-march=native",), ("-mcpu=native",), ())
"""How compilers are told to use all that this processor has; the first one that a compiler takes."""

COMPILE_TIMEOUT_S: Final = 1800
"""ziglang compiles a C library for a target when it is first needed: minutes on a slow machine."""

STACK_LINE: Final = re.compile(r":([\w.]+)\t(\d+)\t([\w,]+)")
"""Of gcc's -fstack-usage: function, bytes, and whether it can take more."""

BOUNDED: Final = frozenset({"static", "dynamic,bounded"})
"""Functions that cannot."""


@dataclass(frozen=True)
class Compiler:
    """A C compiler of this machine."""

    command: tuple[str, ...]
    version: str
    """The first line of what it says of itself."""
    crosses: bool = False
    """Whether it is ziglang's, which compiles for any machine."""

    def accepts(self, flags: Sequence[str]) -> bool:
        """Whether it knows these options."""
        command = [*self.command, *flags, "-x", "c", "-E", os.devnull]
        return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0  # noqa: S603

    @property
    def builds(self) -> dict[str, tuple[str, ...]]:
        """Options by what they make: what chips compute, and what this machine computes."""
        native = next(flags for flags in NATIVE if not flags or self.accepts(flags))
        return {"plain loops": PLAIN, "this processor's vectors": native}


class CompiledProgram:
    """A program in this process. One call at a time: it has one arena.

    Raises:
        ConversionError: The library cannot be loaded.
    """

    def __init__(self, library: Path, name: str, source: CSource, n_classes: int) -> None:
        try:
            loaded = ctypes.CDLL(str(library))
        except OSError as error:
            raise ConversionError(
                f"the compiled C program cannot be loaded here ({first_line(error)}); name another compiler with CC"
            ) from error
        self._predict = getattr(loaded, f"{name}_predict")
        self._predict.restype, self._predict.argtypes = None, [ctypes.c_char_p] * 3
        self._self_test = getattr(loaded, f"{name}_self_test")
        self._arena = ctypes.create_string_buffer(max(source.arena_bytes, 1))
        self._n_classes = n_classes

    def run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Scores, uint8, shape (N, K), of images, uint8, shape (N, H, W, C)."""
        scores = ctypes.create_string_buffer(self._n_classes)
        found = bytearray()
        for image in images:
            self._predict(self._arena, image.tobytes(), scores)
            found += scores.raw
        return np.frombuffer(bytes(found), np.uint8).reshape(len(images), self._n_classes)

    def run_self_test(self, n_pixels: int) -> int:
        """How many golden vectors get other scores than they must."""
        pixels = ctypes.create_string_buffer(n_pixels)
        return int(self._self_test(self._arena, pixels))


def find_compiler() -> Compiler | None:
    """The compiler that CC names, else cc, gcc or clang, else that of the package ziglang; None where there is none.

    Raises:
        UsageError: CC names something that does not run.
    """
    named = shlex.split(os.environ.get("CC", ""))
    if named:
        found = ask_version(tuple(named))
        if found is None:
            raise UsageError(f"CC={shlex.join(named)}: no compiler that runs; name another, or leave CC empty")
        return found
    installed = (ask_version((path,)) for name in COMPILERS if (path := shutil.which(name)))
    return next(filter(None, installed), None) or find_cross_compiler()


def find_cross_compiler() -> Compiler | None:
    """The compiler of the package ziglang, which compiles for any machine; None if it is not installed."""
    if not importlib.util.find_spec("ziglang"):
        return None
    return Compiler((sys.executable, "-m", "ziglang", "cc"), f"ziglang {metadata.version('ziglang')}", crosses=True)


def ask_version(command: tuple[str, ...]) -> Compiler | None:
    """A compiler by its command; None if it does not run."""
    try:
        done = subprocess.run([*command, "--version"], capture_output=True, text=True, timeout=60, check=False)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    lines = done.stdout.splitlines()
    return Compiler(command, lines[0]) if done.returncode == 0 and lines else None


@contextmanager
def compiled(
    compiler: Compiler, source: CSource, name: str, n_classes: int, flags: Sequence[str]
) -> Iterator[CompiledProgram]:
    """Compile a program as a library and load it, in a folder that is removed afterwards.

    Raises:
        ConversionError: The compiler fails; its words are in a log.
    """
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        write_files(source, name, folder)
        library = folder / f"{name}_int8.so"
        run_compiler(compiler, ["-O3", "-fPIC", "-shared", *flags, f"{name}_int8.c", "-o", library.name], folder)
        yield CompiledProgram(library, name, source, n_classes)


def measure_stack(compiler: Compiler, source: CSource, name: str) -> int | None:
    """Most bytes of stack that NAME_predict() takes, plain loops, -Os; None where the compiler does not say it.

    The sum over all of its functions: more than any chain of calls between them.
    """
    with tempfile.TemporaryDirectory(prefix="edge-mnist-") as scratch:
        folder = Path(scratch)
        write_files(source, name, folder)
        options = ["-Os", "-DEDGE_MNIST_PORTABLE", "-DEDGE_MNIST_NO_SELF_TEST", "-fstack-usage", "-c", f"{name}_int8.c"]
        try:
            run_compiler(compiler, options, folder)
            usage = (folder / f"{name}_int8.su").read_text("utf-8")
        except (ConversionError, OSError):
            return None
    found = STACK_LINE.findall(usage)
    return sum(int(size) for _, size, _ in found) if found and all(kind in BOUNDED for *_, kind in found) else None


def write_files(source: CSource, name: str, folder: Path) -> None:
    """Write NAME_int8.c and NAME_int8.h into a folder."""
    (folder / f"{name}_int8.c").write_text(source.source, "utf-8")
    (folder / f"{name}_int8.h").write_text(source.header, "utf-8")


def run_compiler(compiler: Compiler, options: Sequence[str], folder: Path) -> None:
    """Run a compiler in a folder, with every warning on.

    Raises:
        ConversionError: It fails; its words are in a log.
    """
    command = [*compiler.command, *WARNINGS, *options]
    try:
        done = subprocess.run(  # noqa: S603
            command, cwd=folder, capture_output=True, text=True, timeout=COMPILE_TIMEOUT_S, check=False
        )
        said, failed = done.stdout + done.stderr, done.returncode != 0
    except (OSError, subprocess.SubprocessError) as error:
        said, failed = str(error), True
    if failed:
        descriptor, log = tempfile.mkstemp(prefix="edge-mnist-compiler-", suffix=".log")  # a name that nobody foresees
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(f"{shlex.join(command)}\n{said}")
        raise ConversionError(
            f"{compiler.command[0]} cannot compile the C program; its words are in {log}; name another compiler with CC"
        )
