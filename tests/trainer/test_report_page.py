"""report.html of a run."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def page(finished_run, drawn_digits) -> str:
    from edge_mnist_trainer.report_page import write_report_page

    write_report_page(finished_run.folder, drawn_digits)
    return (finished_run.folder.path / "report.html").read_text("utf-8")


def test_page_names_the_accuracy_in_its_heading(page, finished_run):
    heading = re.search("<h1>(.*?)</h1>", page).group(1)
    assert f"{finished_run.outcome.best_validation_top1:.2%}" in heading


def test_page_refers_to_nothing_outside_itself(page):
    rest, pictures = re.subn(r"src='data:image/png;base64,[^']+'", "", page)
    assert pictures == 2
    assert not re.search(r"src=|href=|https?:|file:|//|<link|<script|@import|url\(", rest)


def test_page_shows_every_digit_s_precision_and_recall(page):
    for digit in range(10):
        assert f"<th>{digit}<td>" in page


def test_page_says_what_the_model_was_trained_on(page):
    assert "2 of 2 epochs" in page
    assert "drawn" in page
    assert "1,000 validation images" in page
