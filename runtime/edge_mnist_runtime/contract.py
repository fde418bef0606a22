"""The contract inside every exported model file: labels, precision, preprocessing. So one file is enough for a device.

It is JSON: in ONNX files under the key `edge_mnist` of `metadata_props`, in TFLite files in a metadata buffer of that
name. The runtime reads it, and refuses a model that was made for another preprocessing.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_runtime.errors import ContractError, IntegrityError, NoContractError
from edge_mnist_runtime.thresholds import Thresholds

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

METADATA_KEY: Final = "edge_mnist"
"""Name of the contract in a model file's metadata."""

CONTRACT_SCHEMA_VERSION: Final = 5

READABLE_SCHEMA_VERSIONS: Final = (3, 4, CONTRACT_SCHEMA_VERSION)
"""Version 3 does not say whether int8 sums can saturate, so its int8 files count as files that can. Version 4 has no
named thresholds."""

DIGIT_LABELS: Final = tuple("0123456789")

PRECISIONS: Final = ("fp32", "fp16", "int8", "int16x8", "dynamic", "mixed")
"""Every precision that a model file may have.

`int16x8`: int8 weights, int16 activations; `dynamic`: int8 weights, float activations; `mixed`: int8, with some layers
in float.
"""

SATURATING_PRECISIONS: Final = ("int8", "mixed")
"""ONNX files of these precisions can saturate, unless they say that they cannot."""

UNKNOWN_PRECISION: Final = "unknown"
"""The precision of a file without a contract, which is not proved."""

KNOWN_PREPROCESS_SHA256: Final = "efd962230d7ea24fec493f67aa187199de9b4a1db18064a707874f993bfe1e2d"
"""Hash of `preprocess.PREPROCESS`, a constant because computing it would load OpenSSL: 5 ms and 3 MB at each start."""

READABLE_PREPROCESS_SHA256: Final = (
    "d7dff5647e0330117d36ec67432fd48b50edf40f6f1da40b3ee9a9acb8a9d5e6",
    KNOWN_PREPROCESS_SHA256,
)
"""Hashes of the preprocessings whose models this version runs. Version 1 computed the steps of version 2 with floats;
their tensors are alike, and models answer both equally well (docs/measurements.md)."""

IMAGE_SHAPE: Final = (28, 28, 1)
"""Height, width and channels of a digit."""

LABEL_COUNTS: Final = range(2, 1001)
"""Allowed numbers of classes."""


@dataclass(frozen=True)
class TensorSpec:
    """An input or output of a model file, as read from the file."""

    name: str
    dtype: str
    """NumPy's name, such as `uint8` or `float32`."""
    shape: tuple[int | str, ...]
    """Sizes; a string is the name of a free axis."""
    scale: float | None = None
    """Real value = scale * (stored value - zero_point); None for a tensor that is not quantized."""
    zero_point: int | None = None


@dataclass(frozen=True)
class InputRange:
    """Converts bytes to a network's input values: value = (byte - mean) / deviation.

    Raises:
        ValueError: A deviation is not positive, or a value is not finite.
    """

    mean: tuple[float, ...] = (0.0,)
    """In grey levels, 0..255; one for all channels, or one for each."""
    deviation: tuple[float, ...] = (255.0,)
    """In grey levels; as many as there are means."""

    def __post_init__(self) -> None:
        values = (*self.mean, *self.deviation)
        if len(self.mean) != len(self.deviation) or not values or not all(map(math.isfinite, values)):
            raise ValueError(f"mean {self.mean} and deviation {self.deviation} are no input range")
        if min(self.deviation) <= 0:
            raise ValueError(f"mean {self.mean} and deviation {self.deviation} are no input range")

    def apply(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Convert images, uint8, to the network's input values, float32, both of shape (N, H, W, C)."""
        import numpy as np  # not needed by --help, which loads this module

        centred: npt.NDArray[Any] = images - np.array(self.mean, np.float32) if any(self.mean) else images
        values: npt.NDArray[np.float32] = np.divide(centred, np.array(self.deviation, np.float32))
        return values


UNIT_RANGE: Final = InputRange()
"""The range 0..1, in which this project trains every network."""

NAMED_RANGES: Final = {
    "0..1": UNIT_RANGE,
    "0..255": InputRange((0.0,), (1.0,)),
    "-1..1": InputRange((127.5,), (127.5,)),
}
"""Usual input ranges of networks, by the name that the command line takes."""


@dataclass(frozen=True)
class ModelContract:
    """What a model file says about itself."""

    name: str
    """Name of the model, as in `<name>_<precision>.onnx`."""
    precision: str
    """One of `PRECISIONS`, proved from the graph by the exporter."""
    labels: tuple[str, ...]
    """Class names, in output order."""
    image_shape: tuple[int, int, int]
    """Height, width and channels of one image."""
    input_range: InputRange
    """Input values of a file with a float32 input. A file with an 8-bit input takes the bytes (int8: byte - 128)."""
    preprocess_version: int | None
    """Version of the preprocessing that the model was trained and calibrated with; None if it is no digit classifier,
    because this project then does not define its preprocessing."""
    preprocess_sha256: str | None
    """SHA-256 of the preprocessing's parameters."""
    source_sha256: str
    """SHA-256 of the Keras file that the model was made from."""
    input_scale: float | None
    """Quantization scale of an 8-bit input, in the network's range; None if the file takes or computes floats."""
    input_zero_point: int | None
    """Quantization zero-point of an 8-bit input."""
    least_confidence: float = 0.0
    """Reject answers whose highest probability is below this, 0..1, and some above it (`acceptance.py`); 0 accepts
    every answer."""
    thresholds: Thresholds | None = None
    """Other values for `least_confidence`, by name; None if they were not measured."""
    can_saturate: bool = False
    """Whether int8 sums can saturate in onnxruntime on x86 without VNNI; see `int8_sums`. The exporter proves it from
    the weights. It is never true for a TFLite file, even if a file of an older version says so."""

    def __post_init__(self) -> None:
        for field in ("name", "source_sha256"):
            if not isinstance(getattr(self, field), str):
                raise TypeError(f"{field} is {getattr(self, field)!r}, not text")
        if len(self.image_shape) != 3 or any(type(size) is not int or size < 1 for size in self.image_shape):
            raise ValueError(f"image_shape is {self.image_shape}, not (height, width, channels)")
        if len(self.input_range.mean) not in (1, self.image_shape[2]):
            raise ValueError(f"input_range has {len(self.input_range.mean)} means for {self.image_shape[2]} channels")
        if self.precision not in (*PRECISIONS, UNKNOWN_PRECISION):
            raise ValueError(f"precision is {self.precision!r}, not one of {', '.join(PRECISIONS)}")
        check_labels(self.labels)
        if self.preprocess_sha256 is not None and not self._has_digit_signature:
            raise ValueError("a preprocessing is named, but this is no classifier of 28 x 28 digits")
        if not isinstance(self.input_scale, (float, type(None))) or not isinstance(
            self.input_zero_point, (int, type(None))
        ):
            raise TypeError(f"input scale and zero-point are {self.input_scale!r} and {self.input_zero_point!r}")
        if not 0 <= self.least_confidence < 1:
            raise ValueError(f"least_confidence is {self.least_confidence!r}; expected a number from 0 to below 1")
        if not isinstance(self.can_saturate, bool):
            raise TypeError(f"can_saturate is {self.can_saturate!r}, neither true nor false")

    @property
    def is_foreign(self) -> bool:
        """Whether the file itself has no contract, and this one replaces it."""
        return self.precision == UNKNOWN_PRECISION

    @property
    def reads_digits(self) -> bool:
        """Whether the model is a digit classifier for this project's preprocessing."""
        return self._has_digit_signature and self.preprocess_sha256 is not None

    @property
    def _has_digit_signature(self) -> bool:
        return (self.labels, self.image_shape) == (DIGIT_LABELS, IMAGE_SHAPE)

    def to_json(self) -> str:
        """The JSON text for a model file."""
        record = {"schema_version": CONTRACT_SCHEMA_VERSION, **asdict(self)}
        return json.dumps(record, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str | None, *, origin: str) -> ModelContract:
        """Read and check a model file's contract.

        Args:
            text: The text in the file; None if there is none.
            origin: The file's name for error messages.

        Raises:
            NoContractError: There is no contract.
            ContractError: It is malformed, or names a preprocessing that this version does not know.
        """
        if text is None:
            raise NoContractError(
                f"{origin}: has no edge-mnist contract; make the file with `edge-mnist export`, or classify 28 x "
                "28 pictures with it as they are: `edge-mnist classify` with `raw=True`"
            )
        try:
            fields: dict[str, Any] = json.loads(text)
            schema_version = fields.pop("schema_version")
            check_schema(schema_version, READABLE_SCHEMA_VERSIONS, origin=f"{origin}: contract", error=ContractError)
            fields.setdefault("can_saturate", fields["precision"] in SATURATING_PRECISIONS)
            if fields.get("least_confidence") is None:  # older files that accept every answer
                fields["least_confidence"] = 0.0
            if fields.get("thresholds") is not None:
                fields["thresholds"] = Thresholds(**fields["thresholds"])
            span = {end: tuple(map(float, fields["input_range"][end])) for end in ("mean", "deviation")}
            named = {name: tuple(fields[name]) for name in ("labels", "image_shape")}
            contract = cls(**{**fields, **named, "input_range": InputRange(**span)})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ContractError(f"{origin}: malformed contract ({error}); export the model again") from error
        if contract.preprocess_sha256 is not None:
            check_preprocess(contract.preprocess_version, contract.preprocess_sha256, origin=origin)
        return contract


def check_labels(labels: tuple[str, ...]) -> None:
    """Raise `ValueError` unless labels are 2 to 1,000 different names."""
    if len(labels) not in LABEL_COUNTS or not all(isinstance(label, str) and label for label in labels):
        raise ValueError(f"{len(labels)} labels, not 2 to 1,000 names")
    if len({*labels}) < len(labels):
        twice = next(label for index, label in enumerate(labels) if label in labels[:index])
        raise ValueError(f"the label {twice!r} names two classes")


def check_schema(found: object, known: tuple[int, ...], *, origin: str, error: type[IntegrityError]) -> None:
    """Raise `error` unless this version can read a record's schema version."""
    if found not in known:
        raise error(
            f"{origin} schema {found} is not one of the known {', '.join(map(str, known))}; use the version of "
            "edge-mnist that made it, or export again"
        )


def check_preprocess(version: object, sha256: object, *, origin: str, remedy: str = "export the model again") -> None:
    """Raise `ContractError` unless models of the preprocessing with this hash read this version's tensors."""
    if sha256 not in READABLE_PREPROCESS_SHA256:
        from edge_mnist_runtime.preprocess import PREPROCESS

        raise ContractError(
            f"{origin}: made for preprocessing {version} ({str(sha256)[:12]}...), this version has "
            f"{PREPROCESS.version} ({PREPROCESS.sha256[:12]}...); {remedy}"
        )
