"""`edge-mnist classify`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from edge_mnist_runtime.commands.chatter import chatter_silenced
from edge_mnist_runtime.commands.debugging import DebugOption
from edge_mnist_runtime.commands.options import (
    BackendOption,
    JsonOption,
    LeastConfidenceOption,
    ModeBesideRawOption,
    ModelOption,
    parse_least_confidence,
)
from edge_mnist_runtime.commands.picture_arguments import is_path, take_picture
from edge_mnist_runtime.commands.terminal import one_line, print_error, print_warning
from edge_mnist_runtime.errors import EmptyFolderError, InputError, PictureError, UsageError

if TYPE_CHECKING:
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.engines.options import Backend
    from edge_mnist_runtime.inputs import Picture
    from edge_mnist_runtime.picture_report.tally import Tally
    from edge_mnist_runtime.prediction import Prediction
    from edge_mnist_runtime.reading.modes import ReadingMode
    from edge_mnist_runtime.thresholds import LeastConfidence

CLASSIFY_SCHEMA_VERSION: Final = 1

PicturesArgument = Annotated[
    list[str],
    typer.Argument(help="Picture files, folders of pictures, - (standard input) or data: URLs.", show_default=False),
]
RawOption = Annotated[
    bool,
    typer.Option(
        "--raw",
        help="Classify 28 x 28 pictures without preprocessing. Also runs .onnx and .tflite files from elsewhere, "
        "with 784 inputs in 0..1.",
    ),
]
ProcessesOption = Annotated[
    int | None, typer.Option(help="Number of processes.", show_default="1; one per core from 512 pictures on")
]

ReportOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.html",
        help="Also write a page with every picture, or the 500 worst: what the network saw, answer, confidence. "
        "Folders named 0 to 9 label their pictures.",
        show_default=False,
    ),
]


def classify(
    paths: PicturesArgument,
    model: ModelOption = None,
    mode: ModeBesideRawOption = None,
    least_confidence: LeastConfidenceOption = None,
    backend: BackendOption = None,
    raw: RawOption = False,
    processes: ProcessesOption = None,
    report: ReportOption = None,
    force: Annotated[bool, typer.Option("--force", help="Let --report replace any file.")] = False,
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
    asked = parse_least_confidence(least_confidence)
    if raw:
        _require_raw(reading_mode, processes)
    tally = _start_report(report, force=force)
    with chatter_silenced(show=debug):
        if raw:
            classifier, processes = _open_raw(model, known_backend, asked), 1
        else:
            classifier = DigitClassifier(model, mode=reading_mode, backend=known_backend, least_confidence=asked)
    _warn_of_saturation(classifier, model)
    predictions: list[dict[str, Any]] = []
    errors: list[dict[str, str]] = []
    n_rejected = 0
    for name, picture, outcome in _outcomes(classifier, paths, processes):
        if tally:
            tally.add(name, picture, outcome)
        if isinstance(outcome, InputError):
            errors.append({"path": name, "error": str(outcome)})
            print_error(str(outcome))
            continue
        n_rejected += not outcome.accepted
        if as_json:
            predictions.append({"path": name, **outcome.to_dict()})
        else:
            print(_line(name, outcome))
    if report and tally:
        _write_report(report, tally, classifier, reading_mode)
    if as_json:
        record = {"schema_version": CLASSIFY_SCHEMA_VERSION, "predictions": predictions, "errors": errors}
        print(json.dumps({**record, "report": str(report)} if report else record, indent=2))
    elif report:
        print(report)
    if errors or n_rejected:
        raise typer.Exit(InputError.exit_code)


def _require_raw(mode: ReadingMode, processes: int | None) -> None:
    """Raise `UsageError` if an option contradicts --raw."""
    if mode != "raw":
        raise UsageError(f"--mode {mode}: --raw takes 28 x 28 pictures as they are; leave out one of the two")
    if processes not in (None, 1):
        raise UsageError(f"--processes {processes}: --raw reads pictures in one process; leave out one of the two")


def _open_raw(model: Path | None, backend: Backend | None, asked: LeastConfidence | None) -> DigitClassifier:
    """Open a classifier of 28 x 28 tensors, also for a file that edge-mnist did not export."""
    from edge_mnist_runtime.bundles.foreign_files import open_any
    from edge_mnist_runtime.classifier import DigitClassifier

    return DigitClassifier.from_engine(open_any(model, backend=backend), mode="raw", least_confidence=asked)


def _warn_of_saturation(classifier: DigitClassifier, model: Path | None) -> None:
    """Warn of a file whose int8 sums may saturate on some processors."""
    contract = classifier.engine.contract
    if contract.can_saturate:
        from edge_mnist_runtime.machine.int8_sums import describe_saturation

        print_warning(describe_saturation(classifier.info().file or str(model), is_foreign=contract.is_foreign))


def _start_report(path: Path | None, *, force: bool) -> Tally | None:
    """Check the path of --report, and return what counts; None without a path."""
    if path is None:
        if force:
            raise UsageError("--force: only --report writes a file; add it, or leave --force out")
        return None
    from edge_mnist_runtime.picture_report.page import check_report_path
    from edge_mnist_runtime.picture_report.tally import Tally

    check_report_path(path, force=force)
    return Tally()


def _write_report(path: Path, tally: Tally, classifier: DigitClassifier, mode: ReadingMode) -> None:
    from edge_mnist_runtime.picture_report.page import write_picture_page

    info = classifier.info()
    about = {
        "model": f"{info.model} ({info.precision}, {info.format})",
        "SHA-256": info.sha256 or "unknown",
        "back end": info.engine.backend,
        "mode": mode,
        "least confidence": f"{info.least_confidence:g}",
        "picture reading": f"version {info.picture_reading_version}",
    }
    write_picture_page(path, tally, mode=mode, about=about)


def _line(name: str, prediction: Prediction) -> str:
    if prediction.accepted:
        return f"{prediction.digit}  {prediction.confidence:7.2%}  {one_line(name)}"
    question = "" if prediction.likeliest is None else f"; is it a {prediction.likeliest}?"
    return f"-  {prediction.confidence:7.2%}  {one_line(name)}  ({prediction.reason}{question})"


def _outcomes(
    classifier: DigitClassifier, arguments: Sequence[str], processes: int | None
) -> Iterator[tuple[str, Picture | None, Prediction | InputError]]:
    """Yield each picture's name, the picture (None if there is none), and its prediction or error, in order."""
    from edge_mnist_runtime.prediction_pool import default_processes

    found = [*_find(arguments)]
    if all(isinstance(found_or_error, EmptyFolderError) for _, found_or_error in found):
        raise UsageError(str(found[0][1]))
    pictures = [found_or_error for _, found_or_error in found if not isinstance(found_or_error, InputError)]
    if processes is None:
        processes = default_processes(len(pictures))
    outcomes = classifier.predict_stream(pictures, on_error="return", processes=processes)
    for name, found_or_error in found:
        if isinstance(found_or_error, InputError):
            yield name, None, found_or_error
        else:
            yield name, found_or_error, next(outcomes)


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
