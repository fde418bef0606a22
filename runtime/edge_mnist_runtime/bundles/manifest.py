"""Read and write a bundle's manifest.json, which lists its files with their hashes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_runtime.bundles.libraries import why_not_here
from edge_mnist_runtime.bundles.program_formats import LIBRARY_FORMAT, USES
from edge_mnist_runtime.contract import SATURATING_PRECISIONS, TensorSpec, check_labels, check_preprocess, check_schema
from edge_mnist_runtime.errors import HashMismatchError, ManifestError, UsageError
from edge_mnist_runtime.paths import describe_missing, describe_unreadable, exists, is_folder, open_regular
from edge_mnist_runtime.thresholds import Thresholds

if TYPE_CHECKING:
    from edge_mnist_runtime.bundles.signature import SignaturePolicy

MANIFEST_FILE: Final = "manifest.json"
GOLDEN_FILE: Final = "golden.npz"
MANIFEST_SCHEMA_VERSION: Final = 5

MAX_MANIFEST_BYTES: Final = 10_000_000
"""Largest manifest that is read. With 1,000 classes and 100 files a manifest has 100 kB."""

READABLE_SCHEMA_VERSIONS: Final = (3, 4, MANIFEST_SCHEMA_VERSION)
"""Version 3 does not record which files can saturate, version 4 no named thresholds."""


@dataclass(frozen=True)
class Artifact:
    """One model file of a bundle."""

    file: str
    format: str
    """`tflite`, `onnx`, `c`, `wasm`, `page` or `lib`."""
    precision: str
    """One of `contract.PRECISIONS`."""
    sha256: str
    size_bytes: int
    top1: float
    """Accuracy on the evaluation images, measured by the export, 0..1."""
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    can_saturate: bool = False
    """The same as in the file's contract."""

    def __post_init__(self) -> None:
        for field in ("format", "precision", "sha256"):
            if not isinstance(getattr(self, field), str):
                raise TypeError(f"artifact's {field} is {getattr(self, field)!r}, not text")
        if not isinstance(self.top1, (int, float)) or not 0 <= self.top1 <= 1:
            raise TypeError(f"artifact's top1 is {self.top1!r}, not in 0..1")
        if not isinstance(self.can_saturate, bool):
            raise TypeError(f"artifact's can_saturate is {self.can_saturate!r}, neither true nor false")
        _check_file_name(self.file)

    @property
    def use_elsewhere(self) -> str | None:
        """What takes it, if no back end here does: a compiler, a browser, or another machine. Else None."""
        return why_not_here(self.file) if self.format == LIBRARY_FORMAT else USES.get(self.format)


@dataclass(frozen=True)
class Manifest:
    """The content of manifest.json."""

    name: str
    labels: tuple[str, ...]
    preprocess: dict[str, Any] | None
    """`version` and `sha256` of the preprocessing definition; None if the model is no digit classifier."""
    source: dict[str, Any]
    """`file` and `sha256` of the Keras model."""
    evaluation: dict[str, Any]
    """`name`, `split`, `n` and `sha256` of the images that every `top1` was measured on."""
    versions: dict[str, str]
    """Versions of the packages that made the bundle."""
    artifacts: tuple[Artifact, ...]
    files: dict[str, str]
    """SHA-256 of every other file of the bundle, by name."""
    least_confidence: float = 0.0
    """The same as in every file's contract."""
    thresholds: Thresholds | None = None
    """The same as in every file's contract."""

    def __post_init__(self) -> None:
        check_labels(self.labels)
        for name, part in (("source", self.source), ("evaluation", self.evaluation)):
            if not isinstance(part["sha256"], str):
                raise TypeError(f"{name}'s sha256 is {part['sha256']!r}, not text")
        for file, sha256 in self.files.items():
            _check_file_name(file)
            if not isinstance(sha256, str):
                raise TypeError(f"SHA-256 of {file} is {sha256!r}, not text")

    @property
    def runnable(self) -> tuple[Artifact, ...]:
        """The model files that a back end runs: all but C source, WebAssembly and libraries for other machines."""
        return tuple(artifact for artifact in self.artifacts if artifact.use_elsewhere is None)

    def require_runnable(self, folder: Path, file: str | None = None) -> None:
        """Raise `UsageError` if no back end here runs `file`, or without one any model file of the bundle."""
        meant = [artifact for artifact in self.artifacts if file in (None, artifact.file)]
        if meant and all(artifact.use_elsewhere for artifact in meant):
            raise UsageError(f"{folder / (file or '')}: no model that runs here: {meant[0].use_elsewhere}")

    def to_json(self) -> str:
        """The text of manifest.json."""
        return json.dumps({"schema_version": MANIFEST_SCHEMA_VERSION, **asdict(self)}, indent=2) + "\n"

    @classmethod
    def load(cls, folder: Path, policy: SignaturePolicy | None = None) -> Manifest:
        """Read and check the manifest of the bundle in `folder`.

        With a `policy` the signature is checked first, before the manifest is parsed.

        Raises:
            UsageError: There is no such folder, or permissions forbid reading its manifest.
            SignatureError: The bundle is not signed as `policy` requires.
            ManifestError: The manifest is missing or malformed.
            ContractError: The bundle was made for another preprocessing.
        """
        data = read_manifest(folder)
        if policy is not None:
            policy.check(folder, data)
        return cls.parse(data, folder / MANIFEST_FILE)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> Manifest:
        """Parse and check the content of a manifest; errors name `path`.

        Raises:
            ManifestError, ContractError: As `load`.
        """
        try:
            record = json.loads(data.decode("utf-8"))
        except (ValueError, RecursionError) as error:
            raise ManifestError(f"{path}: cannot be read ({error}); export the bundle again") from error
        try:
            schema_version = record.pop("schema_version")
            check_schema(schema_version, READABLE_SCHEMA_VERSIONS, origin=f"{path}: manifest", error=ManifestError)
            if record.get("least_confidence") is None:  # older bundles that accept every answer
                record["least_confidence"] = 0.0
            if record.get("thresholds") is not None:
                record["thresholds"] = Thresholds(**record["thresholds"])
            artifacts = tuple(_artifact(item) for item in record.pop("artifacts"))
            manifest = cls(**{**record, "labels": tuple(record["labels"]), "artifacts": artifacts})
            preprocess = manifest.preprocess and (manifest.preprocess["version"], manifest.preprocess["sha256"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ManifestError(f"{path}: malformed ({error!r}); export the bundle again") from error
        if preprocess:
            check_preprocess(*preprocess, origin=str(path))
        return manifest

    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file of the bundle except the manifest, by name."""
        return {**{artifact.file: artifact.sha256 for artifact in self.artifacts}, **self.files}


def read_manifest(folder: Path) -> bytes:
    """Read the manifest of the bundle in `folder`, unparsed.

    Raises:
        UsageError: There is no such folder, or permissions forbid reading it.
        ManifestError: The manifest is missing, too large, or cannot be read.
    """
    path = folder / MANIFEST_FILE
    if not is_folder(folder):
        problem = f"{folder}: is a file" if exists(folder) else describe_missing(folder, "folder")
        raise UsageError(f"{problem}; expected a bundle folder, made by `edge-mnist export`")
    try:
        with open_regular(path) as file:
            data = file.read(MAX_MANIFEST_BYTES + 1)
    except FileNotFoundError:
        raise ManifestError(
            f"{folder}: not a bundle, because it has no {MANIFEST_FILE}; make one with `edge-mnist export`"
        ) from None
    except PermissionError as error:
        raise UsageError(describe_unreadable(path)) from error
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error}); export the bundle again") from error
    if len(data) > MAX_MANIFEST_BYTES:
        raise ManifestError(f"{path}: more than {MAX_MANIFEST_BYTES:,} bytes; get the bundle again")
    return data


def read_proved(path: Path, sha256: str) -> bytes:
    """Read a file of a bundle and check its hash.

    Raises:
        UsageError: Permissions forbid reading it.
        HashMismatchError: It is missing, or its SHA-256 is not `sha256`.
    """
    try:
        with open_regular(path) as file:
            data = file.read()
    except PermissionError as error:
        raise UsageError(describe_unreadable(path)) from error
    except OSError as error:
        raise HashMismatchError(
            f"{path}: listed in the manifest, but {error.strerror}; copy the bundle again"
        ) from error
    from hashlib import sha256 as hash_of  # loads OpenSSL, which a single file does not need

    found = hash_of(data).hexdigest()
    if found != sha256:
        raise HashMismatchError(
            f"{path}: SHA-256 {found[:12]}... is not the manifest's {sha256[:12]}...; copy or export the bundle again"
        )
    return data


def _check_file_name(file: object) -> None:
    """Refuse names with a path: a manifest must not make a device read files outside the bundle."""
    if not isinstance(file, str) or Path(file).name != file or not file.isprintable():
        raise ValueError(f"{file!r} is not a plain file name")


def _artifact(item: dict[str, Any]) -> Artifact:
    unsaid = item["format"] == "onnx" and item["precision"] in SATURATING_PRECISIONS  # schema 3 does not say
    specs = {
        end: tuple(TensorSpec(**{**spec, "shape": tuple(spec["shape"])}) for spec in item[end])
        for end in ("inputs", "outputs")
    }
    return Artifact(**{"can_saturate": unsaid, **item, **specs})
