"""The command `edge-mnist archs`."""

from __future__ import annotations

import json
from typing import Any

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption


def archs(
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """List the architectures that can be trained, with their sizes."""
    from edge_mnist_runtime.commands.chatter import chatter_silenced
    from edge_mnist_runtime.extras import require_extra

    require_extra("train", "edge-mnist archs", "keras")
    with chatter_silenced(show=debug):
        rows = _measure_all()
    if as_json:
        print(json.dumps({"schema_version": 1, "architectures": rows}, indent=2))
    else:
        _print_table(rows)


def _measure_all() -> list[dict[str, Any]]:
    from edge_mnist_trainer.networks.architectures import ARCHITECTURES
    from edge_mnist_trainer.networks.size import measure_network

    rows = []
    for architecture in ARCHITECTURES.values():
        size = measure_network(architecture.build())
        rows.append(
            {
                "name": architecture.name,
                "summary": architecture.summary,
                "layers": size.layers,
                "parameters": size.parameters,
                "macs": size.macs,
                "int8_weights_bytes": size.int8_weights_bytes,
                "epochs": architecture.config.epochs,
                "published": str(architecture.published) if architecture.published else None,
            }
        )
    return rows


def _print_table(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    table.add_column("--arch", no_wrap=True)
    for heading in ("layers", "params", "MMAC", "int8 kB"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("")
    for row in rows:
        figures = (row["layers"], f"{row['parameters']:,}", f"{row['macs'] / 1e6:.2f}")
        size = f"{row['int8_weights_bytes'] / 1000:.1f}"
        table.add_row(row["name"], *map(str, figures), size, Text(row["summary"]))
    console = Console()
    console.print(table)
    console.print(
        "\nlayers: only those with weights. MMAC: millions of multiply-accumulates per digit.\n"
        "int8 kB: 1 byte per weight, 4 per bias; files are 3 to 20 kB larger.\n"
        "Next: edge-mnist train --arch NAME",
        highlight=False,
    )
