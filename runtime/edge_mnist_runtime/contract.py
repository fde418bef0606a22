"""The tensor contract that every exported model carries inside itself, so that one file copied to a device is enough.

ONNX files carry it as JSON under the key `edge_mnist` of `metadata_props`; TFLite files as a metadata buffer of that
name. The runtime reads it back and refuses a model that was made for another preprocessing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Final

from edge_mnist_runtime.errors import ContractError, IntegrityError
from edge_mnist_runtime.preprocess import PREPROCESS

METADATA_KEY: Final = "edge_mnist"
"""Where the contract stands in a model file."""

CONTRACT_SCHEMA_VERSION: Final = 1

DIGIT_LABELS: Final = tuple("0123456789")

PRECISIONS: Final = ("fp32", "int8")
"""Every precision that a model file may have."""

IMAGE_SHAPE: Final = (28, 28, 1)
"""Height, width and channels of one image."""


@dataclass(frozen=True)
class ModelContract:
    """What a model file says about itself."""

    name: str
    """Name of the model, as in `<name>_<precision>.onnx`."""
    precision: str
    """`fp32` or `int8`, proved from the graph by the exporter."""
    labels: tuple[str, ...]
    """Class names, in output order."""
    preprocess_version: int
    """Version of the preprocessing that the model was trained and calibrated with."""
    preprocess_sha256: str
    """SHA-256 of that definition's parameters."""
    source_sha256: str
    """SHA-256 of the Keras file that the model was made from."""
    input_scale: float | None
    """What one step of the uint8 input stands for in the network's 0..1; None where the file computes in float."""
    input_zero_point: int | None
    """The step that stands for 0."""

    def __post_init__(self) -> None:
        for field in ("name", "preprocess_sha256", "source_sha256"):
            if not isinstance(getattr(self, field), str):
                raise TypeError(f"{field} is {getattr(self, field)!r}, not text")
        if self.precision not in PRECISIONS:
            raise ValueError(f"precision is {self.precision!r}, not one of {', '.join(PRECISIONS)}")
        check_labels(self.labels)
        if not isinstance(self.input_scale, (float, type(None))) or not isinstance(
            self.input_zero_point, (int, type(None))
        ):
            raise TypeError(f"input scale and zero-point are {self.input_scale!r} and {self.input_zero_point!r}")

    def to_json(self) -> str:
        """The text that a model file carries."""
        return json.dumps({"schema_version": CONTRACT_SCHEMA_VERSION, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | None, *, origin: str) -> ModelContract:
        """Read and check a model file's contract.

        Args:
            text: What the file carries, or None where it carries nothing.
            origin: The file, for error messages.

        Raises:
            ContractError: There is no contract, it is malformed, or it is for a preprocessing unknown to this version.
        """
        if text is None:
            raise ContractError(f"{origin}: carries no edge-mnist contract; make the file with `edge-mnist export`")
        try:
            fields: dict[str, Any] = json.loads(text)
            schema_version = fields.pop("schema_version")
            check_schema(schema_version, CONTRACT_SCHEMA_VERSION, origin=f"{origin}: contract", error=ContractError)
            contract = cls(**{**fields, "labels": tuple(fields["labels"])})
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ContractError(f"{origin}: malformed contract ({error}); export the model again") from error
        check_preprocess(contract.preprocess_version, contract.preprocess_sha256, origin=origin)
        return contract


def check_labels(labels: tuple[str, ...]) -> None:
    """Raise `ValueError` unless output i stands for the digit i, which `DigitClassifier` relies on."""
    if labels != DIGIT_LABELS:
        raise ValueError(f"labels are {labels}, not the digits 0 to 9 in order")


def check_schema(found: object, known: int, *, origin: str, error: type[IntegrityError]) -> None:
    """Raise `error` unless a record's schema version is the one that this version reads."""
    if found != known:
        raise error(
            f"{origin} schema {found} is not the known {known}; use the edge-mnist that made it, or export again"
        )


def check_preprocess(version: object, sha256: object, *, origin: str, remedy: str = "export the model again") -> None:
    """Raise `ContractError` unless version and hash are those of this version's preprocessing."""
    if sha256 != PREPROCESS.sha256:
        raise ContractError(
            f"{origin}: made for preprocessing {version} ({str(sha256)[:12]}...), this version has "
            f"{PREPROCESS.version} ({PREPROCESS.sha256[:12]}...); {remedy}"
        )
