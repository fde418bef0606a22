"""Check a bundle's signature: manifest.sig.json, an Ed25519 signature over the SHA-256 of manifest.json.

The manifest holds the SHA-256 of every other file, so the signature covers the whole bundle. The signed statement also
holds the bundle's version and two dates. docs/trust.md describes the file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from edge_mnist_runtime.errors import SignatureError, UsageError
from edge_mnist_runtime.extras import require_extra
from edge_mnist_runtime.paths import describe_missing, describe_unreadable, explain, open_regular

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE_FILE: Final = "manifest.sig.json"
SIGNATURE_SCHEMA_VERSION: Final = 1
ALGORITHM: Final = "ed25519"

PURPOSE: Final = b"edge-mnist bundle signature\n"
"""Start of the signed bytes, so that a signature for another purpose is never valid here."""

DATE_FORMAT: Final = "%Y-%m-%dT%H:%M:%SZ"
"""Dates in the signature file: UTC, whole seconds."""

CLOCK_TOLERANCE: Final = timedelta(minutes=5)
"""How far this device's clock may be behind the signer's."""

MAX_SIGNATURE_BYTES: Final = 10_000
"""Largest signature file or key file that is read."""

PUBLIC_KEY: Final = re.compile(rb"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)


@dataclass(frozen=True)
class SignedStatement:
    """What a signer says about a bundle."""

    manifest_sha256: str
    """SHA-256 of manifest.json."""
    key_id: str
    """SHA-256 of the public key as DER (SubjectPublicKeyInfo)."""
    bundle_version: int | None
    """Number that grows with each release, at least 1; None if the signer gave none."""
    signed_at: str
    """Date of the signature, in `DATE_FORMAT`."""
    expires_at: str | None
    """Date from which the signature is invalid, in `DATE_FORMAT`; None for never."""

    def __post_init__(self) -> None:
        for field in ("manifest_sha256", "key_id"):
            if not re.fullmatch("[0-9a-f]{64}", getattr(self, field)):
                raise ValueError(f"{field} is {getattr(self, field)!r}, not a SHA-256")
        check_version(self.bundle_version)
        for date in (self.signed_at, self.expires_at):
            if date is not None:
                parse_date(date)

    def signed_bytes(self) -> bytes:
        """The bytes that are signed: `PURPOSE`, then the fields as compact JSON with sorted names."""
        record = {"algorithm": ALGORITHM, "schema_version": SIGNATURE_SCHEMA_VERSION, **asdict(self)}
        return PURPOSE + json.dumps(record, sort_keys=True, separators=(",", ":")).encode("ascii")

    def to_json(self, signature: bytes) -> str:
        """The text of manifest.sig.json."""
        record = {"schema_version": SIGNATURE_SCHEMA_VERSION, "algorithm": ALGORITHM, **asdict(self)}
        return json.dumps({**record, "signature": base64.b64encode(signature).decode()}, indent=2) + "\n"

    def __str__(self) -> str:
        version = "no version" if self.bundle_version is None else f"version {self.bundle_version}"
        expiry = f"expires {self.expires_at}" if self.expires_at else "does not expire"
        return f"{version}, signed {self.signed_at} by key {self.key_id[:16]}, {expiry}"


FIELDS: Final = {"schema_version", "algorithm", "signature"} | {field.name for field in fields(SignedStatement)}
"""The fields of manifest.sig.json."""


@dataclass(frozen=True)
class SignaturePolicy:
    """Which signatures are accepted."""

    keys: Mapping[str, Ed25519PublicKey]
    """The accepted keys, by `key_id`."""
    min_version: int | None = None
    """Lowest accepted `bundle_version`; None accepts any, and none."""

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, min_version: int | None = None) -> SignaturePolicy:
        """Read the accepted public keys from a PEM file.

        Args:
            path: One or more Ed25519 public keys; while a key is being replaced, the file holds both.
            min_version: As the field.

        Raises:
            UsageError: The file cannot be read, or holds something else; or `min_version` is below 1.
            MissingExtraError: `cryptography` is not installed.
        """
        try:
            check_version(min_version)
        except ValueError as error:
            raise UsageError(f"`min_version`: {error}") from None
        require_extra("sign", "Checking a signature", "cryptography")
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key

        data = read_key_file(Path(path))
        if b"PRIVATE KEY-----" in data:
            raise UsageError(f"{path}: holds a private key, which no device needs; {MAKE_PUBLIC}")
        keys = {}
        for pem in PUBLIC_KEY.findall(data):
            try:
                key = load_pem_public_key(pem)
            except (ValueError, UnsupportedAlgorithm) as error:
                raise UsageError(f"{path}: not a public key in PEM form ({explain(error)})") from error
            if not isinstance(key, Ed25519PublicKey):
                raise UsageError(f"{path}: a key of another kind ({type(key).__name__.strip('_')}); {EXPECTED_KEY}")
            keys[find_key_id(key)] = key
        if not keys:
            raise UsageError(f"{path}: holds no public key in PEM form; {EXPECTED_KEY}")
        return cls(keys, min_version)

    def check(self, folder: Path, manifest: bytes) -> SignedStatement:
        """Check the signature of the bundle in `folder`.

        Args:
            folder: The bundle.
            manifest: The content of its manifest.json, unparsed.

        Returns:
            The signed statement.

        Raises:
            SignatureError: The bundle is unsigned; the signature is damaged, of another key, or of another manifest;
                it has expired; the version is too low; or this device's clock is wrong.
        """
        path = folder / SIGNATURE_FILE
        statement, signature = _parse(path)
        key = self.keys.get(statement.key_id)
        if key is None:
            accepted = ", ".join(key_id[:16] for key_id in self.keys)
            raise SignatureError(f"{path}: signed by another key ({statement.key_id[:16]}); accepted: {accepted}")
        from cryptography.exceptions import InvalidSignature

        try:
            key.verify(signature, statement.signed_bytes())
        except InvalidSignature as error:
            raise SignatureError(f"{path}: the signature is wrong: the file was changed; {GET_AGAIN}") from error
        if hashlib.sha256(manifest).hexdigest() != statement.manifest_sha256:
            raise SignatureError(f"{folder}: manifest.json is not the signed one; {GET_AGAIN}")
        self._check_version(folder, statement)
        _check_dates(folder, statement, datetime.now(timezone.utc))
        return statement

    def _check_version(self, folder: Path, statement: SignedStatement) -> None:
        if self.min_version is None:
            return
        if statement.bundle_version is None:
            raise SignatureError(f"{folder}: its signature has no version, and at least {self.min_version} is required")
        if statement.bundle_version < self.min_version:
            raise SignatureError(
                f"{folder}: version {statement.bundle_version} is older than {self.min_version}, the lowest accepted; "
                "get a newer bundle"
            )


GET_AGAIN: Final = "get the bundle again from its maker"
EXPECTED_KEY: Final = "expected Ed25519, as `openssl genpkey` makes it with -algorithm ed25519"
MAKE_PUBLIC: Final = "give the public key: openssl pkey -in KEY -pubout"


def read_statement(folder: Path) -> SignedStatement | None:
    """Read the statement of a bundle without checking the signature; None if there is none that can be read."""
    try:
        return _parse(folder / SIGNATURE_FILE)[0]
    except SignatureError:
        return None


def read_key_file(path: Path, *, what: str = "key file", expected: str = "a key in PEM form") -> bytes:
    """Read a key from a file or a pipe; or another small file, called `what`, that holds what is `expected`.

    Raises:
        UsageError: There is no such file, or it cannot be read or is too large for a key.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_SIGNATURE_BYTES + 1)
    except FileNotFoundError:
        raise UsageError(describe_missing(path, what)) from None
    except PermissionError as error:
        raise UsageError(describe_unreadable(path)) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read ({explain(error)}); expected {expected}") from error
    if len(data) > MAX_SIGNATURE_BYTES:
        raise UsageError(f"{path}: more than {MAX_SIGNATURE_BYTES:,} bytes; expected {expected}")
    return data


def find_key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of a public key as DER (SubjectPublicKeyInfo)."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def check_version(version: object) -> None:
    """Raise `ValueError` unless a bundle's version is None or a whole number of at least 1."""
    if version is not None and (not isinstance(version, int) or isinstance(version, bool) or version < 1):
        raise ValueError(f"a version is a whole number of at least 1, not {version!r}")


def format_date(moment: datetime) -> str:
    """Write a moment as a date in `DATE_FORMAT`."""
    return moment.astimezone(timezone.utc).strftime(DATE_FORMAT)


def parse_date(text: str) -> datetime:
    """Parse a date in `DATE_FORMAT`; raise `ValueError` if it is none."""
    return datetime.strptime(text, DATE_FORMAT).replace(tzinfo=timezone.utc)


def _check_dates(folder: Path, statement: SignedStatement, now: datetime) -> None:
    if now < parse_date(statement.signed_at) - CLOCK_TOLERANCE:
        raise SignatureError(
            f"{folder}: signed {statement.signed_at}, but this device's clock says {format_date(now)}; set the clock"
        )
    if statement.expires_at is not None and now >= parse_date(statement.expires_at):
        raise SignatureError(f"{folder}: the signature expired {statement.expires_at}; get a newer bundle")


def read_signature(folder: Path) -> bytes | None:
    """Read the signature file of a bundle, unparsed; None if it is unsigned.

    Raises:
        UsageError: Permissions forbid reading it.
        SignatureError: It cannot be read, or is too large for a signature.
    """
    path = folder / SIGNATURE_FILE
    try:
        with open_regular(path) as file:
            data = file.read(MAX_SIGNATURE_BYTES + 1)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise UsageError(describe_unreadable(path)) from error
    except OSError as error:
        raise SignatureError(f"{path}: cannot be read ({explain(error)}); {GET_AGAIN}") from error
    if len(data) > MAX_SIGNATURE_BYTES:
        raise SignatureError(f"{path}: more than {MAX_SIGNATURE_BYTES:,} bytes; {GET_AGAIN}")
    return data


def _parse(path: Path) -> tuple[SignedStatement, bytes]:
    """Read the statement and the signature of a file."""
    data = read_signature(path.parent)
    if data is None:
        raise SignatureError(f"{path.parent}: not signed: it has no {path.name}; {GET_AGAIN}")
    try:
        return _decode(data)
    except (ValueError, TypeError, RecursionError) as error:
        raise SignatureError(f"{path}: malformed ({explain(error)}); {GET_AGAIN}") from error


def _decode(data: bytes) -> tuple[SignedStatement, bytes]:
    """Decode a signature file strictly: a missing, unknown or malformed field is an error."""
    record: dict[str, Any] = json.loads(data)
    if not isinstance(record, dict):
        raise TypeError("not a JSON object")
    if wrong := record.keys() ^ FIELDS:
        raise ValueError(f"unknown or missing fields: {', '.join(sorted(wrong))}")
    form = (record.pop("schema_version"), record.pop("algorithm"))
    if form != (SIGNATURE_SCHEMA_VERSION, ALGORITHM):
        raise ValueError(f"schema version and algorithm are {form}, not {(SIGNATURE_SCHEMA_VERSION, ALGORITHM)}")
    signature = base64.b64decode(record.pop("signature"), validate=True)
    return SignedStatement(**record), signature
