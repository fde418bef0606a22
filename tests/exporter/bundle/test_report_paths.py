"""The report page beside a bundle and the folder of a failed export replace only their own older versions."""

from __future__ import annotations

import json

import pytest

from edge_mnist_exporter.bundle.report_paths import GENERATOR, ReportPaths, shorten
from edge_mnist_runtime.errors import OutputError, UsageError
from edge_mnist_trainer.report.web_page import load_templates

FAILURE = json.dumps({"gates": [{"passed": False}], "passed": False})

FILL_DISK = """
import resource, sys
from pathlib import Path
from edge_mnist_exporter.bundle.report_paths import ReportPaths
from edge_mnist_runtime.errors import OutputError
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
paths = ReportPaths(Path(sys.argv[1]))
try:
    with paths.page_after("x" * 100_000):
        print("the bundle is in place")
except OutputError as error:
    print("page", error)
try:
    paths.write_failure("{}", "x" * 100_000)
except OutputError as error:
    print("failure", error)
"""


def write_page(text: str) -> str:
    template = "{% extends 'page.html' %}{% block body %}{{ text }}{% endblock %}"
    return load_templates().from_string(template).render(text=text, generator=GENERATOR)


@pytest.fixture
def bundle(tmp_path):
    """The path of a bundle that does not exist."""
    return tmp_path / "bundle"


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_page_appears_beside_the_bundle_after_the_bundle(bundle):
    with ReportPaths(bundle).page_after(write_page("new")):
        assert not bundle.with_name("bundle.report.html").exists()
        bundle.mkdir()
    assert names(bundle.parent) == ["bundle", "bundle.report.html"]
    assert bundle.with_name("bundle.report.html").read_text("utf-8") == write_page("new")


def test_older_page_is_replaced_and_older_failure_is_removed(bundle):
    paths = ReportPaths(bundle)
    paths.write_failure(FAILURE, write_page("failed"))
    paths.page.write_text(write_page("old"))
    with ReportPaths(bundle).page_after(write_page("new")):
        pass
    assert names(bundle.parent) == ["bundle.report.html"]
    assert paths.page.read_text() == write_page("new")


def test_failed_bundle_write_keeps_older_page_and_failure(bundle):
    paths = ReportPaths(bundle)
    paths.write_failure(FAILURE, write_page("failed"))
    paths.page.write_text(write_page("old"))
    with pytest.raises(OutputError), paths.page_after(write_page("new")):
        raise OutputError("no space")
    assert names(bundle.parent) == ["bundle.failed", "bundle.report.html"]
    assert paths.page.read_text() == write_page("old")


def test_failure_replaces_an_older_failure(bundle):
    for text in ("one", "two"):
        ReportPaths(bundle).write_failure(FAILURE, write_page(text))
    assert names(bundle.parent) == ["bundle.failed"]
    assert names(bundle.with_name("bundle.failed")) == ["report.html", "report.json"]
    assert (bundle.with_name("bundle.failed") / "report.html").read_text() == write_page("two")


def test_page_that_no_export_wrote_is_refused_and_not_changed(bundle):
    page = bundle.with_name("bundle.report.html")
    page.write_text("<html>my thesis")
    with pytest.raises(UsageError, match=r"bundle\.report\.html: exists, and no export wrote it"):
        ReportPaths(bundle)
    assert page.read_text() == "<html>my thesis"


def test_folder_at_the_path_of_the_page_is_refused(bundle):
    bundle.with_name("bundle.report.html").mkdir()
    with pytest.raises(UsageError, match=r"bundle\.report\.html: exists"):
        ReportPaths(bundle)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("notes.txt", "precious"),
        ("report.json", '{"mine": true}'),
        ("report.json", '{"gates": [{"passed": true}], "passed": true}'),  # not a failed export
        ("report.json", "[]"),
    ],
)
def test_folder_that_no_export_wrote_is_refused_and_not_changed(bundle, file, content):
    other = bundle.with_name("bundle.failed")
    other.mkdir()
    (other / file).write_text(content)
    with pytest.raises(UsageError, match=rf"bundle\.failed: holds {file}, which no export wrote"):
        ReportPaths(bundle)
    assert (other / file).read_text() == content


def test_notes_in_the_folder_of_a_failure_are_not_lost(bundle):
    paths = ReportPaths(bundle)
    paths.write_failure(FAILURE, write_page("failed"))
    (paths.failure / "notes.txt").write_text("precious")
    for attempt in (lambda: ReportPaths(bundle), lambda: paths.write_failure(FAILURE, "again")):
        with pytest.raises(UsageError, match=r"holds notes\.txt"):
            attempt()
    with pytest.raises(UsageError, match=r"holds notes\.txt"), paths.page_after(write_page("new")):
        raise AssertionError("the bundle must not be written")
    assert (paths.failure / "notes.txt").read_text() == "precious"


def test_full_disk_fails_before_the_bundle_is_in_place(bundle, run_script):
    printed = run_script(FILL_DISK, bundle).splitlines()
    assert [line.split()[0] for line in printed] == ["page", "failure"]
    assert all("cannot be written" in line for line in printed)
    assert names(bundle.parent) == []


def test_path_is_shown_relative_to_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert shorten(tmp_path / "bundles" / "edge.failed") == "bundles/edge.failed"
    assert shorten(tmp_path.parent / "elsewhere") == str(tmp_path.parent / "elsewhere")
