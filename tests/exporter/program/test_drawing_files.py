"""`edge_mnist_drawing.c`: Python, C and WebAssembly read drawings to the same 784 bytes."""

from __future__ import annotations

import ctypes
import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image
from tests.exporter.program.drawings import (
    REASONS,
    Answer,
    Grey,
    make_drawings,
    make_random_drawings,
    pack,
    unpack,
    write_documented_program,
)

from edge_mnist_exporter.program.compiler import BOUNDED, STACK_LINE, WARNINGS, Compiler, run_compiler
from edge_mnist_exporter.program.drawing import DRAWING_SOURCE, read_drawing_files, write_drawing_files
from edge_mnist_exporter.program.wasm.build import build_wasm, find_wasm_compiler
from edge_mnist_runtime.images.colours import upright_grey
from edge_mnist_runtime.preprocess import PREPROCESS, ink_box
from edge_mnist_runtime.reading.drawing import normalise_drawing, subtract_background
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.thin_strokes import MAX_LENGTH_PERCENT, MAYBE_INK_LEVEL, MIN_WIDTH_PERCENT
from edge_mnist_runtime.web.page import MODEL_MODULE, read_web_file

pytestmark = pytest.mark.slow

DRAWINGS = make_drawings()


def read_in_python(grey: Grey) -> Answer:
    """The pixels by the runtime's definition, and the reasons that do not need its connected components."""
    picture = upright_grey(Image.fromarray(grey))
    ink = subtract_background(picture)
    if ink is None:
        return "blank", bytes(784)
    side_pixels = ink_box(ink.pixels).long_side * max(grey.shape) / max(picture.size)
    flaw = "too small" if side_pixels < PICTURE_READING.flaws.min_side_pixels else None
    return flaw, normalise_drawing(ink.pixels).tobytes()


@pytest.fixture(scope="session")
def expected() -> dict[str, Answer]:
    """What Python reads in each drawing of the set."""
    return {name: read_in_python(drawing) for name, drawing in DRAWINGS.items()}


class CompiledReader:
    """`edge_mnist_read_drawing()` in this process."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))

    def __call__(self, grey: Grey) -> Answer:
        height, width = grey.shape
        n_words = self._library.count_words(width, height)
        workspace = (ctypes.c_uint32 * (n_words + 1))(*[0] * n_words, 0xA5A5A5A5)
        ctypes.memset(workspace, 0xA5, 4 * n_words)
        pixels = ctypes.create_string_buffer(784)
        code = self._library.edge_mnist_read_drawing(grey.tobytes(), width, height, workspace, pixels)
        assert workspace[n_words] == 0xA5A5A5A5
        return REASONS[code], pixels.raw


COUNT_WORDS = """
#include "edge_mnist_drawing.h"
int32_t count_words(int32_t width, int32_t height);
int32_t count_words(int32_t width, int32_t height) { return EDGE_MNIST_DRAWING_WORDS(width, height); }
"""


@pytest.fixture(scope="session")
def read_in_c(compiler: Compiler, tmp_path_factory: pytest.TempPathFactory) -> CompiledReader:
    folder = tmp_path_factory.mktemp("drawing")
    write_drawing_files(folder)
    (folder / "words.c").write_text(COUNT_WORDS, "utf-8")
    shared = ["-O2", "-Werror", "-fPIC", "-shared", DRAWING_SOURCE, "words.c", "-o", "drawing.so"]
    run_compiler(compiler, shared, folder)
    return CompiledReader(folder / "drawing.so")


@pytest.mark.parametrize("name", DRAWINGS)
def test_c_reads_a_drawing_as_python_does(name: str, read_in_c: CompiledReader, expected: dict[str, Answer]) -> None:
    assert read_in_c(DRAWINGS[name]) == expected[name]


def test_set_of_drawings_has_every_answer(expected: dict[str, Answer]) -> None:
    assert {reason for reason, _ in expected.values()} == {*REASONS}


def test_c_reads_random_drawings_as_python_does(read_in_c: CompiledReader) -> None:
    for number, drawing in enumerate(make_random_drawings(3000, seed=1)):
        assert read_in_c(drawing) == read_in_python(drawing), (number, drawing.shape)


def test_mode_mnist_gives_these_pixels(expected: dict[str, Answer]) -> None:
    """The runtime also smooths grain, and rejects ink that is cut off or several digits."""
    for name, (reason, pixels) in expected.items():
        if DRAWINGS[name].shape == (28, 28):
            continue  # may be a tensor, which mode `mnist` passes on
        found = read_picture(Image.fromarray(DRAWINGS[name]), mode="mnist")
        if found.flaw != "blank":
            assert found.pixels.tobytes() == pixels, name
        if found.flaw in REASONS:
            assert found.flaw in (reason, "blank"), name


def test_bad_sizes_are_refused(read_in_c: CompiledReader) -> None:
    read = read_in_c._library.edge_mnist_read_drawing
    pixels = ctypes.create_string_buffer(b"x" * 784, 784)
    for width, height in ((0, 5), (5, 0), (-1, 5), (16384, 1), (1, 2**31 - 1)):
        assert read(b"", width, height, (ctypes.c_uint32 * 1)(), pixels) == 3
        assert pixels.raw == bytes(784)


def test_parameters_of_c_are_those_of_python() -> None:
    source, header = (content.decode() for content in read_drawing_files().values())
    found = {name: int(value) for name, value in re.findall(r"^    (\w+) = (\d+)[,/ ]", source + header, re.MULTILINE)}
    stated = {
        "TENSOR_SIDE": PREPROCESS.side_pixels,
        "INK_SIDE": PREPROCESS.ink_side_pixels,
        "CENTRE": PREPROCESS.centre_pixel,
        "DESPECKLE_FROM": PREPROCESS.median_filter_from_pixels,
        "MIN_CONTRAST": PREPROCESS.least_contrast,
        "FLOOR_PERCENT": PREPROCESS.floor_percent,
        "FULL_PERCENT": PREPROCESS.full_percentile,
        "WEIGHT_BITS": PREPROCESS.weight_bits,
        "LEVEL_BITS": PREPROCESS.level_bits,
        "MIN_SIDE": PICTURE_READING.flaws.min_side_pixels,
        "STROKE_LEVEL": MAYBE_INK_LEVEL,
        "STROKE_FULL": 100 * PICTURE_READING.ink.level_quantile,
        "MIN_WIDTH": MIN_WIDTH_PERCENT,
        "MAX_LENGTH": MAX_LENGTH_PERCENT,
    }
    assert {name: found[name] for name in stated} == stated
    assert f"KERNEL_ONE = 1 << {PREPROCESS.kernel_bits}," in source
    assert PREPROCESS.working_side_pixels == 256


@pytest.mark.parametrize("command", ["gcc", "clang", "arm-none-eabi-gcc"])
@pytest.mark.parametrize("level", ["-O0", "-Os", "-O3"])
def test_files_compile_without_a_warning(command: str, level: str, tmp_path: Path) -> None:
    if shutil.which(command) is None:
        pytest.skip(f"needs {command}")
    write_drawing_files(tmp_path)
    options = ["-ffreestanding", "-Werror", level, "-c", DRAWING_SOURCE, "-o", "drawing.o"]
    subprocess.run([command, *WARNINGS, *options], cwd=tmp_path, check=True)


@pytest.mark.parametrize("command", ["gcc", "arm-none-eabi-gcc -mcpu=cortex-m0", "arm-none-eabi-gcc -mcpu=cortex-m4"])
@pytest.mark.parametrize("level", ["-Os", "-O2", "-O3"])
def test_stack_is_bounded_as_the_docs_say(command: str, level: str, tmp_path: Path) -> None:
    """The sum over all functions is more than any chain of calls: none is recursive, or has arrays of variable size."""
    compiler, *flags = command.split()
    if shutil.which(compiler) is None:
        pytest.skip(f"needs {compiler}")
    write_drawing_files(tmp_path)
    options = ["-std=c99", "-ffreestanding", level, "-fstack-usage", "-c", DRAWING_SOURCE, "-o", "drawing.o"]
    subprocess.run([compiler, *flags, *options], cwd=tmp_path, check=True)
    usage = STACK_LINE.findall((tmp_path / "drawing.su").read_text("utf-8"))
    assert {kind for *_, kind in usage} <= BOUNDED
    assert 500 < sum(int(size) for _, size, _ in usage) <= 850


def test_program_of_the_docs_reads_its_drawing(c_bundle: Path, compiler: Compiler, tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(write_documented_program(), "utf-8")
    bundle = c_bundle / "bundle"
    sources = ["main.c", bundle / "nano_int8.c", bundle / DRAWING_SOURCE]
    command = [*compiler.command, *WARNINGS, "-Werror", "-I", bundle, *sources, "-o", "main"]
    subprocess.run(command, cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert int(re.fullmatch(r"score of 1: (\d+) of 256\n", printed)[1]) > 128


def test_bundle_holds_the_files_with_their_hashes(c_bundle: Path) -> None:
    manifest = json.loads((c_bundle / "bundle" / "manifest.json").read_text("utf-8"))
    for name, content in read_drawing_files().items():
        assert (c_bundle / "bundle" / name).read_bytes() == content
        assert manifest["files"][name] == hashlib.sha256(content).hexdigest()


READ_IN_NODE = """
import { readFileSync, writeFileSync } from "node:fs";
import { loadDigitModel } from "./model.mjs";
const model = await loadDigitModel(readFileSync("model.wasm"));
const packed = readFileSync("drawings");
const answers = [];
for (let at = 0; at < packed.length; ) {
  const width = packed.readInt32LE(at), height = packed.readInt32LE(at + 4), end = at + 8 + width * height;
  const { pixels, reason } = model.readDrawing(new Uint8Array(packed.subarray(at + 8, end)), width, height);
  if ((pixels === null) !== (reason !== null)) throw new Error("pixels and a reason, or neither");
  answers.push(Buffer.from([[null, "blank", "too small"].indexOf(reason)]), pixels ?? Buffer.alloc(784));
  at = end;
}
writeFileSync("answers", Buffer.concat(answers));
const refused = [
  [new Uint8Array(6), 2, 2], [[1, 2], 2, 1], [new Uint8Array(0), 0, 4], [new Uint8Array(6), 1.5, 4],
  [new Uint8Array(16384), 16384, 1],
].map((given) => {
  try { model.readDrawing(...given); return "none"; } catch (error) { return `${error.name}: ${error.message}`; }
});
console.log(JSON.stringify([refused, model.selfTest(), model.predict(new Uint8Array(784)).scores.length]));
"""


@pytest.fixture(scope="session")
def node() -> str:
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs Node: apt-get install nodejs")
    return found


def test_webassembly_reads_drawings_as_python_does(
    nano_program: object, node: str, expected: dict[str, Answer], tmp_path: Path
) -> None:
    if find_wasm_compiler() is None:
        pytest.skip("needs clang and wasm-ld (apt-get install clang lld), or the Python package ziglang")
    (tmp_path / "model.wasm").write_bytes(build_wasm(nano_program))
    (tmp_path / MODEL_MODULE).write_text(read_web_file(MODEL_MODULE), "utf-8")
    (tmp_path / "main.mjs").write_text(READ_IN_NODE, "utf-8")
    random = [*make_random_drawings(300, seed=3)]
    (tmp_path / "drawings").write_bytes(pack([*DRAWINGS.values(), *random]))
    done = subprocess.run([node, "main.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True)
    both = [*expected.values(), *map(read_in_python, random)]
    assert unpack((tmp_path / "answers").read_bytes()) == [
        (reason, bytes(784) if reason else pixels) for reason, pixels in both
    ]
    refused, wrong_golden, n_scores = json.loads(done.stdout)
    assert refused == [
        "TypeError: readDrawing: expected a Uint8Array of 2 x 2 grey levels",
        "TypeError: readDrawing: expected a Uint8Array of 2 x 1 grey levels",
        "RangeError: readDrawing: expected a width and a height of 1 to 16383",
        "RangeError: readDrawing: expected a width and a height of 1 to 16383",
        "RangeError: readDrawing: expected a width and a height of 1 to 16383",
    ]
    assert (wrong_golden, n_scores) == (0, 10)
