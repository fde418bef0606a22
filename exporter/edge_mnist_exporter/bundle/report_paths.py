"""Where the reports of an export go that stand in no bundle.

<bundle>.report.html   the page for people. It shows evaluation images, and a bundle must show none but digits that
                       the project draws itself: so it stands beside the bundle, not inside.
<bundle>.failed/       report.json and report.html of an export that failed a gate; the next one that passes
                       removes it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from edge_mnist_exporter.bundle.bundle_writer import (
    BundleWriter,
    check_replaceable,
    explained,
    name_bundle_files,
    resolve_target,
)
from edge_mnist_exporter.bundle.staging import StagingFolder, sync_folder
from edge_mnist_runtime.errors import UsageError

REPORT_FILE: Final = "report.json"
PAGE_FILE: Final = "report.html"

PAGE_SUFFIX: Final = f".{PAGE_FILE}"
"""Of the page beside a bundle."""

FAILURE_SUFFIX: Final = ".failed"
"""Of the folder of a failure."""

GENERATOR: Final = "edge-mnist export"
"""Stands in the head of every page that an export wrote."""

HEAD_BYTES: Final = 1000
"""Of a page that hold its head's first lines."""


class ReportPlaces:
    """The two places beside one bundle.

    Args:
        bundle: The bundle's folder, resolved; it need not exist.

    Raises:
        UsageError: Something else stands in one of them.
    """

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self.page = bundle.with_name(f"{bundle.name}{PAGE_SUFFIX}")
        self.failure = bundle.with_name(f"{bundle.name}{FAILURE_SUFFIX}")
        self._check()

    def write_failure(self, report: str, page: str) -> None:
        """Put the folder of a failure in place in one step: the text of report.json, and that of the page.

        Raises:
            OutputError: It cannot be written.
        """
        with BundleWriter(self.failure, name_failure_files) as writer:
            writer.write({REPORT_FILE: report.encode(), PAGE_FILE: _encode(page)})

    @contextmanager
    def page_after(self, page: str) -> Iterator[None]:
        """Write the page to disk, do what is in the context, and then put the page in place and clear old failures.

        A full disk is found out before the bundle is in place, and no page stands beside a bundle of another export.

        Raises:
            OutputError: The page cannot be written.
        """
        with explained(self.page):
            staging = StagingFolder(self.bundle)
        with staging:
            with explained(self.page):
                staging.write({PAGE_FILE: _encode(page)})
                self._check()  # again: it is minutes since the work began
            yield
            with explained(self.page):
                (staging.path / PAGE_FILE).replace(self.page)
                if self.failure.exists():
                    self.failure.rename(staging.path / self.failure.name)  # gone in one step, removed with the rest
                sync_folder(self.page.parent)

    def _check(self) -> None:
        with explained(self.page):
            _check_page(self.page)
        with explained(self.failure):
            check_replaceable(self.failure, name_failure_files)


def check_places(bundle: Path) -> None:
    """Refuse at once what could not be replaced once the work is done: at a bundle's place, or beside it.

    Raises:
        UsageError: There is something else.
    """
    target = resolve_target(bundle)
    ReportPlaces(target)
    with explained(target):
        check_replaceable(target, name_bundle_files)


def name_failure_files(folder: Path) -> set[str]:
    """Names of the files that belong to the failure in `folder`; none where there is none."""
    try:
        record = json.loads((folder / REPORT_FILE).read_text("utf-8"))
        return {REPORT_FILE, PAGE_FILE} if record["gates"] and record["passed"] is False else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _encode(page: str) -> bytes:
    return page.encode("utf-8", errors="backslashreplace")  # names of the user's files may hold bytes that are no UTF-8


def shorten(path: Path) -> str:
    """A path as people are shown it: from the working folder on where it is below that."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _check_page(page: Path) -> None:
    """Raise `UsageError` unless `page` is absent or a page that an export wrote."""
    if not page.exists():
        return
    if page.is_file():
        with page.open("rb") as handle:
            if f"content='{GENERATOR}'".encode() in handle.read(HEAD_BYTES):
                return
    raise UsageError(f"{page}: exists, and no export wrote it; name another `output`")
