"""`edge-mnist verify`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption

VERIFY_SCHEMA_VERSION: Final = 1


def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle folder.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Check that a bundle is whole and that this device gives its recorded answers.

    Exit code 6: a file is missing or damaged. Exit code 5: the files are
    whole, but the answers differ here.
    """
    from edge_mnist_runtime.verification import require_replayed, verify_bundle

    with chatter_silenced(show=debug):
        results = verify_bundle(bundle)
    if as_json:
        record = {
            "schema_version": VERIFY_SCHEMA_VERSION,
            "bundle": str(bundle),
            "files": [{**asdict(result), "passed": None if result.skipped else result.passed} for result in results],
        }
        print(json.dumps(record, indent=2))
    else:
        print(f"{bundle}: every file has the SHA-256 that the manifest gives it")
        for result in results:
            print(f"{result.file}: {_verdict(result.skipped, result.same_digits, result.n)}")
    require_replayed(results, bundle)


def _verdict(skipped: str | None, same: int, n: int) -> str:
    return f"not replayed. {skipped}" if skipped else f"{same} of {n} golden digits as recorded"
