"""`edge-mnist read`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption, LeastConfidenceOption, ModelOption, parse_least_confidence
from edge_mnist_runtime.commands.picture_arguments import take_picture
from edge_mnist_runtime.commands.saving import check_target, save_png
from edge_mnist_runtime.commands.terminal import one_line, print_error
from edge_mnist_runtime.errors import InputError, UsageError
from edge_mnist_runtime.images.data_url import shorten

if TYPE_CHECKING:
    from edge_mnist_runtime.rows.reader import RowReading

READ_SCHEMA_VERSION: Final = 1


def read(
    pictures: Annotated[
        list[str],
        typer.Argument(help="Picture files of one row each, - (standard input) or data: URLs.", show_default=False),
    ],
    model: ModelOption = None,
    least_confidence: LeastConfidenceOption = None,
    save: Annotated[
        Path | None,
        typer.Option(help="Write the picture as a PNG, with a box around each digit.", show_default=False),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Read a row of digits, such as 2026, in each picture, from left to right.

    An uncertain digit is printed as `?`. Exit code 8: a digit is uncertain,
    or a picture shows no row or several rows.
    """
    from edge_mnist_runtime.classifier import DigitClassifier

    if save and len(pictures) > 1:
        raise UsageError(f"--save takes one picture, not {len(pictures)}; read them one by one")
    if save:
        check_target(save, source=pictures[0])
    with chatter_silenced(show=debug):
        classifier = DigitClassifier(model, least_confidence=parse_least_confidence(least_confidence))
    rows: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    n_rejected = 0
    for argument in pictures:
        path = shorten(argument)
        try:
            path, picture = take_picture(argument)
            row = classifier.read_row(picture)
        except InputError as error:
            errors.append({"path": path, "error": str(error)})
            print_error(str(error))
            continue
        n_rejected += not row.accepted
        if save:
            _save(argument, row, save)
        if as_json:
            rows.append({"path": path, **row.to_dict()})
        else:
            print("\n".join(_lines(path, row)))
    if as_json:
        print(json.dumps({"schema_version": READ_SCHEMA_VERSION, "rows": rows, "errors": errors}, indent=2))
    if errors or n_rejected:
        raise typer.Exit(InputError.exit_code)


def _lines(path: str, row: RowReading) -> list[str]:
    """Write one line with the row and the file, then one line for each digit."""
    if not row.digits:
        return [f"-  {one_line(path)}  ({row.reason})"]
    lines = [f"{row.text}  {one_line(path)}"]
    for one in row.digits:
        left, top, right, bottom = one.box
        found = one.prediction
        digit = found.digit if found.accepted else "?"
        reason = f"  ({found.reason})" if found.reason else ""
        lines.append(
            f"  {digit}  {found.confidence:7.2%}  x {left:>5} to {right:>5}  y {top:>5} to {bottom:>5}{reason}"
        )
    return lines


def _save(argument: str, row: RowReading, target: Path) -> None:
    from edge_mnist_runtime.inputs import decode
    from edge_mnist_runtime.rows.drawing import draw_row

    save_png(draw_row(decode(take_picture(argument).picture, in_detail=True), row), target)
