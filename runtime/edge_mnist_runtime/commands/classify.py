"""`edge-mnist classify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import BackendOption, JsonOption, ModeBesideRawOption, ModelOption
from edge_mnist_runtime.commands.picture_arguments import is_path, take_picture
from edge_mnist_runtime.commands.terminal import one_line, print_error, print_warning
from edge_mnist_runtime.errors import InputError, PictureError, UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import Backend
    from edge_mnist_runtime.inputs import Picture
    from edge_mnist_runtime.prediction import Prediction
    from edge_mnist_runtime.reading.modes import ReadingMode

CLASSIFY_SCHEMA_VERSION: Final = 1


def classify(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Picture files, folders of pictures, - (standard input) or data: URLs.", show_default=False
        ),
    ],
    model: ModelOption = None,
    mode: ModeBesideRawOption = None,
    backend: BackendOption = None,
    raw: Annotated[
        bool,
        typer.Option(
            "--raw",
            help="Classify 28 x 28 pictures without preprocessing. Also runs .onnx and .tflite files from elsewhere, "
            "with 784 inputs in 0..1.",
        ),
    ] = False,
    processes: Annotated[
        int | None,
        typer.Option(help="Number of processes.", show_default="1; one per core from 512 pictures on"),
    ] = None,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Print the digit that each picture shows.

    A picture without a clear digit is rejected with a reason. A picture that
    cannot be read is reported on standard error. All others are still
    classified, and the exit code is 8.
    """
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import require_backend
    from edge_mnist_runtime.reading.modes import require_mode

    reading_mode, known_backend = require_mode(mode or ("raw" if raw else "auto")), require_backend(backend)
    if raw:
        _require_raw(reading_mode, processes)
    with chatter_silenced(show=debug):
        if raw:
            classifier, processes = _open_raw(model, known_backend), 1
        else:
            classifier = DigitClassifier(model, mode=reading_mode, backend=known_backend)
    if classifier.engine.contract.can_saturate:
        from edge_mnist_runtime.machine.int8_sums import describe_saturation

        is_foreign = classifier.engine.contract.is_foreign
        print_warning(describe_saturation(classifier.info().file or str(model), is_foreign=is_foreign))
    predictions: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    n_rejected = 0
    for name, outcome in _outcomes(classifier, paths, processes):
        if isinstance(outcome, InputError):
            errors.append({"path": name, "error": str(outcome)})
            print_error(str(outcome))
            continue
        n_rejected += not outcome.accepted
        if as_json:
            predictions.append({"path": name, **outcome.to_dict()})
        else:
            print(_line(name, outcome))
    if as_json:
        record = {"schema_version": CLASSIFY_SCHEMA_VERSION, "predictions": predictions, "errors": errors}
        print(json.dumps(record, indent=2))
    if errors or n_rejected:
        raise typer.Exit(InputError.exit_code)


def _require_raw(mode: ReadingMode, processes: int | None) -> None:
    """Raise `UsageError` if an option contradicts --raw."""
    if mode != "raw":
        raise UsageError(f"--mode {mode}: --raw takes 28 x 28 pictures as they are; leave out one of the two")
    if processes not in (None, 1):
        raise UsageError(f"--processes {processes}: --raw reads pictures in one process; leave out one of the two")


def _open_raw(model: Path | None, backend: Backend | None) -> DigitClassifier:
    """Open a classifier of 28 x 28 tensors, also for a file that edge-mnist did not export."""
    from edge_mnist_runtime.bundles.foreign_files import open_any
    from edge_mnist_runtime.classifier import DigitClassifier

    return DigitClassifier.from_engine(open_any(model, backend=backend), mode="raw")


def _line(name: str, prediction: Prediction) -> str:
    if prediction.accepted:
        return f"{prediction.digit}  {prediction.confidence:7.2%}  {one_line(name)}"
    return f"-  {prediction.confidence:7.2%}  {one_line(name)}  ({prediction.reason})"


def _outcomes(
    classifier: DigitClassifier, arguments: Sequence[str], processes: int | None
) -> Iterator[tuple[str, Prediction | InputError]]:
    """Yield each picture's name with its prediction or its error, in order."""
    from edge_mnist_runtime.prediction_pool import default_processes

    found = [*_find(arguments)]
    pictures = [found_or_error for _, found_or_error in found if not isinstance(found_or_error, InputError)]
    if processes is None:
        processes = default_processes(len(pictures))
    outcomes = classifier.predict_stream(pictures, on_error="return", processes=processes)
    for name, found_or_error in found:
        yield name, found_or_error if isinstance(found_or_error, InputError) else next(outcomes)


def _find(arguments: Sequence[str]) -> Iterator[tuple[str, Picture | InputError]]:
    """Yield each picture with its name, and each argument that gives no picture with its error."""
    from edge_mnist_runtime.images.folders import find_pictures

    for argument in arguments:
        unlisted: list[tuple[Path, PictureError]] = []
        try:
            if is_path(argument):
                yield from ((str(file), str(file)) for file in find_pictures(Path(argument), unlisted))
            else:
                yield take_picture(argument)
        except InputError as error:
            yield argument, error
        yield from ((str(path), error) for path, error in unlisted)
