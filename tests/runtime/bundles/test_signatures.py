"""Signed bundles: opened and verified with the right key, and refused with exit code 6 in every other case."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.signature import SignaturePolicy
from edge_mnist_runtime.errors import HashMismatchError, ManifestError, SignatureError, UsageError

BLANK = np.zeros((28, 28), np.uint8)

Sign = Callable[..., Path]


def days(number: float) -> datetime:
    """The moment `number` of days from now."""
    return datetime.now(timezone.utc) + timedelta(days=number)


@pytest.fixture(scope="module")
def unsigned(write_light_bundle: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_light_bundle(tmp_path_factory.mktemp("unsigned") / "bundle")


@pytest.fixture
def bundle(unsigned: Path, tmp_path: Path) -> Path:
    """An unsigned bundle that a test may change."""
    return Path(shutil.copytree(unsigned, tmp_path / "bundle"))


def edit(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))


def change_signature(**fields: Any) -> Callable[[Path, Sign], None]:
    """Sign, then change fields of the signature file."""

    def change(bundle: Path, sign: Sign) -> None:
        sign(bundle, version=3)
        edit(bundle / "manifest.sig.json", lambda record: record.update(fields))

    return change


def write_signature(text: str) -> Callable[[Path, Sign], None]:
    return lambda bundle, sign: (bundle / "manifest.sig.json").write_text(text) and None


def change_manifest(bundle: Path, sign: Sign) -> None:
    sign(bundle, version=3)
    edit(bundle / "manifest.json", lambda record: record.update(least_confidence=0.0))


def break_manifest(bundle: Path, sign: Sign) -> None:
    """The manifest is no JSON: the signature must be checked before it is parsed."""
    sign(bundle, version=3)
    (bundle / "manifest.json").write_text("{" * 100_000)


REFUSED: dict[str, tuple[Callable[[Path, Sign], Any], str]] = {
    "unsigned": (lambda bundle, sign: None, "not signed"),
    "manifest changed": (change_manifest, "manifest.json is not the signed one"),
    "manifest broken": (break_manifest, "manifest.json is not the signed one"),
    "version raised": (change_signature(bundle_version=9), "the signature is wrong"),
    "date changed": (change_signature(signed_at="2020-01-01T00:00:00Z"), "the signature is wrong"),
    "expiry changed": (change_signature(expires_at="2999-01-01T00:00:00Z"), "the signature is wrong"),
    "signature of zeros": (change_signature(signature="A" * 86 + "=="), "the signature is wrong"),
    "signature cut": (change_signature(signature="AAAA"), "the signature is wrong"),
    "signature no base64": (change_signature(signature="?"), "malformed"),
    "unknown field": (change_signature(note="trust me"), "unknown or missing fields: note"),
    "unknown algorithm": (change_signature(algorithm="none"), "malformed"),
    "unknown schema": (change_signature(schema_version=2), "malformed"),
    "version no number": (change_signature(bundle_version="9"), "malformed"),
    "date no date": (change_signature(signed_at="yesterday"), "malformed"),
    "key id no hash": (change_signature(key_id="../key"), "malformed"),
    "empty file": (write_signature(""), "malformed"),
    "no object": (write_signature("[]"), "not a JSON object"),
    "field missing": (
        write_signature('{"algorithm": "ed25519"}'),
        "missing fields: bundle_version, expires_at",
    ),
    "too large": (write_signature('{"a": "' + "x" * 50_000 + '"}'), "more than 10,000 bytes"),
    "nested": (write_signature("[" * 9_000), "malformed"),
    "no version": (lambda bundle, sign: sign(bundle), "has no version"),
    "rolled back": (lambda bundle, sign: sign(bundle, version=2), "version 2 is older than 3"),
    "expired": (lambda bundle, sign: sign(bundle, version=3, valid_days=1, at=days(-1.001)), "expired"),
    "clock too early": (lambda bundle, sign: sign(bundle, version=3, at=days(0.1)), "set the clock"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_bundle_that_is_not_signed_as_required_is_refused(
    case: str, bundle: Path, sign: Sign, keys: Any, run_here: Any
) -> None:
    change, expected = REFUSED[case]
    change(bundle, sign)
    with pytest.raises(SignatureError, match=expected) as caught:
        DigitClassifier(bundle, require_signature=keys.public, min_version=3)
    assert str(bundle) in str(caught.value)
    finished = run_here("verify", bundle, "--key", keys.public, "--min-version", 3)
    assert (finished.code, finished.out) == (6, "")
    assert expected in finished.err.replace("\n", " ")


def test_bundle_signed_by_another_key_is_refused(bundle: Path, sign: Sign, keys: Any, make_keys: Any) -> None:
    sign(bundle, key=make_keys().private)
    with pytest.raises(SignatureError, match="signed by another key"):
        DigitClassifier(bundle, require_signature=keys.public)


def test_signature_of_another_bundle_is_refused(
    bundle: Path, sign: Sign, keys: Any, write_light_bundle: Any, tmp_path: Path
) -> None:
    other = sign(write_light_bundle(tmp_path / "other", "robust"))
    shutil.copy(other / "manifest.sig.json", bundle)
    with pytest.raises(SignatureError, match="not the signed one"):
        DigitClassifier(bundle, require_signature=keys.public)


def test_changed_model_in_a_signed_bundle_is_refused(bundle: Path, sign: Sign, keys: Any, flip_byte: Any) -> None:
    sign(bundle)
    flip_byte(bundle / "nano_int8.onnx")
    with pytest.raises(HashMismatchError):
        DigitClassifier(bundle, require_signature=keys.public)


def test_nothing_is_loaded_from_a_refused_bundle(bundle: Path, keys: Any, run_python: Any) -> None:
    done = run_python(
        "import sys\n"
        "from edge_mnist_runtime import DigitClassifier, SignatureError\n"
        "try:\n    DigitClassifier(sys.argv[1], require_signature=sys.argv[2])\n"
        "except SignatureError:\n    print('onnxruntime' in sys.modules)\n",
        *(bundle, keys.public),
    )
    assert (done.stdout.strip(), done.stderr) == ("False", "")


@pytest.mark.parametrize("backend", [None, "auto"])
def test_signed_bundle_is_opened(backend: Any, bundle: Path, sign: Sign, keys: Any) -> None:
    sign(bundle, version=3, valid_days=1)
    for least in (None, 1, 3):
        classifier = DigitClassifier(bundle, backend=backend, require_signature=keys.public, min_version=least)
    assert classifier.predict(BLANK).reason == "blank"


def test_verify_shows_the_signature(bundle: Path, sign: Sign, keys: Any, run_here: Any) -> None:
    sign(bundle, version=3, valid_days=1, at=datetime(2026, 1, 1, tzinfo=timezone.utc))
    assert run_here("verify", bundle).code == 0  # without a key the signature is not looked at
    sign(bundle, version=3, at=datetime(2026, 1, 1, tzinfo=timezone.utc))
    finished = run_here("verify", bundle, "--key", keys.public)
    assert finished.code == 0
    assert "version 3, signed 2026-01-01T00:00:00Z by key" in finished.out.replace("\n", " ")
    record = run_here("verify", bundle, "--key", keys.public, "--json").json
    assert record["signature"]["bundle_version"] == 3
    assert run_here("verify", bundle, "--json").json["signature"] is None


def test_a_clock_a_little_behind_the_signer_is_accepted(bundle: Path, sign: Sign, keys: Any) -> None:
    sign(bundle, at=datetime.now(timezone.utc) + timedelta(minutes=4))
    DigitClassifier(bundle, require_signature=keys.public)


def test_key_file_with_the_old_and_the_new_key_accepts_both(
    bundle: Path, sign: Sign, keys: Any, make_keys: Any, tmp_path: Path
) -> None:
    new, both = make_keys(), tmp_path / "both.pem"
    both.write_bytes(keys.public.read_bytes() + new.public.read_bytes())
    for key in (keys, new):
        sign(bundle, key=key.private)
        DigitClassifier(bundle, require_signature=both)


@pytest.mark.parametrize("model", [None, "robust", "bundle/nano_int8.onnx"])
def test_what_is_no_bundle_has_no_signature(
    model: str | None, bundle: Path, sign: Sign, keys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign(bundle)
    monkeypatch.chdir(bundle.parent)
    with pytest.raises(SignatureError, match="only a bundle has a signature"):
        DigitClassifier(model, require_signature=keys.public)


def test_session_cannot_have_a_signature(keys: Any, classifier: DigitClassifier) -> None:
    with pytest.raises(UsageError, match="session"):
        DigitClassifier(session=object(), require_signature=keys.public)  # type: ignore[arg-type]


def test_version_without_a_key_is_refused(bundle: Path, run_here: Any) -> None:
    with pytest.raises(UsageError, match="`min_version` needs `require_signature`"):
        DigitClassifier(bundle, min_version=3)
    finished = run_here("verify", bundle, "--min-version", 3)
    assert finished.code == 2
    assert "--min-version needs --key" in finished.err


@pytest.mark.parametrize("version", [0, -1, 1.5, True, "3"])
def test_impossible_version_is_refused(version: Any, keys: Any) -> None:
    with pytest.raises(UsageError, match="min_version"):
        SignaturePolicy.load(keys.public, min_version=version)


def pem_of(kind: str) -> bytes:
    """A public key of another kind."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed448, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    key: Any = {
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
        "ec": lambda: ec.generate_private_key(ec.SECP256R1()),
        "ed448": ed448.Ed448PrivateKey.generate,
    }[kind]()
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize("kind", ["rsa", "ec", "ed448"])
def test_key_of_another_kind_is_refused(kind: str, bundle: Path, tmp_path: Path, run_here: Any) -> None:
    path = tmp_path / "other.pem"
    path.write_bytes(pem_of(kind))
    finished = run_here("verify", bundle, "--key", path)
    assert finished.code == 2
    assert "a key of another kind" in finished.err
    assert "Ed25519" in finished.err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\xff",
        b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
        b"-----BEGIN PUBLIC KEY-----\n",
        b"x" * 20_000,
    ],
)
def test_file_that_is_no_public_key_is_refused(content: bytes, bundle: Path, tmp_path: Path, run_here: Any) -> None:
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    finished = run_here("verify", bundle, "--key", path)
    assert finished.code == 2
    assert str(path) in finished.err.replace("\n", "")


def test_private_key_in_place_of_the_public_one_is_refused(bundle: Path, keys: Any, run_here: Any) -> None:
    finished = run_here("verify", bundle, "--key", keys.private)
    assert finished.code == 2
    assert "holds a private key" in finished.err


@pytest.mark.parametrize("command", [("verify", "BUNDLE", "--key"), ("export", "edge", "--sign")])
def test_missing_extra_is_named(command: tuple[str, ...], bundle: Path, keys: Any, run_python: Any) -> None:
    arguments = [str(bundle) if argument == "BUNDLE" else argument for argument in command]
    done = run_python(
        "import sys\n"
        "sys.modules['cryptography'] = None  # as if it were not installed\n"
        "sys.argv = ['edge-mnist', *sys.argv[1:]]\n"
        "from edge_mnist_runtime.commands.app import main\nmain()\n",
        *(*arguments, keys.private),
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert "[sign]" in done.stderr.replace("\n", "")


def test_manifest_that_is_too_large_is_refused(bundle: Path, sign: Sign, keys: Any) -> None:
    sign(bundle)
    with (bundle / "manifest.json").open("ab") as file:
        file.write(b" " * 10_000_000)
    with pytest.raises(ManifestError, match="more than 10,000,000 bytes"):
        DigitClassifier(bundle, require_signature=keys.public)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("name", ["manifest.sig.json", "manifest.json", "nano_int8.onnx"])
@pytest.mark.parametrize("command", ["verify", "install"])
def test_pipe_in_place_of_a_file_is_refused_without_waiting(
    command: str, name: str, bundle: Path, sign: Sign, keys: Any
) -> None:
    sign(bundle)
    (bundle / name).unlink()
    os.mkfifo(bundle / name)
    options = ("--key", keys.public) if command == "verify" else ("--to", bundle.with_name("to"))
    done = subprocess.run(
        [sys.executable, "-m", "edge_mnist_runtime", command, bundle, *options],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (6, "")
    assert f"{name}: " in done.stderr
    assert "not a regular file" in done.stderr


def test_absent_key_is_refused(bundle: Path, tmp_path: Path, run_here: Any) -> None:
    for path in (tmp_path / "absent.pem", tmp_path):
        finished = run_here("verify", bundle, "--key", path)
        assert finished.code == 2
        assert "key" in finished.err


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_keys_and_signatures_of_openssl_are_accepted(bundle: Path, sign: Sign, tmp_path: Path) -> None:
    """The commands of docs/trust.md; and openssl verifies our signature, so no code of ours is needed to check it."""
    private, public, message, signature = (tmp_path / name for name in ("key.pem", "key.pub", "message", "signature"))
    openssl(tmp_path, "genpkey", "-algorithm", "ed25519", "-out", private)
    private.chmod(0o600)
    openssl(tmp_path, "pkey", "-in", private, "-pubout", "-out", public)
    sign(bundle, key=private, version=1)
    DigitClassifier(bundle, require_signature=public)

    import base64

    record = json.loads((bundle / "manifest.sig.json").read_text())
    signature.write_bytes(base64.b64decode(record.pop("signature")))
    signed = json.dumps(record, sort_keys=True, separators=(",", ":"))
    message.write_text("edge-mnist bundle signature\n" + signed)
    openssl(tmp_path, "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", message, "-sigfile", signature)


def openssl(folder: Path, *arguments: object) -> None:
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True)
