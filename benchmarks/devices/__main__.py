"""Run C programs and libraries of the reference models on emulated ARM processors, and write docs/devices.md.

    python -m benchmarks.devices --digits 1000

Exit code 1: a score differs from that of TFLite's reference kernels, or a drawing's pixels from Python's.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.devices.chips import CHIPS, COMPILER, EMULATOR, PACKAGES, Chip, Run, find_missing_tool, run_on_chip
from benchmarks.devices.drawings import read_drawings
from benchmarks.devices.libraries import COMPUTERS, find_missing_part, run_library
from edge_mnist_exporter import ExportConfig, export
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.compiler import write_files
from edge_mnist_exporter.targets import TARGETS
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half

MODELS = ("edge", "nano", "micro", "robust")

BUILD = Path("build/devices")

PAGE = """# Models on microcontrollers

The C programs of the reference models ([how to make them](c.md)) on emulated processors. Every score of {n:,} test
digits is compared with TFLite's reference kernels: {verdict}.

| model | RAM (arena) | flash, -Os | flash, -O2 |
|---|---|---|---|
{sizes}

Flash: code and constants of the program on Cortex-M4, without golden vectors, in bytes.

| model | processor | options | differing | million instructions | stack |
|---|---|---|---|---|---|
{runs}

Instructions: of one digit, counted by the emulator, which is no cycle count. Stack: bytes, with the loop that calls
the program. Plain loops: `-DEDGE_MNIST_PORTABLE`; M4, M7 and M33 otherwise use their DSP instructions.

## Drawings

`edge_mnist_drawing.c` ([how to use it](c.md#drawings)) on 20 drawn digits a row, compared with Python's pixels.

| drawing | processor | options | differing | million instructions | flash | workspace | stack |
|---|---|---|---|---|---|---|---|
{drawings}

Instructions: of the drawing that takes most. The workspace comes on top of the drawing itself, a byte a pixel. Flash,
workspace and stack are in bytes.

## Libraries on computers

The same program as a library ([how to make it](c.md#as-a-library)), on emulated computers with 1,000 digits each:

| model | computer | instructions | library, bytes | differing |
|---|---|---|---|---|
{libraries}

## Other projects

What others publish, beside our Cortex-M4 at -O2. The figures count different things:

| project | flash | RAM | work of a digit | what they counted |
|---|---|---|---|---|
{others}

Made by `make device-test` with:

{tools}
"""

PUBLISHED = (
    "| TinyMaix, `mnist_q_valid` | 2.4 kB | 1.4 kB | | the model file (convolutions of 4, 8 and 16 channels) and its "
    "buffers; its code takes up to 3 kB more; no accuracy is stated |",
    "| STM32Cube.AI, an int8 example of ST | 56.9 KiB | 21.7 KiB | | totals: weights, activations, and ST's runtime |",
    "| STEdgeAI 4.0, `st_mnistv1_28_tfs_int8` | 38.1 KiB | 17.5 KiB | 3.43 ms of a Cortex-M7 at 400 MHz | totals, of "
    "which weights 10.1 KiB, activations 17.2 KiB; 36 classes of EMNIST, 91.47% |",
    "| BitNetMCU, `cnn_64` | 11.0 kB | | 2.74 million cycles | weights alone; 99.55% of MNIST's test digits at 16 x 16 "
    "pixels; cycles of a CH32V002, a RISC-V without multiplication |",
)
"""Rows of the table of others: what their READMEs and model zoos state."""


def main() -> int:
    """Run, compare, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--digits", type=int, default=1000)
    parser.add_argument("--page", type=Path, default=Path("docs/devices.md"))
    arguments = parser.parse_args()
    missing = find_missing_tool()
    if missing:
        print(f"{missing} is not installed: apt-get install {PACKAGES}", file=sys.stderr)
        return 3
    absent = find_missing_part()
    if absent:
        print(absent, file=sys.stderr)
        return 3
    digits = load_mnist_half(find_mnist_folder(None), "t10k").images[: arguments.digits]
    sizes, runs, libraries, others, differing = [], [], [], [], 0
    for name in MODELS:
        bundle = BUILD / name
        if not (bundle / f"{name}_int8.c").exists():
            export(name, output=bundle, config=ExportConfig(formats=("tflite", "c"))).require_passed()
        tflite = (bundle / f"{name}_int8.tflite").read_bytes()
        program = make_c_program(tflite, name, max_ram_bytes=None)
        code = BUILD / f"{name}-code"  # of the generator as it is now: the bundle may be older
        code.mkdir(exist_ok=True)
        write_files(program.source, name, code)
        expected = program.kernels.run_stored(digits)
        for target in COMPUTERS:
            emulated = run_library(program, TARGETS[target], digits, expected)
            differing += emulated.differing
            libraries.append(emulated.describe(name))
            print(libraries[-1], flush=True)
        flash, work = {}, {}
        for chip, flags in list_runs():
            folder = BUILD / "-".join((name, chip.cpu, *flags))
            run = run_on_chip(chip, code.resolve(), name, digits, folder, flags=flags)
            wrong = int((run.scores != expected).any(1).sum()) + run.wrong_golden
            differing += wrong
            flash[chip.cpu, flags] = run.flash_bytes
            work[chip.cpu, flags] = run.million_instructions
            runs.append(describe(name, chip, flags, run, wrong))
            print(runs[-1], flush=True)
        arena, top1 = program.source.arena_bytes, read_top1(bundle)
        m4 = CHIPS[1].cpu
        sizes.append(f"| `{name}` | {arena:,} | {flash[m4, ('-Os',)]:,} | {flash[m4, ('-O2',)]:,} |")
        others.append(compare(name, flash[m4, ("-O2",)], arena, work[m4, ("-O2",)], top1))
    drawings, wrong_drawings = read_drawings((BUILD / "drawings").resolve())
    differing += wrong_drawings
    verdict = "all are equal" if not differing else f"**{differing} differ**"
    page = PAGE.format(
        n=len(digits),
        verdict=verdict,
        sizes="\n".join(sizes),
        runs="\n".join(runs),
        drawings="\n".join(drawings),
        libraries="\n".join(libraries),
        others="\n".join([*others, *PUBLISHED]),
        tools=describe_tools(),
    )
    arguments.page.write_text(page, "utf-8")
    return 1 if differing else 0


def list_runs() -> list[tuple[Chip, tuple[str, ...]]]:
    """Every chip at -O2; the M4 also at -Os, and without its DSP instructions."""
    m4 = CHIPS[1]
    return [*((chip, ("-O2",)) for chip in CHIPS), (m4, ("-Os",)), (m4, ("-O2", "-DEDGE_MNIST_PORTABLE"))]


def describe(name: str, chip: Chip, flags: tuple[str, ...], run: Run, wrong: int) -> str:
    """A row of the table."""
    options = " ".join(flags).replace("-DEDGE_MNIST_PORTABLE", "plain loops")
    return (
        f"| `{name}` | {chip.name} | {options} | {wrong} of {len(run.scores):,} | {run.million_instructions:.2f} | "
        f"{run.stack_bytes} |"
    )


def compare(name: str, flash_bytes: int, arena_bytes: int, million_instructions: float, top1: float) -> str:
    """A row of the table of others, for one of our models."""
    counted = (
        f"code and constants; the arena, without 784 bytes of pixels; {top1:.2%} of MNIST's test digits at 28 x 28"
    )
    return (
        f"| `{name}` | {flash_bytes / 1000:.1f} kB | {arena_bytes / 1000:.1f} kB | {million_instructions:.2f} million "
        f"instructions | {counted} pixels |"
    )


def read_top1(bundle: Path) -> float:
    """Top-1 of the C file on the evaluation images, 0..1."""
    report = json.loads((bundle / "report.json").read_text("utf-8"))
    return next(item["top1"] for item in report["artifacts"] if item["format"] == "c")


def describe_tools() -> str:
    """The first line of what each tool says of itself."""
    lines = [
        subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
        for tool in (COMPILER, EMULATOR, *sorted({str(TARGETS[name].emulator) for name in COMPUTERS}))
    ]
    return "\n".join(f"- {line}" for line in (*lines, f"ziglang {metadata.version('ziglang')}"))


if __name__ == "__main__":
    sys.exit(main())
