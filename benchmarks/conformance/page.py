"""docs/results/conformance.md."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from benchmarks.conformance.recorded import ModelFile
from benchmarks.conformance.rows import Row
from benchmarks.conformance.subject import Format

HEAD: Final = """# The same answers in every program

Written by `make conformance`. Other programs, and other processors, run the three shipped models as int8 ONNX and as
int8 TFLite. Each row compares a program's answers with those on record.

**On record.** For ONNX: onnxruntime with exact int8 sums, on this machine. For TFLite: LiteRT with XNNPACK, as the
export measures it. The ONNX files are those in the package. The TFLite files are exported in the same run.

**How to read a row.** *Other answers*: digits that the program reads as another digit. *Other probabilities*: digits
with a probability that differs by more than 0.000001; the float softmax of an ONNX file may round that far. *Largest
difference*: of any probability, in 0..1; a step of a TFLite file's output is 0.0039. *Lead*: among the other answers,
the largest lead of the first digit over the second on record. A number in brackets points to the reason.

**What no row says.** An emulated processor runs the same instructions as a real one, so its sums are real. A program
picks its kernels by what the emulated processor says that it can do.
"""

TABLE_HEAD: Final = (
    "| program | condition | version | file | digits | other answers | other probabilities | largest difference "
    "| lead |",
    "|---|---|---|---|---|---|---|---|---|",
)

TITLES: Final[dict[Format, str]] = {"onnx": "int8 ONNX", "tflite": "int8 TFLite"}


def format_page(rows: Sequence[Row], files: Sequence[ModelFile], digits: str, machine: str) -> str:
    """The page.

    Args:
        rows: In the order of the tables.
        files: What was tested.
        digits: Which digits, and how many.
        machine: What `condition` calls this processor.
    """
    notes = list(dict.fromkeys(text for row in rows if (text := row.explanation)))
    lines = [HEAD, f"Digits: {digits}. This processor: {machine}.", "", *_describe_files(files), ""]
    for kind, title in TITLES.items():
        own = [row for row in rows if row.file.format == kind]
        if own:
            lines += [f"## {title}", "", *TABLE_HEAD, *(_format_row(row, notes) for row in own), ""]
    if notes:
        lines += ["## Why rows differ", "", *(f"{number}. {note}" for number, note in enumerate(notes, 1)), ""]
    return "\n".join(lines)


def _describe_files(files: Sequence[ModelFile]) -> list[str]:
    lines = ["| file | bytes | read right, on record |", "|---|---|---|"]
    lines += [f"| `{file.path.name}` | {file.path.stat().st_size:,} | {file.top1:.2%} |" for file in files]
    others = [f"`{file.path.name}`" for file in files if file.as_shipped is False]
    if others:
        lines += ["", f"An export gives other bytes than the package holds of {', '.join(others)}."]
    else:
        lines += ["", "An export gives the ONNX files that the package holds, byte for byte."]
    return lines


def _format_row(row: Row, notes: Sequence[str]) -> str:
    head = f"| {row.subject.program} | {row.subject.condition} | {row.version or ''} | `{row.file.path.name}` |"
    reason = f" [{notes.index(row.explanation) + 1}]" if row.explanation else ""
    if row.unexplained:
        reason = " **not explained**"
    if row.not_run is not None:
        return f"{head} not run here: {_cell(row.not_run)} | | | | |"
    if row.refused is not None:
        return f"{head} refused{reason}: {_cell(row.refused)} | | | | |"
    difference = row.difference
    assert difference is not None  # a row without answers is one of the two above
    lead = "" if difference.max_lead is None else f"{difference.max_lead:.4f}"
    return (
        f"{head} {difference.n:,} | {difference.other_answers:,}{reason} | {difference.other_probabilities:,} "
        f"| {_small(difference.max_difference)} | {lead} |"
    )


def _small(value: float) -> str:
    return "0" if value == 0 else f"{value:.4f}" if value >= 0.0001 else f"{value:.0e}"


def _cell(text: str) -> str:
    """Text for a cell: one line, no bars, not endless."""
    plain = " ".join(text.replace("|", "/").split())
    return plain if len(plain) <= 160 else f"{plain[:157]}..."
