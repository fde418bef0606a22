"""`edge-mnist classify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.messages import one_line, print_error
from edge_mnist_runtime.commands.reading_mode import PreprocessOption
from edge_mnist_runtime.errors import InputError

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier

CLASSIFY_SCHEMA_VERSION: Final = 1


def classify(
    paths: Annotated[list[Path], typer.Argument(help="Picture files, or folders of them.", show_default=False)],
    model: Annotated[
        Path | None,
        typer.Option(
            "--model", "-m", help="A bundle, an .onnx or .tflite file, or robust, edge, nano.", show_default="robust"
        ),
    ] = None,
    preprocess: PreprocessOption = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Say which digit each picture shows.

    A picture that cannot be classified gets one line on standard error; the
    others are still done, and the exit code is 8.
    """
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.picture_definition import require_mode

    with chatter_silenced(show=debug):
        classifier = DigitClassifier(model, preprocess=require_mode(preprocess))
    predictions: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    for path, outcome in _outcomes(classifier, paths):
        if isinstance(outcome, InputError):
            errors.append({"path": str(path), "error": str(outcome)})
            print_error(str(outcome))
        elif as_json:
            predictions.append({"path": str(path), **outcome.to_dict()})
        else:
            print(f"{outcome.digit}  {outcome.confidence:7.2%}  {one_line(str(path))}")
    if as_json:
        record = {"schema_version": CLASSIFY_SCHEMA_VERSION, "predictions": predictions, "errors": errors}
        print(json.dumps(record, indent=2))
    if errors:
        raise typer.Exit(InputError.exit_code)


def _outcomes(classifier: DigitClassifier, paths: Sequence[Path]) -> Iterator[tuple[Path, Any]]:
    """Each picture with its prediction, or with the error that it met, in order."""
    from edge_mnist_runtime.pictures import find_pictures

    for path in paths:
        try:
            for file in find_pictures(path):
                try:
                    yield file, classifier.predict(file)
                except InputError as error:
                    yield file, error
        except InputError as error:
            yield path, error
