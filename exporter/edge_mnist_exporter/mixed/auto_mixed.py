"""Replace int8 files that fail their gates by mixed files with as few layers in float as possible."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from edge_mnist_exporter.audit.layer_errors import LayerError
from edge_mnist_exporter.conversion import ExportedFile, convert, name_file, prove
from edge_mnist_exporter.evaluate.evaluation import Probabilities, compare
from edge_mnist_exporter.evaluate.gates import judge_file
from edge_mnist_exporter.formats import FORMATS
from edge_mnist_exporter.formats.request import ConversionRequest, Mixer
from edge_mnist_exporter.gate_config import INT8_PRECISION, GateConfig
from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.report.report import MixedChoice
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.engines import Engine, run_in_batches
from edge_mnist_runtime.errors import ConversionError, CorruptModelError, PrecisionProofError, SaturationError
from edge_mnist_runtime.tensor import Pixels
from edge_mnist_runtime.timing.sampling import Call, SamplingConfig, sample_interleaved

ERROR_IMAGES: Final = 100
"""Number of images for measuring the error of each layer, taken from those that choices are judged on."""

TIMING: Final = SamplingConfig(samples=400, seconds=1.0, warmup=100, min_samples=400, round_calls=25)
"""Interleaved one-image calls of both files, for measuring the time that float layers cost."""


@dataclass(frozen=True)
class UnmadeFile:
    """An int8 file that cannot be made, because the format has no int8 version of some layers."""

    file: str
    """The name that it would have in the bundle."""
    kind: Kind
    reason: ConversionError


@dataclass(frozen=True)
class Mixing:
    """The result of `mix_failing`."""

    files: tuple[ExportedFile, ...]
    """The files, kept or replaced, in the given order."""
    choices: tuple[MixedChoice, ...] = ()
    """The chosen layers, for each int8 file that a mixed one replaced."""
    hopeless: tuple[str, ...] = ()
    """Names of the int8 files that fail and are kept, because no mixed file passes either."""
    sound: tuple[str, ...] = ()
    """Names of the int8 files that pass on the images that choices are judged on."""


Passes = Callable[[tuple[str, ...]], bool]
"""Whether a file passes with these layers in float."""


def choose_layers(layers: Sequence[str], passes: Passes, *, needed: Sequence[str] = ()) -> tuple[str, ...] | None:
    """Search greedily for as few layers in float as possible with which a file passes.

    It adds layers, worst first, until the file passes. Then it removes layers again, best first, if the file still
    passes. So no single layer of the result can be left out.

    Args:
        layers: All layers that may be in int8, worst first.
        passes: Judges a choice.
        needed: Layers that must be in float in every choice.

    Returns:
        The needed layers and the chosen ones, worst first; None if the file does not even pass with all in float.
    """
    for n_layers in range(0 if needed else 1, len(layers) + 1):
        chosen = (*needed, *layers[:n_layers])
        if passes(chosen):
            break
    else:
        return None
    for layer in reversed(chosen[len(needed) :]):
        fewer = tuple(name for name in chosen if name != layer)
        if fewer and passes(fewer):
            chosen = fewer
    return chosen


def rank_layers(errors: Sequence[LayerError]) -> list[str]:
    """Names of the layers sorted by their own rounding error (`own_snr_db`), worst first."""
    return list(dict.fromkeys(error.layer for error in sorted(errors, key=lambda error: error.own_snr_db)))


def mixed_kind(format_name: str, first_layer: str, float_layers: Sequence[str]) -> Kind:
    """The kind of a mixed file. Its input is float in TFLite, or if its first layer is in float, else uint8."""
    takes_floats = format_name == "tflite" or first_layer in float_layers
    return Kind(format_name, "mixed", "float32" if takes_floats else "uint8")


def try_convert(request: ConversionRequest) -> ExportedFile | UnmadeFile:
    """Convert a file; return an `UnmadeFile` if int8 fails, so that a mixed file can replace it.

    Raises:
        ConversionError: A file of another precision cannot be made.
    """
    try:
        return convert(request)
    except ConversionError as error:
        if request.kind.precision != INT8_PRECISION:
            raise
        return UnmadeFile(name_file(request), request.kind, error)


def mix_failing(
    files: Sequence[ExportedFile | UnmadeFile],
    request: Callable[[Kind], ConversionRequest],
    images: LabelledDigits,
    gates: GateConfig,
    *,
    on_stage: Callable[[str], None] = lambda _stage: None,
) -> Mixing:
    """Replace every int8 file that fails a gate, or cannot be made, by a mixed file.

    Args:
        files: Results of `try_convert`.
        request: Makes the conversion request for a kind of file.
        images: Training images to judge choices on; not those used for calibration.
        gates: The limits.
        on_stage: Called with a short description of each search.

    Raises:
        ConversionError: An int8 file cannot be made, and no mixed file passes in its place.
    """
    if not files:
        return Mixing(())
    reference = request(files[0].kind).source.probabilities(images.images)
    kept: list[ExportedFile] = []
    choices: list[MixedChoice] = []
    hopeless: list[str] = []
    sound: list[str] = []
    for file in files:
        if isinstance(file, ExportedFile) and file.kind.precision != INT8_PRECISION:
            kept.append(file)
            continue
        if isinstance(file, ExportedFile) and _passes(file, reference, images, gates):
            kept.append(file)
            sound.append(file.file)
            continue
        on_stage(f"searching for the layers that {file.file} needs in float")
        mixed = _mix(file, request, lambda made: _passes(made, reference, images, gates), images.images)
        if mixed:
            kept.append(mixed[0])
            choices.append(mixed[1])
        elif isinstance(file, UnmadeFile):
            raise type(file.reason)(f"{file.reason}; no file with such layers in float passes, either") from file.reason
        else:
            kept.append(file)
            hopeless.append(file.file)
    return Mixing(tuple(kept), tuple(choices), tuple(hopeless), tuple(sound))


def _passes(file: ExportedFile, reference: Probabilities, images: LabelledDigits, gates: GateConfig) -> bool:
    try:
        found = np.concatenate(list(run_in_batches(file.default_engine, images.images)))
    except CorruptModelError:  # LiteRT refuses some scales of layers that lost all information in int8
        return False
    figures = compare(found, reference, images.labels)
    return all(gate.passed for gate in judge_file(file.file, figures, gates))


def _mix(
    int8: ExportedFile | UnmadeFile,
    request: Callable[[Kind], ConversionRequest],
    passes: Callable[[ExportedFile], bool],
    images: Pixels,
) -> tuple[ExportedFile, MixedChoice] | None:
    file_format = FORMATS[int8.kind.format]
    errors = file_format.measure_errors(request(int8.kind), images[:ERROR_IMAGES])
    order = list(dict.fromkeys(error.layer for error in errors))
    mixers: dict[Kind, Mixer] = {}
    made: dict[tuple[str, ...], ExportedFile] = {}

    def try_layers(float_layers: tuple[str, ...]) -> bool:
        asked = request(mixed_kind(int8.kind.format, order[0], float_layers))
        if asked.kind not in mixers:
            mixers[asked.kind] = file_format.make_mixer(asked)
        try:
            made[float_layers] = prove(asked, mixers[asked.kind](float_layers))
        except (PrecisionProofError, SaturationError):  # no layer with weights is left in int8: not a mixed file
            return False
        return passes(made[float_layers])

    needed = list(dict.fromkeys(error.layer for error in errors if error.in_float))
    others = [layer for layer in rank_layers(errors) if layer not in needed]
    chosen = choose_layers(others, try_layers, needed=needed)
    if chosen is None:
        return None
    mixed = made[chosen]
    return mixed, MixedChoice(
        file=mixed.file,
        instead_of=int8.file,
        float_layers=tuple(name for name in order if name in chosen),
        trials=len(made),
        more_bytes=mixed.size_bytes - int8.size_bytes if isinstance(int8, ExportedFile) else None,
        more_us=measure_cost_us(mixed.engine, int8.engine, images) if isinstance(int8, ExportedFile) else None,
    )


def measure_cost_us(mixed: Engine, int8: Engine, images: Pixels) -> float:
    """Median time of one call of `mixed` minus that of `int8`, in microseconds, from interleaved calls."""
    rows = [images[index : index + 1] for index in range(len(images))]
    samples = sample_interleaved([Call(engine.run, rows) for engine in (mixed, int8)], TIMING)
    ours, theirs = (statistics.median(sample.latencies_us) for sample in samples)
    return ours - theirs
