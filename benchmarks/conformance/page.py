"""Format docs/results/conformance.md."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Final

from benchmarks.conformance.explanations import Explanation
from benchmarks.conformance.recorded import ModelFile
from benchmarks.conformance.rows import Row
from benchmarks.conformance.subject import Format

HEAD: Final = """# Predictions in other programs and on other processors

Do other programs and processors give the same predictions as the recorded ones? They run the shipped models as
int8 ONNX and int8 TFLite. Written by `make conformance`.

| files | recorded with | from |
|---|---|---|
| ONNX | onnxruntime with exact int8 sums, on this machine | the package |
| TFLite | LiteRT with XNNPACK, as in the export | exported in the same run |

| column | meaning |
|---|---|
| other digit | number of digits with another top-1 prediction than recorded |
| largest difference | of any probability, 0..1; 0 if at most 0.000001, the rounding of the float softmax in ONNX \
files. One step of a TFLite file's output is 0.0039. |
| why | number of the reason below |

**Emulated processors.** A program chooses its kernels by the features of the emulated processor. QEMU computes their
instructions as a real processor does. It is slow, so these rows have fewer digits.
"""

TITLES: Final[dict[Format, str]] = {"onnx": "int8 ONNX", "tflite": "int8 TFLite"}


def format_page(rows: Sequence[Row], files: Sequence[ModelFile], digits: str, processor: str) -> str:
    """Format the page.

    Args:
        rows: In the order of the tables; the rows of a program are consecutive, in the order of `files`.
        files: The files under test.
        digits: Name, split and number of the digits.
        processor: The processor that `condition` calls "this processor".
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
    lines = ["| file | bytes | recorded top-1 |", "|---|---|---|"]
    lines += [f"| `{file.path.name}` | {file.path.stat().st_size:,} | {file.top1:.2%} |" for file in files]
    others = [f"`{file.path.name}`" for file in files if file.as_shipped is False]
    if others:
        return [*lines, "", f"An export on this machine gives other bytes than the package has: {', '.join(others)}."]
    return [*lines, "", "An export on this machine gives the ONNX files of the package, byte for byte."]


def _format_table(rows: Sequence[Row], names: Sequence[str], notes: Sequence[Explanation]) -> list[str]:
    columns = ["program", "condition", "version", "digits"]
    columns += [f"{what}: {name}" for what in ("other digit", "largest difference") for name in names]
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
        *(_other_predictions(by_name.get(name)) for name in names),
        *(_largest_difference(by_name.get(name)) for name in names),
        ", ".join(_unique(_reason(row, notes) for row in rows)),
    ]
    return f"| {' | '.join(cells)} |"


def _other_predictions(row: Row | None) -> str:
    if row is None:
        return ""
    if row.difference:
        return f"{row.difference.other_predictions:,}"
    return "refused" if row.refused is not None else "not run"


def _largest_difference(row: Row | None) -> str:
    if row is None or row.difference is None:
        return ""
    value = row.difference.max_difference
    return "0" if not row.difference.other_probabilities else f"{value:.4f}" if value >= 0.0001 else f"{value:.6f}"


def _reason(row: Row, notes: Sequence[Explanation]) -> str:
    """The number of the reason, and the message of the program or of its installation."""
    if row.not_run is not None:
        return f"not run here: {_cell(row.not_run)}"
    reason = f"[{notes.index(row.explanation) + 1}]" if row.explanation else ""
    if row.unexplained:
        reason = "**not explained**"
    return f"{reason} {_cell(row.refused)}" if row.refused is not None else reason


def _measure(note: Explanation, rows: Sequence[Row]) -> str:
    """The extent of the differences, if the reason is rounding."""
    found = [row.difference for row in rows if row.explanation == note and row.difference]
    if not found or note.max_margin == 1:
        return ""
    most = max(found, key=lambda difference: difference.other_probabilities / difference.n)
    text = f" This changes the probabilities of at most {most.other_probabilities:,} of {most.n:,} digits."
    margins = [difference.max_margin for difference in found if difference.max_margin is not None]
    if margins:
        text += f" The digits that change had a margin (top-1 minus top-2 probability) of at most {max(margins):.3f}."
    return text


def _model_name(file: ModelFile) -> str:
    return f"`{file.path.stem.removesuffix('_int8')}`"


def _unique(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]


def _cell(text: str) -> str:
    """Text for a cell: one line without bars, at most 160 characters."""
    plain = " ".join(text.replace("|", "/").split())
    return plain if len(plain) <= 160 else f"{plain[:157]}..."
