"""Run C programs and libraries of the reference models on emulated ARM processors, and write docs/devices.md.

    python -m benchmarks.devices --digits 1000

Exit code 1: a score differs from that of TFLite's reference kernels.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.devices.chips import CHIPS, COMPILER, EMULATOR, PACKAGES, Chip, Run, find_missing_tool, run_on_chip
from benchmarks.devices.libraries import COMPUTERS, find_missing_part, run_library
from edge_mnist_exporter import ExportConfig, export
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.native.targets import TARGETS
from edge_mnist_runtime.dataset import find_mnist_folder, load_mnist_half

MODELS = ("edge", "nano", "robust")

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

## Libraries on computers

The same program as a library ([how to make it](c.md#as-a-library)), on emulated computers with 1,000 digits each:

| model | computer | instructions | library, bytes | differing |
|---|---|---|---|---|
{libraries}

## Other projects

What others publish for MNIST, each counted in its own way:

| project | figures |
|---|---|
| TinyMaix | 2.4 kB of flash, 1.4 kB of RAM |
| an ST example, int8 | 56.9 KiB of flash, 21.7 KiB of RAM |
| BitNetMCU | 99.55 %, 11.0 kB of weights, 2.74 million cycles |

Made by `make device-test` with:

{tools}
"""


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
    sizes, runs, libraries, differing = [], [], [], 0
    for name in MODELS:
        bundle = BUILD / name
        if not (bundle / f"{name}_int8.c").exists():
            export(name, output=bundle, config=ExportConfig(formats=("tflite", "c"))).require_passed()
        tflite = (bundle / f"{name}_int8.tflite").read_bytes()
        program = make_c_program(tflite, name, max_ram_bytes=None)
        expected = program.kernels.run_stored(digits)
        for target in COMPUTERS:
            emulated = run_library(program, TARGETS[target], digits, expected)
            differing += emulated.differing
            libraries.append(emulated.describe(name))
            print(libraries[-1], flush=True)
        flash = {}
        for chip, flags in list_runs():
            folder = BUILD / "-".join((name, chip.cpu, *flags))
            run = run_on_chip(chip, bundle.resolve(), name, digits, folder, flags=flags)
            wrong = int((run.scores != expected).any(1).sum()) + run.wrong_golden
            differing += wrong
            flash[chip.cpu, flags] = run.flash_bytes
            runs.append(describe(name, chip, flags, run, wrong))
            print(runs[-1], flush=True)
        arena = json_of(bundle)["arena_bytes"]
        m4 = CHIPS[1].cpu
        sizes.append(f"| `{name}` | {arena:,} | {flash[m4, ('-Os',)]:,} | {flash[m4, ('-O2',)]:,} |")
    verdict = "all are equal" if not differing else f"**{differing} differ**"
    page = PAGE.format(
        n=len(digits),
        verdict=verdict,
        sizes="\n".join(sizes),
        runs="\n".join(runs),
        libraries="\n".join(libraries),
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


def json_of(bundle: Path) -> dict[str, int]:
    """What the report says of the C program."""
    report = json.loads((bundle / "report.json").read_text("utf-8"))
    return next(item["program"] for item in report["artifacts"] if item["format"] == "c")


def describe_tools() -> str:
    """The first line of what each tool says of itself."""
    lines = [
        subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
        for tool in (COMPILER, EMULATOR, *sorted({str(TARGETS[name].emulator) for name in COMPUTERS}))
    ]
    return "\n".join(f"- {line}" for line in (*lines, f"ziglang {metadata.version('ziglang')}"))


if __name__ == "__main__":
    sys.exit(main())
