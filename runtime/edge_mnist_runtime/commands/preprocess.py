"""`edge-mnist preprocess`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import JsonOption, ModeOption
from edge_mnist_runtime.commands.picture_arguments import take_picture
from edge_mnist_runtime.commands.saving import check_target, save_png
from edge_mnist_runtime.errors import UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.reading.result import Reading
    from edge_mnist_runtime.tensor import Pixels

PREPROCESS_SCHEMA_VERSION: Final = 2

SHADES: Final = " .:-=+*#%@"
"""Characters for grey levels, from no ink to full ink."""

MAX_SCALE: Final = 100


def preprocess(
    picture: Annotated[str, typer.Argument(help="Picture file, - (standard input) or data: URL.", show_default=False)],
    save: Annotated[
        Path | None, typer.Option(help="Write the network's input as a PNG of 28 x 28 pixels.", show_default=False)
    ] = None,
    scale: Annotated[int, typer.Option(help="Enlarge that PNG this many times, 1..100.")] = 1,
    mode: ModeOption = "auto",
    steps: Annotated[
        bool, typer.Option("--steps", help="Also write the steps before it, as OUT-1-picture.png and so on.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the network's input for a picture: how it was read, and where the digit was found."""
    from edge_mnist_runtime.inputs import read_any
    from edge_mnist_runtime.preprocess import PREPROCESS
    from edge_mnist_runtime.reading.modes import require_mode
    from edge_mnist_runtime.reading.parameters import PICTURE_READING

    known = require_mode(mode)
    if not 1 <= scale <= MAX_SCALE:
        raise UsageError(f"--scale {scale}: expected 1 to {MAX_SCALE}")
    if scale > 1 and save is None:
        raise UsageError("--scale enlarges the file of --save; add --save OUT.png")
    if steps and save is None:
        raise UsageError("--steps writes beside the file of --save; add --save OUT.png")
    name, taken = take_picture(picture)
    reading = read_any(taken, known)
    if not reading.is_grain:
        reading.require_ink(name)
    written = [] if save is None else _save(reading, name, save, scale=scale, with_steps=steps)
    if as_json:
        record = {
            "schema_version": PREPROCESS_SCHEMA_VERSION,
            "path": name,
            **reading.to_dict(),
            "picture_reading": PICTURE_READING.to_dict(),
            "preprocess": PREPROCESS.to_dict(),
            "files": [str(path) for path in written],
            "pixels": reading.pixels.tolist(),
        }
        print(json.dumps(record))
        return
    if sys.stdout.isatty():
        print("\n".join(_draw(reading.pixels)))
    print(_describe(reading))
    for path in written:
        print(path)


def _save(reading: Reading, source: str, path: Path, *, scale: int, with_steps: bool) -> list[Path]:
    from PIL import Image

    pictures = {path: Image.fromarray(reading.pixels.repeat(scale, 0).repeat(scale, 1))}
    if with_steps:
        for number, (name, step) in enumerate(reading.steps, 1):
            pictures[path.with_name(f"{path.stem}-{number}-{name}.png")] = step
    for target in pictures:
        check_target(target, source=source)
    for target, picture in pictures.items():
        save_png(picture, target)
    return list(pictures)


def _draw(pixels: Pixels) -> list[str]:
    """Draw the digit as lines of text, two characters a pixel because characters are tall."""
    return ["".join(2 * SHADES[int(value) * len(SHADES) // 256] for value in row).rstrip() for row in pixels]


def _describe(reading: Reading) -> str:
    words: list[Any] = [f"read as {reading.mode}"]
    if reading.box is None:
        changed = reading.light_on_dark is not None
        return f"{words[0]}: the picture is the network's input{', enlarged or inverted' if changed else ', unchanged'}"
    left, top, right, bottom = reading.box
    words.append(f"ink {'light on dark' if reading.light_on_dark else 'dark on light'}")
    words.append(f"found at x {left} to {right} and y {top} to {bottom}")
    if reading.lines_removed:
        words.append(f"{reading.lines_removed} printed line{'s' if reading.lines_removed > 1 else ''} removed")
    if reading.quality:
        words.append(f"longer side {reading.quality.side_pixels:.0f} pixels, contrast {reading.quality.contrast:.0%}")
    if reading.flaw:
        unless = f" unless its confidence is {reading.min_confidence} or more" if reading.min_confidence < 1 else ""
        words.append(f"and classify rejects it as {reading.flaw}{unless}")
    return ", ".join(words)
