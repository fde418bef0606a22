"""Paths of the reports that an export writes beside a bundle.

<bundle>.report.html   the report page. It shows evaluation images, and a bundle may show only digits drawn by the
                       project, so the page is beside the bundle, not inside.
<bundle>.failed/       report.json and report.html of an export that failed a gate. The next export that passes
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
from edge_mnist_exporter.bundle.staging import StagingFolder
from edge_mnist_runtime.atomic_file import sync_folder
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.picture_report.page import was_written_by

REPORT_FILE: Final = "report.json"
PAGE_FILE: Final = "report.html"

PAGE_SUFFIX: Final = f".{PAGE_FILE}"
"""Suffix of the page beside a bundle."""

FAILURE_SUFFIX: Final = ".failed"
"""Suffix of the folder of a failed export."""

GENERATOR: Final = "edge-mnist export"
"""The generator named in the head of every page that an export writes."""


class ReportPaths:
    """The paths of the reports beside one bundle.

    Args:
        bundle: The bundle's folder, with links resolved; it need not exist.

    Raises:
        UsageError: One of the paths is something that no export wrote.
    """

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle
        self.page = bundle.with_name(f"{bundle.name}{PAGE_SUFFIX}")
        self.failure = bundle.with_name(f"{bundle.name}{FAILURE_SUFFIX}")
        self._check()

    def write_failure(self, report: str, page: str) -> None:
        """Write the folder of a failed export atomically, from the text of report.json and of the page.

        Raises:
            OutputError: It cannot be written.
        """
        with BundleWriter(self.failure, name_failure_files) as writer:
            writer.write({REPORT_FILE: report.encode(), PAGE_FILE: _encode(page)})

    @contextmanager
    def page_after(self, page: str) -> Iterator[None]:
        """Put a page in place after the body of the context, and remove the folder of an older failure.

        The page is written to a hidden folder first, so that a full disk fails before the bundle is in place. The page
        and the bundle are always from the same export.

        Raises:
            OutputError: The page cannot be written.
        """
        with explained(self.page):
            staging = StagingFolder(self.bundle)
        with staging:
            with explained(self.page):
                staging.write({PAGE_FILE: _encode(page)})
                self._check()  # again, because the work took minutes
            yield
            with explained(self.page):
                (staging.path / PAGE_FILE).replace(self.page)
                if self.failure.exists():
                    self.failure.rename(staging.path / self.failure.name)  # one step; deleted with the staging folder
                sync_folder(self.page.parent)

    def _check(self) -> None:
        with explained(self.page):
            _check_page(self.page)
        with explained(self.failure):
            check_replaceable(self.failure, name_failure_files)


def check_report_paths(bundle: Path) -> None:
    """Check before the work that a bundle and its reports can be written or replaced.

    Raises:
        UsageError: One of the paths is something that no export wrote.
    """
    target = resolve_target(bundle)
    ReportPaths(target)
    with explained(target):
        check_replaceable(target, name_bundle_files)


def name_failure_files(folder: Path) -> set[str]:
    """Names of the files of the failed export in `folder`; empty if there is none."""
    try:
        record = json.loads((folder / REPORT_FILE).read_text("utf-8"))
        return {REPORT_FILE, PAGE_FILE} if record["gates"] and record["passed"] is False else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _encode(page: str) -> bytes:
    return page.encode("utf-8", errors="backslashreplace")  # names of the user's files may not be UTF-8


def shorten(path: Path) -> str:
    """A path for display: relative to the working folder if it is inside it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _check_page(page: Path) -> None:
    """Raise `UsageError` unless `page` is absent or a page that an export wrote."""
    if not page.exists() or was_written_by(GENERATOR, page):
        return
    raise UsageError(f"{page}: exists, and no export wrote it; name another `output`")
