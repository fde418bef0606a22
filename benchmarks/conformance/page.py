"""docs/results/conformance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from benchmarks.conformance.explanations import Explanation
from benchmarks.conformance.recorded import ModelFile
from benchmarks.conformance.rows import Row
from benchmarks.conformance.subject import Format

HEAD: Final = """# The same answers in every program

Written by `make conformance`. Other programs, and other processors, run the three shipped models as int8 ONNX and as
int8 TFLite. Each row compares a program's answers with those on record.

**On record.** For ONNX: onnxruntime with exact int8 sums, on this machine. For TFLite: LiteRT with XNNPACK, as the
export measures it. The ONNX files are those in the package. The TFLite files are exported in the same run.

**How to read a row.** *Other answers* counts the digits that the program reads as another digit than on record.
*Largest difference* is that of any probability, in 0..1. Up to 0.000001 it is the rounding of the float softmax at the
end of an ONNX file, and stands as 0. A step of a TFLite file's output is 0.0039. *Why* points to the reasons below.

**Emulated processors.** A program picks its kernels by what the emulated processor says that it can do. QEMU computes
what these kernels' instructions compute on a real one. It is slow, so these rows have fewer digits.
"""

TITLES: Final[dict[Format, str]] = {"onnx": "int8 ONNX", "tflite": "int8 TFLite"}


def format_page(rows: Sequence[Row], files: Sequence[ModelFile], digits: str, processor: str) -> str:
    """The page.

    Args:
        rows: In the order of the tables; those of one program together, in the order of `files`.
        files: What was tested.
        digits: Which digits, and how many.
        processor: What `condition` calls this processor.
    """
    notes = list(dict.fromkeys(note for row in rows if (note := row.explanation)))
    lines = [HEAD, f"Digits: {digits}. This processor: {processor}.", "", *_describe_files(files), ""]
    for kind, title in TITLES.items():
        own = [row for row in rows if row.file.format == kind]
        if own:
            names = [_model_name(file) for file in files if file.format == kind]
            lines += [f"## {title}", "", *_format_table(own, names, notes), ""]
    if notes:
        lines += ["## Why rows differ", ""]
        lines += [f"{number}. {note.text}{_measure(note, rows)}" for number, note in enumerate(notes, 1)]
        lines.append("")
    return "\n".join(lines)


def _describe_files(files: Sequence[ModelFile]) -> list[str]:
    lines = ["| file | bytes | read right, on record |", "|---|---|---|"]
    lines += [f"| `{file.path.name}` | {file.path.stat().st_size:,} | {file.top1:.2%} |" for file in files]
    others = [f"`{file.path.name}`" for file in files if file.as_shipped is False]
    if others:
        return [*lines, "", f"An export here gives other bytes than the package holds of {', '.join(others)}."]
    return [*lines, "", "An export here gives the ONNX files that the package holds, byte for byte."]


def _format_table(rows: Sequence[Row], names: Sequence[str], notes: Sequence[Explanation]) -> list[str]:
    columns = ["program", "condition", "version", "digits"]
    columns += [f"{what}: {name}" for what in ("other answers", "largest difference") for name in names]
    columns.append("why")
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    lines += [_format_program(list(group), names, notes) for _, group in groupby(rows, lambda row: row.subject.key)]
    return lines


def _format_program(rows: Sequence[Row], names: Sequence[str], notes: Sequence[Explanation]) -> str:
    first = rows[0]
    by_name = {_model_name(row.file): row for row in rows}
    cells = [
        first.subject.program,
        first.subject.condition,
        next((row.version for row in rows if row.version), ""),
        ", ".join(_unique(f"{row.difference.n:,}" for row in rows if row.difference)),
        *(_other_answers(by_name.get(name)) for name in names),
        *(_largest_difference(by_name.get(name)) for name in names),
        ", ".join(_unique(_reason(row, notes) for row in rows)),
    ]
    return f"| {' | '.join(cells)} |"


def _other_answers(row: Row | None) -> str:
    if row is None:
        return ""
    if row.difference:
        return f"{row.difference.other_answers:,}"
    return "refused" if row.refused is not None else "not run"


def _largest_difference(row: Row | None) -> str:
    if row is None or row.difference is None:
        return ""
    value = row.difference.max_difference
    return "0" if not row.difference.other_probabilities else f"{value:.4f}" if value >= 0.0001 else f"{value:.6f}"


def _reason(row: Row, notes: Sequence[Explanation]) -> str:
    """A note's number, or what the program or its installation said."""
    if row.not_run is not None:
        return f"not run here: {_cell(row.not_run)}"
    reason = f"[{notes.index(row.explanation) + 1}]" if row.explanation else ""
    if row.unexplained:
        reason = "**not explained**"
    return f"{reason} {_cell(row.refused)}" if row.refused is not None else reason


def _measure(note: Explanation, rows: Sequence[Row]) -> str:
    """How little it is about, where the reason is rounding."""
    found = [row.difference for row in rows if row.explanation == note and row.difference]
    if not found or note.max_lead == 1:
        return ""
    most = max(found, key=lambda difference: difference.other_probabilities / difference.n)
    text = f" At most {most.other_probabilities:,} of {most.n:,} digits get another probability."
    leads = [difference.max_lead for difference in found if difference.max_lead is not None]
    if leads:
        text += f" Where the answer is another, the first digit led the second by {max(leads):.3f} at most, on record."
    return text


def _model_name(file: ModelFile) -> str:
    return f"`{file.path.stem.removesuffix('_int8')}`"


def _unique(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _cell(text: str) -> str:
    """Text for a cell: one line, no bars, not endless."""
    plain = " ".join(text.replace("|", "/").split())
    return plain if len(plain) <= 160 else f"{plain[:157]}..."
