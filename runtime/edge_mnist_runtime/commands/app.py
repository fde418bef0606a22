"""The `edge-mnist` program: build the command line, run one command, turn errors into one line and an exit code.

The runtime must not import trainer and exporter. Their commands are therefore found through the entry points of this
distribution.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.models import TyperPath

from edge_mnist_runtime.commands import debugging, interruption
from edge_mnist_runtime.commands.option_names import learn_options
from edge_mnist_runtime.commands.streams import (
    describe_unwritable,
    drop_standard_output,
    escape_unknown_characters,
    is_of_standard_output,
    open_closed_streams,
)
from edge_mnist_runtime.commands.terminal import print_error
from edge_mnist_runtime.errors import CLOSED_PIPE_EXIT_CODE, INTERRUPTED_EXIT_CODE, EdgeMnistError, OutputError
from edge_mnist_runtime.machine.versions import DISTRIBUTION
from edge_mnist_runtime.paths import require_named, require_readable

COMMANDS_GROUP: Final = "edge_mnist.commands"
"""Entry point group of the commands of trainer and exporter..."""

WORKSTATION_COMMANDS: Final = ("train", "export", "debug", "archs", "transfer-set", "report")
"""...and the order in which --help lists them."""

DEVICE_COMMANDS: Final = (
    *("classify", "read", "preprocess", "archive", "demo", "serve"),
    *("bench", "compare", "doctor", "verify", "install", "info", "samples"),
)
"""The runtime's own commands. Each is the function of this name in the module of this name."""


def build_app(only: str | None = None) -> typer.Typer:
    """Build the command line without running anything.

    Args:
        only: Load only this command, because every imported module slows the start. None loads all, for --help.
    """
    app = typer.Typer(
        help="Train, export and run a handwritten-digit network, and prove that nothing was lost on the way.",
        epilog="Exit codes: 0 ok, 2 usage error, 3 missing extra, 4 conversion failed, 5 accuracy gate failed, "
        "6 damaged file, 7 slower, 8 rejected or unreadable picture, 9 not decided, 130 interrupted.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_global_options)
    for name, command in _load_workstation_commands(only).items():
        app.command(name, rich_help_panel="At the workstation")(command)
    for name in DEVICE_COMMANDS:
        if only in (name, None):
            command = getattr(import_module(f"edge_mnist_runtime.commands.{name}"), name)
            app.command(name, rich_help_panel="On the device")(command)
    return app


def main() -> NoReturn:
    """Entry point of `edge-mnist`: run the command of `sys.argv` and end the process."""
    open_closed_streams()
    escape_unknown_characters()
    # Pillow warns about odd files. What matters is reported as an error anyway.
    warnings.filterwarnings("ignore", module="PIL")
    interruption.listen()
    _exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command. Report every error in one line on standard error.

    Args:
        arguments: The arguments after `edge-mnist`.

    Returns:
        The exit code that README documents.
    """
    first = arguments[0] if arguments else None
    app = build_app(first if first in DEVICE_COMMANDS + WORKSTATION_COMMANDS else None)
    command_line = _check_path_arguments(app)
    command = getattr(command_line, "commands", {}).get(first)
    learn_options(command.params if command else ())
    try:
        code = command_line(arguments, prog_name="edge-mnist", standalone_mode=False)
    except (EdgeMnistError, typer.TyperException) as error:
        message = str(error) if isinstance(error, EdgeMnistError) else _describe_misuse(error)
        return _report(message, error.exit_code)
    except (BrokenPipeError, SystemExit) as error:
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        return _end_closed_pipe()
    except OSError as error:
        if not is_of_standard_output(error):
            return _report_unexpected(error)
        drop_standard_output()
        return _report(describe_unwritable(error), OutputError.exit_code)
    except Exception as error:  # noqa: BLE001  # last resort: any error is one line and exit code 1
        return _report_unexpected(error)
    if code == INTERRUPTED_EXIT_CODE:  # typer turns Ctrl-C into this code
        _report_interruption()
    return code if isinstance(code, int) else 0


class _ReadablePath(TyperPath):
    """A path argument that is checked by `paths`, whose messages say what to do; typer's do not."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        require_named(str(value), param.opts[0] if param.opts[0].startswith("-") else "an argument")
        require_readable(value)
        return super().convert(value, param, ctx)


def _check_path_arguments(app: typer.Typer) -> typer.core.TyperCommand | typer.core.TyperGroup:
    """Make the command line, with `_ReadablePath` for all path arguments."""
    command_line: Any = typer.main.get_command(app)
    for command in getattr(command_line, "commands", {"": command_line}).values():
        for parameter in command.params:
            if isinstance(parameter.type, TyperPath):
                parameter.type = _ReadablePath(readable=False, path_type=parameter.type.type)
    return command_line  # type: ignore[no-any-return]


def _describe_misuse(error: Any) -> str:
    """What typer says of wrong arguments, in one line; where one is missing, with the arguments that belong there."""
    message = str(error.format_message())
    if not message.startswith("Missing ") or error.ctx is None:
        return message
    usage = " ".join(error.ctx.get_usage().split())  # typer breaks it into lines
    return f"{message.rstrip('.')}; {usage[0].lower()}{usage[1:]}"


def _report_unexpected(error: Exception) -> int:
    return _report(f"unexpected {type(error).__name__}: {error} (--debug shows where)", 1)


def _end_closed_pipe() -> int:
    """Say nothing: the reader of standard output has ended, as `head` does. typer and rich raise SystemExit then."""
    drop_standard_output()
    return CLOSED_PIPE_EXIT_CODE


def _report_interruption() -> int:
    print("edge-mnist: interrupted", file=sys.stderr)
    return INTERRUPTED_EXIT_CODE


def _report(message: str, code: int) -> int:
    if debugging.enabled:
        import traceback

        traceback.print_exc()
    if interruption.was_heard():  # TensorFlow's converter turns Ctrl-C into an error of its own
        return _report_interruption()
    if message:
        print_error(message)
    return code


def _exit(code: int) -> NoReturn:
    """End the process at once: commands leave nothing open, and the interpreter's shutdown would take 25 ms."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = code or _end_closed_pipe()
    except OSError as error:
        print_error(describe_unwritable(error))
        code = code or OutputError.exit_code
    sys.stderr.flush()
    os._exit(code)


def _load_workstation_commands(only: str | None) -> dict[str, Any]:
    if only in DEVICE_COMMANDS:
        return {}
    from importlib import metadata

    try:
        entries = metadata.distribution(DISTRIBUTION).entry_points
    except metadata.PackageNotFoundError:  # a source tree that is not installed: only the runtime
        return {}
    from importlib.util import find_spec

    # A frozen application or an archive may hold the metadata of this distribution, but only the runtime's code.
    found = {
        entry.name: entry
        for entry in entries
        if entry.group == COMMANDS_GROUP and find_spec(entry.module.partition(".")[0])
    }
    return {name: found[name].load() for name in WORKSTATION_COMMANDS if name in found and only in (name, None)}


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
