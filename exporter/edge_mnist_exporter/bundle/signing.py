"""Sign bundles with an Ed25519 key."""

from __future__ import annotations

import hashlib
import os
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_mnist_exporter.config import SigningConfig
from edge_mnist_runtime.atomic_file import replace_file
from edge_mnist_runtime.bundles.manifest import MANIFEST_FILE, Manifest, read_manifest, read_proved
from edge_mnist_runtime.bundles.signature import (
    EXPECTED_KEY,
    SIGNATURE_FILE,
    SignedStatement,
    find_key_id,
    format_date,
    read_key_file,
)
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.extras import require_extra
from edge_mnist_runtime.paths import explain, require_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

EPOCH_VARIABLE: Final = "SOURCE_DATE_EPOCH"
"""Environment variable with the date of a reproducible build, in seconds since 1970 (reproducible-builds.org)."""


class Signer:
    """Signs manifests with the key of `config`.

    Raises:
        UsageError: The key cannot be read, is of another kind, or may be read by other users.
        MissingExtraError: `cryptography` is not installed.
    """

    def __init__(self, config: SigningConfig) -> None:
        self._config, self._key = config, load_private_key(config.key)

    def sign(self, manifest: bytes, signed_at: datetime | None = None) -> str:
        """Make the text of manifest.sig.json.

        Args:
            manifest: The content of manifest.json.
            signed_at: Date of the signature; None is that of SOURCE_DATE_EPOCH, else now. The same date gives the same
                text.

        Raises:
            UsageError: SOURCE_DATE_EPOCH is set, but is no date.
        """
        valid_days = self._config.valid_days
        moment = signed_at or _read_epoch() or datetime.now(timezone.utc)
        statement = SignedStatement(
            manifest_sha256=hashlib.sha256(manifest).hexdigest(),
            key_id=find_key_id(self._key.public_key()),
            bundle_version=self._config.bundle_version,
            signed_at=format_date(moment),
            expires_at=None if valid_days is None else format_date(moment + timedelta(days=valid_days)),
        )
        return statement.to_json(self._key.sign(statement.signed_bytes()))


def sign_bundle(bundle: Path, config: SigningConfig, *, signed_at: datetime | None = None) -> None:
    """Sign a finished bundle, or sign it again with another version, expiry or key.

    Args:
        bundle: The bundle's folder. Its files are checked first, because the signature vouches for them.
        config: The key, and what the signature says.
        signed_at: As for `Signer.sign`.

    Raises:
        UsageError: The key or the bundle cannot be used.
        IntegrityError: The bundle is damaged.
        MissingExtraError: `cryptography` is not installed.
    """
    signer, data = Signer(config), read_manifest(bundle)
    for name, sha256 in Manifest.parse(data, bundle / MANIFEST_FILE).hashes().items():
        read_proved(bundle / name, sha256)
    text = signer.sign(data, signed_at)
    advice = "check the permissions of the bundle"
    replace_file(bundle / SIGNATURE_FILE, lambda path: path.write_text(text, "utf-8"), advice=advice)


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read an Ed25519 private key in PEM form.

    Raises:
        UsageError: It cannot be read, is encrypted or of another kind, or other users may read it.
        MissingExtraError: `cryptography` is not installed.
    """
    require_extra("sign", "Signing a bundle", "cryptography")
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    data = read_key_file(path)
    try:
        key = load_pem_private_key(data, password=None)
    except TypeError as error:  # it has a passphrase
        raise UsageError(f"{path}: the key is encrypted; decrypt it to a pipe: <(openssl pkey -in KEY)") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{path}: not a private key in PEM form; {EXPECTED_KEY} ({explain(error)})") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path}: a key of another kind ({type(key).__name__.strip('_')}); {EXPECTED_KEY}")
    require_private(path, "this private key")
    return key


def _read_epoch() -> datetime | None:
    text = os.environ.get(EPOCH_VARIABLE)
    if not text:
        return None
    try:
        return datetime.fromtimestamp(int(text), timezone.utc)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(f"{EPOCH_VARIABLE} is {text!r}; expected seconds since 1970") from error
