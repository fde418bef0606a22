"""`edge-mnist classify --report`: what is refused, and what the page shows."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
import threading
from html.parser import HTMLParser

import numpy as np
import pytest

from edge_mnist_runtime.errors import PictureError
from edge_mnist_runtime.picture_report import tally
from edge_mnist_runtime.picture_report.page import write_picture_page
from edge_mnist_runtime.picture_report.tally import Tally
from edge_mnist_runtime.prediction import Prediction, reject

HOSTILE = "<script>alert('owned')<\\script>\"&\udcff.png"
"""A file name that a page must escape, and that is not UTF-8."""


@pytest.fixture(scope="module")
def labelled(sample_pictures, tmp_path_factory):
    """The sample pictures in folders of their digits; the 3 lies in folder 5, and one file is no picture."""
    folder = tmp_path_factory.mktemp("labelled")
    for name, data in sample_pictures.items():
        target = folder / ("5" if name[0] == "3" else name[0])
        target.mkdir(exist_ok=True)
        (target / name).write_bytes(data)
    (folder / "0" / "broken.png").write_bytes(b"no picture")
    return folder


def words_of(source: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", source, flags=re.DOTALL))


def classify(run_here, *arguments):
    return run_here("classify", *arguments)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("folder.html", "is a folder"),
        ("page.txt", "name a file ending in .html"),
        ("absent/page.html", "there is no folder"),
        ("notes.html", "edge-mnist classify did not write it"),
    ],
)
def test_path_that_cannot_be_a_report_is_refused_before_the_work(run_here, samples_folder, tmp_path, target, message):
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "notes.html").write_text("my notes")
    finished = classify(run_here, samples_folder, "--report", tmp_path / target)
    assert (finished.code, finished.out) == (2, "")
    assert message in finished.err
    assert (tmp_path / "notes.html").read_text() == "my notes"


def test_force_replaces_a_file_and_a_report_needs_none(run_here, samples_folder, tmp_path):
    target = tmp_path / "notes.html"
    target.write_text("my notes")
    picture = samples_folder / "9-photograph.jpg"
    assert classify(run_here, picture, "--report", target, "--force").code == 0
    first = target.read_bytes()
    assert classify(run_here, picture, "--report", target).code == 0
    assert target.read_bytes() == first
    assert [file.name for file in tmp_path.iterdir()] == ["notes.html"]


def test_force_without_report_is_refused(run_here, samples_folder):
    finished = classify(run_here, samples_folder, "--force")
    assert finished.code == 2
    assert "only --report writes a file" in finished.err


def test_folder_without_pictures_is_in_the_report(run_here, samples_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    picture = samples_folder / "9-photograph.jpg"
    finished = classify(run_here, tmp_path / "empty", picture, "--report", tmp_path / "page.html")
    assert finished.code == 8
    assert "no pictures in this folder" in finished.err
    assert "no pictures in this folder" in (tmp_path / "page.html").read_text("utf-8")


def test_without_any_picture_no_report_is_written(run_here, tmp_path):
    (tmp_path / "empty").mkdir()
    finished = classify(run_here, tmp_path / "empty", "--report", tmp_path / "page.html")
    assert finished.code == 2
    assert "no pictures in this folder" in finished.err
    assert not (tmp_path / "page.html").exists()


def test_page_has_accuracy_confusions_and_the_worst_first(run_here, labelled, tmp_path):
    target = tmp_path / "page.html"
    finished = classify(run_here, labelled, "--report", target)
    assert finished.code == 8  # a file is no picture
    assert finished.out.splitlines()[-1] == str(target)
    source = target.read_text("utf-8")
    assert "<h1>11 pictures: 81.82% read right</h1>" in source
    captions = re.findall("<figcaption><b>(.*?)</b>", source)
    assert captions[:2] == ["read as 3, shows 5", "not read, shows 0"]
    assert sorted(captions[2:]) == ["0", "1", "2", "4", "5", "6", "7", "8", "9"]
    row = re.search(r"<tr><th scope='row'>5</th>(.*?)</tr>", source)[1]
    assert re.findall(r"<td [^>]*>(\d*)</td>", row) == ["", "", "", "1", "", "1", *[""] * 6]
    assert source.count("alt='the picture'") == source.count("alt='what the network saw'") == 10
    assert "broken.png" in source


def test_page_is_well_formed_and_refers_to_nothing(run_here, labelled, tmp_path):
    classify(run_here, labelled, "--report", tmp_path / "page.html")
    source = (tmp_path / "page.html").read_text("utf-8")
    rest = re.sub(r"src='data:image/(png|jpeg);base64,[^']+'", "", source)
    assert not re.search(r"src=|href=|https?:|file:|<link|<script|<iframe|@import|url\(", rest)
    assert "default-src 'none'" in source
    open_tags = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attributes):
            if tag not in ("meta", "img", "br"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Checker().feed(source)
    assert open_tags == []


def test_names_are_escaped(run_here, samples_folder, tmp_path):
    folder = tmp_path / "<b>&'"
    folder.mkdir()
    shutil.copy(samples_folder / "9-photograph.jpg", folder / HOSTILE.replace("\\", ""))
    (folder / "<i>.png").write_bytes(b"no picture")
    classify(run_here, folder, "--report", tmp_path / "page.html")
    source = (tmp_path / "page.html").read_text("utf-8")
    assert "&lt;script&gt;alert(&#x27;owned&#x27;)" in source
    assert "\\udcff.png" in source
    assert not re.search(r"<script|<i>|<b>&", source)


def test_pictures_without_label_folders_have_no_confusions(run_here, samples_folder, tmp_path):
    classify(run_here, samples_folder, "--report", tmp_path / "page.html", "--least-confidence", "0.9999")
    source = (tmp_path / "page.html").read_text("utf-8")
    assert "Confusions" not in source
    assert "No picture has a label" in words_of(source)
    assert "<h1>10 pictures: " in source
    assert re.search(r"rejected; \d has \d+\.\d+%", source)
    assert "<td>0.9999</td>" in source


def test_report_works_beside_json_processes_and_raw(run_here, samples_folder, labelled, tmp_path):
    plain, pooled, raw = (tmp_path / f"{name}.html" for name in ("plain", "pooled", "raw"))
    finished = classify(run_here, labelled, "--report", plain, "--json")
    assert finished.json["report"] == str(plain)
    assert len(finished.json["predictions"]) == 10
    classify(run_here, labelled, "--report", pooled, "--processes", "2")
    assert pooled.read_bytes() == plain.read_bytes()
    assert classify(run_here, samples_folder / "7-mnist-shaped.png", "--raw", "--report", raw).code in (0, 8)
    assert raw.read_text("utf-8").count("<figure") == 1


def test_standard_input_and_data_urls_are_shown(samples_folder, tmp_path):
    data = (samples_folder / "2-blue-on-cream.png").read_bytes()
    url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
    command = [sys.executable, "-m", "edge_mnist_runtime", "classify", "-", url, "--report", tmp_path / "page.html"]
    subprocess.run(command, input=data, check=True, capture_output=True)
    source = (tmp_path / "page.html").read_text("utf-8")
    assert source.count("alt='what the network saw'") == 2
    assert "not shown" not in source


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipe_is_classified_and_said_to_be_unshown(run_here, samples_folder, tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    data = (samples_folder / "2-blue-on-cream.png").read_bytes()
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    finished = classify(run_here, pipe, "--report", tmp_path / "page.html")
    writer.join()
    assert finished.code == 0
    assert "not shown: it is no file any more, or a pipe" in (tmp_path / "page.html").read_text("utf-8")


def predicted(digit: int, confidence: float) -> Prediction:
    probabilities = [(1 - confidence) / 9] * 10
    probabilities[digit] = confidence
    return Prediction(digit, confidence, np.array(probabilities, np.float32))


def test_worst_cases_are_kept_in_order(monkeypatch):
    monkeypatch.setattr(tally, "MAX_SHOWN", 5)
    counted = Tally()
    counted.add("right/7/a.png", "right/7/a.png", predicted(7, 0.9))
    counted.add("7/sure.png", "7/sure.png", predicted(1, 0.99))
    counted.add("7/unsure.png", "7/unsure.png", predicted(1, 0.6))
    counted.add("x.png", None, PictureError("damaged"))
    counted.add("7/blank.png", "7/blank.png", reject("blank"))
    counted.add("plain/b.png", "plain/b.png", predicted(3, 0.7))
    counted.add("plain/c.png", "plain/c.png", predicted(3, 1.0))
    assert [case.name for case in counted.worst] == [
        "7/sure.png",
        "7/unsure.png",
        "x.png",
        "7/blank.png",
        "plain/b.png",
    ]
    assert (counted.n_pictures, counted.n_labelled, counted.n_right, counted.n_wrong) == (7, 4, 1, 2)
    assert dict(counted.reasons) == {"blank": 1}


@pytest.mark.parametrize(
    ("outcomes", "title"),
    [
        (
            {"7/a": predicted(7, 0.9), "7/b": predicted(1, 0.9), "c": predicted(3, 0.9)},
            "3 pictures: 50.00% of the 2 with a label read right",
        ),
        (
            {"a": predicted(3, 0.9), "b": reject("blank"), "c": PictureError("damaged"), "d": predicted(4, 0.9)},
            "4 pictures: 2 accepted, 1 rejected, 1 not read",
        ),
        ({"a": PictureError("damaged")}, "1 picture: 1 not read"),
    ],
)
def test_headline_counts_every_picture(outcomes, title, tmp_path):
    counted = Tally()
    for name, outcome in outcomes.items():
        counted.add(name, None if "/" not in name else name, outcome)
    write_picture_page(tmp_path / "page.html", counted, mode="auto", about={})
    assert f"<h1>{title}</h1>" in (tmp_path / "page.html").read_text("utf-8")


def test_accepted_pictures_without_a_label_have_their_row(tmp_path):
    counted = Tally()
    for name, outcome in {"7/a": predicted(7, 0.9), "c": predicted(3, 0.9), "7/d": reject("blank")}.items():
        counted.add(name, name if "/" in name else None, outcome)
    write_picture_page(tmp_path / "page.html", counted, mode="auto", about={})
    source = (tmp_path / "page.html").read_text("utf-8")
    rows = dict(re.findall(r"<tr><th scope='row'>([a-z: ]+)</th><td>(\d+)</td>", source))
    assert rows == {
        "pictures": "3",
        "accepted": "2",
        "read right": "1",
        "read wrong": "0",
        "accepted without a label": "1",
        "rejected": "1",
        "rejected: blank": "1",
        "not read": "0",
    }


def test_page_says_how_many_pictures_it_does_not_show(monkeypatch, run_here, samples_folder, tmp_path):
    monkeypatch.setattr(tally, "MAX_SHOWN", 3)
    classify(run_here, samples_folder, "--report", tmp_path / "page.html")
    source = (tmp_path / "page.html").read_text("utf-8")
    assert source.count("<figure") == 3
    assert "The worst 3; 7 more are not shown." in source


@pytest.mark.parametrize(
    ("name", "label"),
    [("a/7/x.png", 7), ("7/x.png", 7), ("x.png", None), ("a/77/x.png", None), ("a/7/b/x.png", None), ("٣/x.png", None)],
)
def test_label_is_the_name_of_the_picture_s_folder(name, label):
    assert tally.find_label(name) == label
    assert tally.find_label(f"data:image/png,{name}") is None


def test_picture_in_the_working_folder_has_its_name_as_label(monkeypatch, tmp_path):
    (tmp_path / "7").mkdir()
    monkeypatch.chdir(tmp_path / "7")
    assert tally.find_label("x.png") == tally.find_label("./x.png") == 7
    assert tally.find_label("../x.png") is None
