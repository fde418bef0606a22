"""`edge-mnist doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption


def doctor(
    bundle: Annotated[
        Path | None, typer.Argument(help="A bundle folder.", show_default="the models inside this package")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Say whether this device is fit: versions, processor, answers bit by bit, int8 sums, fastest back end.

    Exit code 6: it computes something else than was recorded. Exit code 3:
    nothing of the bundle runs without an extra.
    """
    from edge_mnist_runtime.doctor.checks import examine_device, require_fit

    with chatter_silenced(show=debug):
        report = examine_device(bundle)
    if as_json:
        print(json.dumps(report.to_dict(), indent=2))
    else:
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        styles = {"ok": "green", "warning": "yellow", "failed": "bold red"}
        table = Table(box=None, pad_edge=False, show_header=False)
        for finding in report.findings:
            status = finding.status.upper() if finding.status == "failed" else finding.status
            table.add_row(Text(status, style=styles[finding.status]), Text(finding.check), Text(finding.detail))
        Console(highlight=False).print(table)
    require_fit(report)
