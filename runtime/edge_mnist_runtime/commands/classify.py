"""`edge-mnist classify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.backend_option import BackendOption
from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.messages import one_line, print_error, print_warning
from edge_mnist_runtime.commands.model_option import ModelOption
from edge_mnist_runtime.commands.reading_mode import PreprocessOption
from edge_mnist_runtime.errors import InputError, PictureError
from edge_mnist_runtime.int8_sums import describe_saturation

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.prediction import Prediction

CLASSIFY_SCHEMA_VERSION: Final = 1


def classify(
    paths: Annotated[list[Path], typer.Argument(help="Picture files, or folders of them.", show_default=False)],
    model: ModelOption = None,
    preprocess: PreprocessOption = "auto",
    backend: BackendOption = None,
    processes: Annotated[
        int | None, typer.Option(help="Processes that read pictures.", show_default="one a core for folders of 512")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone on standard output.")] = False,
    debug: DebugOption = False,
) -> None:
    """Say which digit each picture shows.

    A picture that shows no digit is rejected with a reason; one that cannot be
    read gets one line on standard error. The others are still done, and the
    exit code is 8.
    """
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import require_backend
    from edge_mnist_runtime.reading_mode import require_mode

    mode, known_backend = require_mode(preprocess), require_backend(backend)
    with chatter_silenced(show=debug):
        classifier = DigitClassifier(model, preprocess=mode, backend=known_backend)
    if classifier.engine.contract.can_saturate:
        print_warning(describe_saturation(str(model)))
    predictions: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    n_rejected = 0
    for path, outcome in _outcomes(classifier, paths, processes):
        if isinstance(outcome, InputError):
            errors.append({"path": str(path), "error": str(outcome)})
            print_error(str(outcome))
            continue
        n_rejected += not outcome.accepted
        if as_json:
            predictions.append({"path": str(path), **outcome.to_dict()})
        else:
            print(_line(path, outcome))
    if as_json:
        record = {"schema_version": CLASSIFY_SCHEMA_VERSION, "predictions": predictions, "errors": errors}
        print(json.dumps(record, indent=2))
    if errors or n_rejected:
        raise typer.Exit(InputError.exit_code)


def _line(path: Path, prediction: Prediction) -> str:
    if prediction.accepted:
        return f"{prediction.digit}  {prediction.confidence:7.2%}  {one_line(str(path))}"
    return f"-  {prediction.confidence:7.2%}  {one_line(str(path))}  ({prediction.reason})"


def _outcomes(
    classifier: DigitClassifier, paths: Sequence[Path], processes: int | None
) -> Iterator[tuple[Path, Prediction | InputError]]:
    """Each picture with its prediction, or with the error that it met, in order."""
    from edge_mnist_runtime.prediction_pool import default_processes

    found = [*_find(paths)]
    files = [file for file, error in found if error is None]
    if processes is None:
        processes = default_processes(len(files))
    outcomes = classifier.predict_stream(files, on_error="return", processes=processes)
    for path, error in found:
        yield path, error or next(outcomes)


def _find(paths: Sequence[Path]) -> Iterator[tuple[Path, InputError | None]]:
    """Each picture, and each path that holds none, with its error."""
    from edge_mnist_runtime.picture_folders import find_pictures

    for path in paths:
        unlisted: list[tuple[Path, PictureError]] = []
        try:
            yield from ((file, None) for file in find_pictures(path, unlisted))
        except InputError as error:
            yield path, error
        yield from unlisted
