"""`edge-mnist export --int8 --format lib`: what is written, what is proved, what is refused."""

from __future__ import annotations

import ctypes
import hashlib
import json
import re
import shutil
import subprocess
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path

import pytest
from tests.exporter.program.drawings import write_documented_program

from benchmarks.devices.drawings import count_workspace_bytes
from edge_mnist_exporter.program.compiler import write_files
from edge_mnist_exporter.program.drawing import DRAWING_HEADER, read_drawing_files
from edge_mnist_exporter.program.native.library import build_library
from edge_mnist_exporter.targets import TARGETS, choose_targets
from edge_mnist_runtime import DigitClassifier, open_model
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.machine.native_target import host_targets

pytestmark = pytest.mark.slow

LENIENT = ("--max-drop", 5, "--min-agreement", 0.9)
"""Limits for an export on digits that the project draws: they are to prove the library, not the network."""

OTHER = next(name for name in ("aarch64-linux", "x86_64-linux") if name not in host_targets())


def test_exported_library_is_proved_listed_and_run(compiler, run_here, drawn_set, tmp_path):
    bundle = tmp_path / "bundle"
    targets = ("--target", f"{host_targets()[0]},{OTHER}") if find_spec("ziglang") else ()
    asked = ("--int8", "--format", "tflite,lib", *targets, "--data", drawn_set, *LENIENT, "-o", bundle)
    finished = run_here("export", "nano", *asked)
    assert finished.code == 0, finished.err
    report = json.loads((bundle / "report.json").read_text("utf-8"))
    library = report["artifacts"][1]
    program = library["program"]
    assert re.fullmatch(r"nano_int8\.\w+-\w+\.(so|dll|dylib)", library["file"])
    assert (program["images"], program["differing"]) == (report["dataset"]["n"], 0)
    assert (program["target"], program["emulator"]) == (host_targets()[0], None)
    assert program["compiler"]
    assert any(gate["name"] == f"program_differences({library['file']})" for gate in report["gates"])
    manifest = json.loads((bundle / "manifest.json").read_text("utf-8"))
    for item in manifest["artifacts"]:
        assert hashlib.sha256((bundle / item["file"]).read_bytes()).hexdigest() == item["sha256"]
    for header in ("nano_int8.h", DRAWING_HEADER):
        assert hashlib.sha256((bundle / header).read_bytes()).hexdigest() == manifest["files"][header]
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "every score is that of TFLite's reference kernels" in card
    for item in report["artifacts"][2:]:  # for the other machine
        assert item["program"]["emulator"] or "Not proved here" in card
    digits = load_samples().images[..., 0]
    assert all(found.digit is not None for found in DigitClassifier(bundle, backend="native").predict_batch(digits))
    contract = open_model(bundle, backend="native").contract
    assert contract.thresholds is not None
    assert asdict(contract.thresholds) == manifest["thresholds"]


def test_programs_in_c_and_other_languages_read_drawings_with_the_library(nano_program, compiler, tmp_path):
    library = build_library(nano_program, choose_targets(None)[0])
    path = tmp_path / f"nano{library.target.suffix}"
    path.write_bytes(library.data)
    write_files(nano_program.source, "nano", tmp_path)
    (tmp_path / DRAWING_HEADER).write_bytes(read_drawing_files()[DRAWING_HEADER])
    (tmp_path / "main.c").write_text(write_documented_program(), "utf-8")
    subprocess.run([*compiler.command, "main.c", path, "-o", "main"], cwd=tmp_path, check=True)
    printed = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout
    assert int(re.fullmatch(r"score of 1: (\d+) of 256\n", printed)[1]) > 128

    loaded = ctypes.CDLL(str(path))
    assert loaded.edge_mnist_drawing_words(48, 48) == count_workspace_bytes(48) // 4
    assert [loaded.edge_mnist_drawing_words(*size) for size in ((0, 5), (5, -1), (16384, 1))] == [0, 0, 0]
    workspace, pixels = (ctypes.c_uint32 * loaded.edge_mnist_drawing_words(30, 20))(), ctypes.create_string_buffer(784)
    assert loaded.edge_mnist_read_drawing(bytes(range(0, 200, 10)) * 30, 20, 30, workspace, pixels) == 0
    assert any(pixels.raw)


@pytest.mark.skipif(find_spec("ziglang") is None or shutil.which("nm") is None, reason="needs ziglang and nm")
@pytest.mark.parametrize("target", ["x86_64-linux", "aarch64-linux", "armv7-linux", "armv6-linux"])
def test_library_for_linux_needs_only_what_every_c_library_has(target, nano_program, tmp_path):
    path = tmp_path / "nano.so"
    path.write_bytes(build_library(nano_program, TARGETS[target]).data)
    printed = subprocess.run(["nm", "-D", "-u", path], capture_output=True, text=True, check=True).stdout
    assert {*printed.split()} <= {"U", "memcpy", "memmove", "memset", "memcmp", "bcmp", "getauxval"}


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (
            ["--format", "lib", "--target", "z80-cpm"],
            2,
            "--target: 'z80-cpm' is unknown; expected one or more of x86_64",
        ),
        (["--format", "c", "--target", "armv6-linux"], 2, "--target: only libraries are for one machine; add lib to"),
        (["--format", "lib", "--auto-mixed"], 2, "a C program has no layers in float; leave it out, or lib out of"),
        (["--format", "lib", "--io", "float32"], 2, "int8 lib takes uint8"),
    ],
)
def test_what_a_library_cannot_be_is_refused_in_one_line(options, code, said, run_here, tmp_path):
    refused = run_here("export", "nano", "--int8", *options, "-o", tmp_path / "bundle")
    assert refused.code == code
    assert said in refused.err
    assert refused.err.count("\n") == 1
    assert not (tmp_path / "bundle").exists()


@pytest.mark.skipif(find_spec("ziglang") is not None, reason="ziglang, which compiles for any machine, is installed")
@pytest.mark.parametrize("target", [OTHER, host_targets()[0]])
def test_missing_compiler_is_named_with_the_extra(target, run_here, drawn_set, tmp_path):
    hidden = {"PATH": str(tmp_path), "CC": ""}
    asked = ("--int8", "--format", "lib", "--target", target, "--data", drawn_set, "-o", tmp_path / "bundle")
    refused = run_here("export", "nano", *asked, env=hidden)
    assert refused.code == 3, refused.err
    assert f"Compiling a library for {target} needs an extra that is not installed: pip install" in refused.err
    assert "[native]" in refused.err


def test_compiler_that_fails_leaves_its_words_in_a_log(run_here, drawn_set, tmp_path):
    broken = tmp_path / "broken-cc"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && echo broken 1 && exit\necho no room in here\nexit 1\n')
    broken.chmod(0o755)
    asked = ("--int8", "--format", "lib", "--data", drawn_set, *LENIENT, "-o", tmp_path / "bundle")
    refused = run_here("export", "nano", *asked, env={"CC": str(broken)})
    assert refused.code == 4
    assert "no room in here" in Path(re.search(r"its words are in (\S+);", refused.err)[1]).read_text("utf-8")
