"""Keys that an export refuses to sign with, and signatures that it makes."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from edge_mnist_exporter.bundle.bundle_writer import BundleWriter
from edge_mnist_exporter.bundle.signing import EPOCH_VARIABLE, Signer, load_private_key, sign_bundle
from edge_mnist_exporter.config import SigningConfig
from edge_mnist_runtime.bundles.manifest import read_manifest
from edge_mnist_runtime.bundles.signature import SignaturePolicy
from edge_mnist_runtime.errors import HashMismatchError, UsageError


@pytest.fixture
def refuse(run_here, tmp_path):
    """An export with these options is refused before TensorFlow starts, and writes nothing."""

    def check(*options: object, expected: str) -> None:
        workplace = tmp_path / "workplace"
        workplace.mkdir()
        finished = run_here("export", "edge", *options, cwd=workplace)
        assert (finished.code, finished.out) == (2, "")
        assert expected in finished.err
        assert len(finished.err.splitlines()) == 1
        assert not list(workplace.iterdir())

    return check


@pytest.fixture
def write_key(tmp_path):
    """Write a private key in PEM form that only its owner may read: `write_key(key, password=None)`."""

    def write(key, password: bytes | None = None):
        encryption = BestAvailableEncryption(password) if password else NoEncryption()
        path = tmp_path / "key.pem"
        path.touch(0o600)
        path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
        return path

    return write


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o644])
def test_private_key_that_others_may_read_is_refused(mode, refuse, keys, tmp_path):
    path = tmp_path / "open.pem"
    path.write_bytes(keys.private.read_bytes())
    path.chmod(mode)
    refuse("--sign", path, expected="chmod 600")


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_private_key_of_another_kind_is_refused(kind, refuse, write_key):
    key = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    refuse("--sign", write_key(key), expected="a key of another kind")


def test_encrypted_key_is_refused_with_the_way_to_use_it(refuse, keys, write_key):
    key = load_pem_private_key(keys.private.read_bytes(), None)
    refuse("--sign", write_key(key, b"secret"), expected="<(openssl pkey -in KEY)")


@pytest.mark.parametrize("content", [b"", b"\0", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_file_that_is_no_private_key_is_refused(content, refuse, tmp_path):
    path = tmp_path / "key.pem"
    path.touch(0o600)
    path.write_bytes(content)
    refuse("--sign", path, expected="not a private key in PEM form")


def test_public_key_cannot_sign(refuse, keys, tmp_path):
    path = tmp_path / "key.pub"
    path.touch(0o600)
    path.write_bytes(keys.public.read_bytes())
    refuse("--sign", path, expected="not a private key")


def test_absent_key_is_refused(refuse, tmp_path):
    refuse("--sign", tmp_path / "absent.pem", expected="no such key file")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--bundle-version", 3), "add --sign KEY"),
        (("--valid-days", 3), "add --sign KEY"),
        (("--sign", "key.pem", "--bundle-version", 0), "--bundle-version"),
        (("--sign", "key.pem", "--valid-days", 0), "--valid-days must be 1..36500"),
        (("--sign", "key.pem", "--valid-days", 99_999), "--valid-days must be 1..36500"),
    ],
)
def test_option_of_a_signature_that_cannot_be_used_is_refused(options, expected, refuse):
    refuse(*options, expected=expected)


@pytest.fixture
def key_in_a_pipe(keys):
    """A private key as `--sign <(openssl pkey -in KEY)` gives it: it can be read once."""
    reading, writing = os.pipe()
    os.write(writing, keys.private.read_bytes())
    os.close(writing)
    yield Path(f"/dev/fd/{reading}")
    os.close(reading)


def test_key_in_a_pipe_signs(key_in_a_pipe):
    assert load_private_key(key_in_a_pipe)


def test_early_check_of_the_key_leaves_a_pipe_unread(key_in_a_pipe, run_here, tmp_path):
    finished = run_here("export", "nano", "--sign", key_in_a_pipe, "--data", tmp_path / "absent", cwd=tmp_path)
    assert "absent" in finished.err
    assert load_private_key(key_in_a_pipe)


def test_same_date_gives_the_same_signature(keys, monkeypatch):
    signer = Signer(SigningConfig(keys.private, 7, 30))
    text = signer.sign(b"manifest", datetime(2026, 1, 1, tzinfo=timezone.utc))
    monkeypatch.setenv(EPOCH_VARIABLE, "1767225600")
    assert signer.sign(b"manifest") == text
    assert '"signed_at": "2026-01-01T00:00:00Z"' in text
    assert '"expires_at": "2026-01-31T00:00:00Z"' in text


def test_impossible_build_date_is_refused(keys, monkeypatch):
    monkeypatch.setenv(EPOCH_VARIABLE, "yesterday")
    with pytest.raises(UsageError, match=EPOCH_VARIABLE):
        Signer(SigningConfig(keys.private)).sign(b"manifest")


@pytest.mark.slow
def test_damaged_bundle_is_not_signed(old_bundle, keys):
    (old_bundle / "MODEL_CARD.md").write_text("# Another card")
    with pytest.raises(HashMismatchError):
        sign_bundle(old_bundle, SigningConfig(keys.private))
    assert not (old_bundle / "manifest.sig.json").exists()


@pytest.mark.slow
def test_signature_is_renewed_and_an_export_replaces_the_bundle(old_bundle, keys):
    policy = SignaturePolicy.load(keys.public)
    for version in (1, 2):
        sign_bundle(old_bundle, SigningConfig(keys.private, version))
        assert policy.check(old_bundle, read_manifest(old_bundle)).bundle_version == version
    with BundleWriter(old_bundle) as writer:
        writer.write({"manifest.json": (old_bundle / "manifest.json").read_bytes()})
    assert [path.name for path in old_bundle.iterdir()] == ["manifest.json"]
