"""The C of a model and of drawings makes no error of memory: sanitizers, valgrind and libFuzzer look for some."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from tests.exporter.program.drawings import make_drawings, make_random_drawings, pack
from tests.exporter.program.test_c_arithmetic import list_builds

pytestmark = pytest.mark.slow

HERE: Final = Path(__file__).parent

RANDOM_DRAWINGS: Final = 1000

PROGRAMS: Final = {
    "model, plain loops": ("replay_golden.c", "nano_int8.c", ["-DEDGE_MNIST_PORTABLE"]),
    "model, vectors": ("replay_golden.c", "nano_int8.c", ["-march=native"]),
    "drawings": ("read_drawings.c", "edge_mnist_drawing.c", []),
}
"""By name: what calls the C of a bundle, its file, and options for the compiler."""

SANITIZERS: Final = {
    "address and undefined behaviour, gcc": ("gcc", "address,undefined"),
    "address and undefined behaviour, clang": ("clang", "address,undefined"),
    "memory": ("clang", "memory"),
}

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
"""`run(program, compiler, *flags, short=0, under=())`: compiles and runs it; memory is so many bytes too small."""


@pytest.fixture
def run_compiled(c_bundle: Path, drawings: bytes, tmp_path: Path) -> Run:
    def run(
        program: str, compiler: str, *flags: str, short: int = 0, under: tuple[str, ...] = ()
    ) -> subprocess.CompletedProcess[bytes]:
        main, source, options = PROGRAMS[program]
        folder = c_bundle / "bundle"
        command = [compiler, "-std=c99", "-g", *options, *flags, f"-DSHORT={short}", "-I", folder]
        subprocess.run([*command, HERE / main, folder / source, "-o", tmp_path / "main"], check=True)
        given = drawings if program == "drawings" else b""
        return subprocess.run([*under, tmp_path / "main"], input=given, capture_output=True, check=False)

    return run


@pytest.fixture(scope="session")
def drawings() -> bytes:
    """Drawings of every kind up to 300 pixels, and random ones."""
    small = [drawing for drawing in make_drawings().values() if max(drawing.shape) <= 300]
    return pack([*small, *make_random_drawings(RANDOM_DRAWINGS, seed=2)])


def require_compiler(name: str, *flags: str) -> None:
    """Skip a test unless a compiler is there and takes these options."""
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}: apt-get install {name}")
    probe = [name, "-x", "c", *flags, "-o", "/dev/null", "-"]
    target = b"int LLVMFuzzerTestOneInput(void) { return 0; }" if "-fsanitize=fuzzer" in flags else b"int main(void) {}"
    if subprocess.run(probe, input=target, capture_output=True, check=False).returncode:
        pytest.skip(f"this {name} lacks {' '.join(flags)}: apt-get install libclang-rt-dev")


def has_read_all(program: str, done: subprocess.CompletedProcess[bytes]) -> bool:
    return program != "drawings" or (len(done.stdout) % 785 == 0 and len(done.stdout) > RANDOM_DRAWINGS * 785)


@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize("program", PROGRAMS)
def test_program_is_clean_under_sanitizers(program: str, sanitizer: str, run_compiled: Run) -> None:
    compiler, checks = SANITIZERS[sanitizer]
    flags = f"-fsanitize={checks}", "-fno-sanitize-recover=all"
    require_compiler(compiler, *flags)
    done = run_compiled(program, compiler, "-O1", *flags)
    assert done.returncode == 0, done.stderr.decode()[:2000]
    assert has_read_all(program, done)


VALGRIND: Final = ("valgrind", "-q", "--error-exitcode=99", "--leak-check=full")


@pytest.mark.parametrize("program", PROGRAMS)
def test_program_is_clean_under_valgrind(program: str, run_compiled: Run) -> None:
    if shutil.which("valgrind") is None:
        pytest.skip("needs valgrind: apt-get install valgrind")
    require_compiler("gcc")
    flags = []
    if program == "model, vectors":  # valgrind has no AVX-512
        flags = ["-march=x86-64", list_builds()["AVX2"]] if "AVX2" in list_builds() else []
    done = run_compiled(program, "gcc", "-O2", *flags, under=VALGRIND)
    assert done.returncode == 0, done.stderr.decode()[:2000]
    assert has_read_all(program, done)


@pytest.mark.parametrize("program", PROGRAMS)
def test_sanitizer_notices_memory_that_is_too_small(program: str, run_compiled: Run) -> None:
    """The programs also need all that they ask for."""
    require_compiler("gcc", "-fsanitize=address")
    done = run_compiled(program, "gcc", "-O1", "-fsanitize=address", short=4)
    assert done.returncode != 0
    assert b"heap-buffer-overflow" in done.stderr


def test_no_pixels_break_the_program(c_bundle: Path, tmp_path: Path) -> None:
    """libFuzzer looks for pixels that do, and for some that plain loops and vectors answer differently."""
    require_compiler("clang", "-fsanitize=fuzzer")
    source = c_bundle / "bundle" / "nano_int8.c"
    sanitized = ["clang", "-g", "-O1", "-fsanitize=fuzzer-no-link,address,undefined", "-I", source.parent]
    names = ("predict", "self_test", "version", "sha256")
    plain = ["-DEDGE_MNIST_PORTABLE", *(f"-Dnano_{name}=plain_{name}" for name in names)]
    subprocess.run([*sanitized, "-march=native", "-c", source, "-o", "vectors.o"], cwd=tmp_path, check=True)
    subprocess.run([*sanitized, *plain, "-c", source, "-o", "plain.o"], cwd=tmp_path, check=True)
    link = ["clang", "-fsanitize=fuzzer,address,undefined", "-I", source.parent, HERE / "fuzz_pixels.c"]
    subprocess.run([*link, "vectors.o", "plain.o", "-o", "fuzz"], cwd=tmp_path, check=True)
    subprocess.run([tmp_path / "fuzz", "-runs=3000", "-seed=1", "-max_len=784"], cwd=tmp_path, check=True)
