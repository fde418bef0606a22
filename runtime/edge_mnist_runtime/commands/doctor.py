"""`edge-mnist doctor`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption


def doctor(
    bundle: Annotated[Path | None, typer.Argument(help="Bundle folder.", show_default="the built-in models")] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check this device: versions, processor, exact predictions, int8 sums, fastest engine.

    Exit code 6: predictions differ from the recorded ones. Exit code 3: no
    file of the bundle runs without an extra.
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
