"""`edge-mnist install`."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption, KeyOption, MinVersionOption, load_policy
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.installation.installing import InstallReport

INSTALL_SCHEMA_VERSION: Final = 1


def install(
    to: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the installation.")],
    bundle: Annotated[Path | None, typer.Argument(help="The new bundle folder.", show_default=False)] = None,
    key: KeyOption = None,
    min_version: MinVersionOption = None,
    max_slower: Annotated[
        str | None,
        typer.Option(
            metavar="PERCENT",
            help="Refuse a bundle that is slower than the one in use by more, such as 10%.",
            show_default="not measured",
        ),
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Engine to measure for --max-slower.", show_default="onnxruntime"),
    ] = None,
    back: Annotated[bool, typer.Option("--back", help="Go back to the bundle before the one in use.")] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Check a bundle and put it in use in one step: programs open DIR/current.

    The signature (--key), every hash and the golden digits are checked on a
    copy in DIR. Killed at any moment, one whole bundle is in use. The bundle
    before it is kept for --back. Exit code 5: other answers than recorded.
    Exit code 6: damaged, or not signed as required. Exit code 7: too slow.
    Exit code 9: the measurement cannot tell.
    """
    from edge_mnist_runtime.bench.change import parse_percent
    from edge_mnist_runtime.engines.options import require_backend
    from edge_mnist_runtime.installation.installing import go_back
    from edge_mnist_runtime.installation.installing import install as run_install

    if back:
        given = {"a bundle": bundle, "--key": key, "--min-version": min_version, "--max-slower": max_slower,
                 "--backend": backend}  # fmt: skip
        if beside := [name for name, value in given.items() if value is not None]:
            raise UsageError(f"--back takes only --to; leave out {', '.join(beside)}")
        with chatter_silenced(show=debug):
            report = go_back(to)
        _print(report, "went back", as_json=as_json)
        return
    if bundle is None:
        raise UsageError("name the bundle to install, or go back with --back")
    if backend is not None and max_slower is None:
        raise UsageError("--backend is the engine to measure; add --max-slower PERCENT")
    known_backend = require_backend(backend)
    limit = None if max_slower is None else parse_percent(max_slower, "--max-slower")
    policy = load_policy(key, min_version)
    with chatter_silenced(show=debug):
        report = run_install(bundle, to, policy=policy, max_slower=limit, backend=known_backend)
    done = "installed" if report.changed else "already in use"
    _print(report, f"{bundle}: {done}", as_json=as_json, is_measured=limit is not None)


def _print(report: InstallReport, done: str, *, as_json: bool, is_measured: bool = False) -> None:
    from edge_mnist_runtime.bench.change import describe_interval

    if as_json:
        record = {
            "schema_version": INSTALL_SCHEMA_VERSION,
            "path": str(report.path),
            "changed": report.changed,
            "signature": asdict(report.statement) if report.statement else None,
            "files": [{**asdict(item), "passed": None if item.skipped else item.passed} for item in report.replayed],
            "speed": report.speed.to_dict() if report.speed else None,
        }
        print(json.dumps(record, indent=2))
        return
    if report.statement:
        print(report.statement)
    for item in report.replayed:
        verdict = f"not replayed. {item.skipped}" if item.skipped else f"{item.same_digits} of {item.n} golden digits"
        print(f"{item.file}: {verdict}")
    if report.speed:
        for change in report.speed.changes:
            print(f"{change.model}: {change.quantity} {change.old_and_new} ({describe_interval(change)})")
    elif is_measured and report.changed:
        print("speed: not measured, as no bundle was in use")
    print(f"{done}; {report.path} is the bundle in use")
