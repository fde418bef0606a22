"""The `edge-mnist` command: puts the commands together, and turns errors into one line and an exit code.

The runtime's own commands are here; `train` and `export` join through this distribution's entry points, because the
runtime imports neither of the packages that they live in.
"""

from __future__ import annotations

import sys
import traceback
import warnings
from importlib import metadata
from typing import Annotated, Any, Final, NoReturn

import typer

from edge_mnist_runtime.commands import debugging
from edge_mnist_runtime.commands.bench import bench
from edge_mnist_runtime.commands.classify import classify
from edge_mnist_runtime.commands.info import info
from edge_mnist_runtime.commands.messages import print_error
from edge_mnist_runtime.commands.samples import samples
from edge_mnist_runtime.commands.verify import verify
from edge_mnist_runtime.errors import EdgeMnistError

DISTRIBUTION: Final = "edge-mnist"
COMMANDS_GROUP: Final = "edge_mnist.commands"
"""Entry point group of the commands that other packages of this distribution add..."""

COMMANDS_ORDER: Final = ("train", "export")
"""...and the order in which --help lists them."""

INTERRUPTED: Final = 130
"""Exit code after Ctrl-C: 128 + SIGINT, as shells have it."""


def build_app() -> typer.Typer:
    """Put the command line together, without running anything."""
    app = typer.Typer(
        help="Ship a handwritten-digit network, and prove that nothing was lost on the way.",
        epilog="Exit codes: 0 ok, 2 usage, 3 extra missing, 4 conversion, 5 accuracy gate, 6 integrity, 8 bad input.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    workstation, device = "At the workstation", "On the device"
    for name, command in _joined_commands():
        app.command(name, rich_help_panel=workstation)(command)
    for command in (classify, bench, verify, info, samples):
        app.command(rich_help_panel=device)(command)
    return app


def main() -> NoReturn:
    """Run the command line: one line on standard error and a documented exit code for every error."""
    # Pillow warns of what it reads; what matters of it arrives as an error, in one line.
    warnings.filterwarnings("ignore", module="PIL")
    try:
        code = build_app()(standalone_mode=False)
    except EdgeMnistError as error:
        _fail(str(error), error.exit_code)
    except typer.TyperException as error:
        _fail(error.format_message(), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left: nothing to say, and nobody to say it to
        sys.exit(1)
    except Exception as error:  # noqa: BLE001  # the last resort: whatever it is, one line and exit code 1
        _fail(f"unexpected {type(error).__name__}: {error} (--debug shows where)", 1)
    if code == INTERRUPTED:  # typer has turned Ctrl-C into this
        print("edge-mnist: interrupted", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    if debugging.enabled:
        traceback.print_exc()
    if message:
        print_error(message)
    sys.exit(code)


def _joined_commands() -> list[tuple[str, Any]]:
    try:
        entries = metadata.distribution(DISTRIBUTION).entry_points
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed: the runtime alone
        return []
    joined = {entry.name: entry for entry in entries if entry.group == COMMANDS_GROUP}
    return [(name, joined[name].load()) for name in COMMANDS_ORDER if name in joined]


def _print_version(on: bool | None) -> None:
    if on:
        from edge_mnist_runtime import __version__

        typer.echo(f"edge-mnist {__version__}")
        raise typer.Exit()


def _global_options(
    version: Annotated[
        bool | None,
        typer.Option("--version", is_eager=True, callback=_print_version, help="Show the version and exit."),
    ] = None,
) -> None:
    pass
