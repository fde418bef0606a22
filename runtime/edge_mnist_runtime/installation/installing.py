"""Install a bundle if it passes every check, and go back to the one before it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_mnist_runtime.bench.change import Comparison
from edge_mnist_runtime.bundles.manifest import MANIFEST_FILE, Manifest, read_manifest, read_proved
from edge_mnist_runtime.bundles.signature import (
    SIGNATURE_FILE,
    SignaturePolicy,
    SignedStatement,
    read_signature,
    read_statement,
)
from edge_mnist_runtime.bundles.verification import ReplayResult, require_replayed, verify_bundle
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import IntegrityError, SignatureError, UsageError
from edge_mnist_runtime.installation.slots import BUNDLE, BundleSlots
from edge_mnist_runtime.installation.speed import compare_speed, require_fast_enough


@dataclass(frozen=True)
class InstallReport:
    """How an installation ended."""

    path: Path
    """The link that names the bundle in use."""
    changed: bool
    """False if the same bundle was in use already."""
    statement: SignedStatement | None
    """What the signature says; None if it was not checked."""
    replayed: tuple[ReplayResult, ...]
    """How each model file gave its golden digits; empty if nothing changed."""
    speed: Comparison | None = None
    """How fast it is beside the bundle in use before; None if it was not measured."""


def install(
    bundle: str | os.PathLike[str],
    to: str | os.PathLike[str],
    *,
    policy: SignaturePolicy | None = None,
    max_slower: float | None = None,
    backend: Backend | None = None,
) -> InstallReport:
    """Check a bundle, copy it, and put it in use in one step.

    The copy is checked, not the source: its signature, every hash, its golden digits, and its speed beside that of the
    bundle in use. If a check fails, or the process is killed, the bundle in use stays.

    Args:
        bundle: The new bundle.
        to: The folder of the installation; programs open its link `current`.
        policy: The accepted signatures; None: none is needed. With a policy, a bundle of a lower version than those
            installed is refused.
        max_slower: Fraction by which one image may take longer than now, 0.05 for 5 %; None: speed is not measured.
            Without a bundle in use there is nothing to compare.
        backend: Which file's speed is measured, as for `DigitClassifier`.

    Raises:
        UsageError: A path cannot be used; another process is installing; or the bundle in use is signed, and there is
            no policy.
        SignatureError: The bundle is not signed as required, or is older.
        IntegrityError: The bundle is damaged, or for another preprocessing.
        GateError: It does not give its golden digits here.
        RegressionError: It is too slow.
        UndecidedError: The measurement cannot tell whether it is too slow.
    """
    source, slots = Path(bundle), BundleSlots(Path(to))
    data = read_manifest(source)
    statement = policy.check(source, data) if policy else None  # early, before anything is copied
    manifest = Manifest.parse(data, source / MANIFEST_FILE)
    with slots.locked():
        current = slots.current
        _require_not_older(source, statement, slots, current)
        in_use = current if current and _is_whole(current / BUNDLE) else None
        if in_use and _is_same(source, in_use / BUNDLE):
            return InstallReport(slots.path, changed=False, statement=statement, replayed=())
        previous = in_use or (current and slots.previous_of(current))
        slot = slots.stage(_read_files(source, manifest, data), previous)
        copy = slot / BUNDLE
        try:
            if policy:
                statement = policy.check(copy, read_manifest(copy))
            replayed = verify_bundle(copy)
            require_replayed(replayed, source)
            speed = None
            if max_slower is not None and in_use:
                speed = compare_speed(in_use / BUNDLE, copy, max_slower=max_slower, backend=backend)
                require_fast_enough(speed, source)
        except BaseException:  # also Ctrl-C
            slots.remove(slot)
            raise
        slots.switch_to(slot)
    return InstallReport(slots.path, changed=True, statement=statement, replayed=replayed, speed=speed)


def go_back(to: str | os.PathLike[str]) -> InstallReport:
    """Put the bundle before the one in use back in use. A second call undoes the first.

    Raises:
        UsageError: There is no bundle to go back to, or another process is installing.
        IntegrityError: That bundle is damaged; the one in use stays.
        GateError: It does not give its golden digits here.
    """
    slots = BundleSlots(Path(to))
    if slots.current is None:
        raise UsageError(f"{to}: no bundle is installed here")
    with slots.locked():
        current = slots.current
        previous = current and slots.previous_of(current)
        if current is None or previous is None:
            raise UsageError(f"{to}: there is no bundle before the one in use")
        replayed = verify_bundle(previous / BUNDLE)
        require_replayed(replayed, previous / BUNDLE)
        slots.switch_back(current, previous)
    return InstallReport(slots.path, changed=True, statement=None, replayed=replayed)


def _require_not_older(
    source: Path, statement: SignedStatement | None, slots: BundleSlots, current: Path | None
) -> None:
    """Refuse an unsigned bundle in place of a signed one, and a version below both installed ones."""
    installed = [slot for slot in (current, current and slots.previous_of(current)) if slot]
    signed = [found for slot in installed if (found := read_statement(slot / BUNDLE))]
    if signed and statement is None:
        raise UsageError(
            f"{slots.root}: the bundle installed there is signed; give the `key` that this one must be signed by, or "
            "name another folder"
        )
    floor = max((found.bundle_version or 0 for found in signed), default=0)
    if statement and (statement.bundle_version or 0) < floor:
        raise SignatureError(
            f"{source}: {'no version' if statement.bundle_version is None else f'version {statement.bundle_version}'}, "
            f"but version {floor} is or was installed in {slots.root}; get a newer bundle, or go back: `back=True`"
        )


def _is_whole(bundle: Path) -> bool:
    try:
        for name, sha256 in Manifest.load(bundle).hashes().items():
            read_proved(bundle / name, sha256)
    except IntegrityError:
        return False
    return True


def _is_same(one: Path, other: Path) -> bool:
    """Whether two bundles have the same manifest and signature."""
    return all(read(one) == read(other) for read in (read_manifest, read_signature))


def _read_files(source: Path, manifest: Manifest, data: bytes) -> Iterator[tuple[str, bytes]]:
    """Read every file that the manifest lists, with its hash proved, then the manifest and the signature."""
    for name, sha256 in manifest.hashes().items():
        yield name, read_proved(source / name, sha256)
    yield MANIFEST_FILE, data
    if (signature := read_signature(source)) is not None:
        yield SIGNATURE_FILE, signature
