"""Keep the bundle in use and the one before it, and switch between them by replacing one link.

    DIR/current           -> slots/8/bundle    the bundle in use
    DIR/slots/8/bundle/                        its files
    DIR/slots/8/previous  -> ../7              the bundle before it

The link `current` is the only state. It is replaced by one rename, after everything that it names is on disk. So a
process that is killed, or a power failure, leaves the old bundle or the new one, whole. Slots that neither `current`
nor its `previous` names are leftovers, which the next installation removes.

Windows cannot replace a link to a folder in one step, so installing is refused there.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from edge_mnist_runtime.atomic_file import sync_folder, write_synced
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_runtime.paths import explain

CURRENT: Final = "current"
SLOTS: Final = "slots"
BUNDLE: Final = "bundle"
PREVIOUS: Final = "previous"

WINDOWS: Final = os.name == "nt"

UNFINISHED: Final = ".new"
"""Suffix of a link that is not yet in place."""

CURRENT_TARGET: Final = re.compile(rf"{SLOTS}/(\d+)/{BUNDLE}")
PREVIOUS_TARGET: Final = re.compile(r"\.\./(\d+)")


class BundleSlots:
    """The bundles in one folder.

    Args:
        root: The folder. It need not exist.

    Raises:
        UsageError: The folder holds something that no installation wrote, or this is Windows.
    """

    def __init__(self, root: Path) -> None:
        if WINDOWS:
            raise UsageError(
                "bundles cannot be installed on Windows, which cannot replace a link in one step; `edge-mnist verify` "
                "a new folder, and point your program at it"
            )
        self.root, self._slots = root, root / SLOTS
        self._check()

    @property
    def path(self) -> Path:
        """The link that programs open."""
        return self.root / CURRENT

    @property
    def current(self) -> Path | None:
        """The slot in use; None if there is none."""
        return self._follow(self.path, CURRENT_TARGET)

    def previous_of(self, slot: Path) -> Path | None:
        """The slot that was in use before `slot`; None if there is none."""
        return self._follow(slot / PREVIOUS, PREVIOUS_TARGET)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the folder, and keep other installations out until the end of the context.

        Raises:
            UsageError: Another process is installing.
            OutputError: The folder cannot be made or written.
        """
        import fcntl

        with self._explained():
            was_there = self.root.exists()
            self._slots.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.root, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            raise UsageError(f"{self.root}: another process is installing here; try again when it ends") from error
        try:
            self._remove_unused()
            yield
        finally:
            with suppress(OSError):  # not empty: something is installed
                self._slots.rmdir()
                if not was_there:
                    self.root.rmdir()
            os.close(descriptor)

    def stage(self, files: Iterable[tuple[str, bytes]], previous: Path | None) -> Path:
        """Write the files of a bundle into a new slot, and sync them to disk.

        Args:
            files: Name and content of each file.
            previous: The slot to go back to; None for none.

        Returns:
            The slot. It is a leftover until `switch_to`.
        """
        numbers = [int(slot.name) for slot in self._slots.iterdir() if slot.name.isdecimal()]
        slot = self._slots / str(max(numbers, default=0) + 1)
        try:
            with self._explained():
                self._fill(slot, files, previous)
        except BaseException:  # also Ctrl-C
            self.remove(slot)
            raise
        return slot

    def _fill(self, slot: Path, files: Iterable[tuple[str, bytes]], previous: Path | None) -> None:
        bundle = slot / BUNDLE
        bundle.mkdir(parents=True)
        for name, content in files:
            write_synced(bundle / name, content)
        if previous is not None:
            (slot / PREVIOUS).symlink_to(Path("..") / previous.name)
        for folder in (bundle, slot, self._slots):
            sync_folder(folder)

    def switch_to(self, slot: Path) -> None:
        """Put a slot in use by one rename, and remove the slots that are then neither in use nor previous."""
        with self._explained():
            _replace_link(self.path, Path(SLOTS) / slot.name / BUNDLE)
        self._remove_unused()

    def switch_back(self, slot: Path, previous: Path) -> None:
        """Put the previous slot in use, so that `slot` becomes the previous one."""
        with self._explained():
            _replace_link(previous / PREVIOUS, Path("..") / slot.name)  # not read while `current` names `slot`
        self.switch_to(previous)

    def remove(self, slot: Path) -> None:
        """Remove a slot that is not in use."""
        shutil.rmtree(slot, ignore_errors=True)

    def _remove_unused(self) -> None:
        current = self.current
        kept = {current, current and self.previous_of(current)}
        for slot in self._slots.iterdir():
            if slot not in kept:
                self.remove(slot)

    def _follow(self, link: Path, pattern: re.Pattern[str]) -> Path | None:
        """The slot that a link names; None if there is no such link or slot."""
        try:
            found = pattern.fullmatch(str(link.readlink()))
        except OSError:
            return None
        slot = self._slots / found[1] if found else None
        return slot if slot and (slot / BUNDLE).is_dir() else None

    def _check(self) -> None:
        with self._explained():
            if not self.root.exists():
                return
            if not self.root.is_dir():
                raise UsageError(f"{self.root}: a file; name a folder")
            names = {path.name for path in self.root.iterdir()}
        if unknown := names - {CURRENT, SLOTS, CURRENT + UNFINISHED}:
            raise UsageError(f"{self.root}: holds {min(unknown)}, which no installation wrote; name another folder")
        if CURRENT in names and not (self.path.is_symlink() and CURRENT_TARGET.fullmatch(str(self.path.readlink()))):
            raise UsageError(f"{self.path}: no installation wrote it; name another folder")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"{self.root}: cannot be written ({explain(error)}); free space or name another folder"
            ) from error


def _replace_link(link: Path, target: Path) -> None:
    """Make a link, or replace it in one step, and sync it to disk."""
    unfinished = link.with_name(link.name + UNFINISHED)
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(target)
    unfinished.replace(link)
    sync_folder(link.parent)
