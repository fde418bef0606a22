"""report.html of an export with known answers, for images of other sizes and classes than MNIST's."""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from edge_mnist_exporter.evaluate.evaluation import Flip
from edge_mnist_exporter.evaluate.rejection import CurvePoint, RejectionFigures, RejectionReport
from edge_mnist_exporter.gate_config import GateConfig
from edge_mnist_exporter.report.flip_pictures import MAX_PICTURES, share_pictures, sort_flips
from edge_mnist_exporter.report.model_card import write_model_card
from edge_mnist_exporter.report.page import make_export_page
from edge_mnist_runtime.dataset import LabelledDigits

CLASSES = ("cat", "dog", "<b>owl</b>")
POINTS = (
    CurvePoint(0.0, "", 0.0, 0.02),
    CurvePoint(0.5, "balanced", 0.0025, 0.01),
    CurvePoint(0.9, "strict", 0.01, 0.005),
)

HOSTILE = "<script>alert('owned')</script>\udcff"


def read_words(source: str) -> str:
    """The text of a page."""
    words = re.sub(
        r"<style>.*?</style>|<wbr>|<[^>]+>", lambda tag: "" if tag[0] == "<wbr>" else " ", source, flags=re.S
    )
    return re.sub(r"\s+", " ", html.unescape(words))


def section(page: str, title: str) -> str:
    return re.search(rf"<section><h2>{title}</h2>.*?</section>", page, re.S).group(0)


def decode_pictures(source: str) -> list[np.ndarray]:
    found = re.findall(r"src='data:image/png;base64,([^']+)'", source)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


@pytest.fixture(scope="module", params=[3, 1], ids=["colour", "grey"])
def digits(request) -> LabelledDigits:
    """200 pictures of three classes, 9 x 7 pixels."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (200, 9, 7, request.param)).astype(np.uint8)
    return LabelledDigits("zoo", "test", images, (np.arange(200) % 3).astype(np.uint8))


def answer(labels: np.ndarray, changes: dict[int, tuple[int, float]]) -> np.ndarray:
    """Predict the labels with probability 0.8, and other classes for some images."""
    probabilities = np.full((len(labels), 3), 0.1, np.float32)
    probabilities[np.arange(len(labels)), labels] = 0.8
    for index, (found, probability) in changes.items():
        probabilities[index] = (1 - probability) / 2
        probabilities[index, found] = probability
    return probabilities


@pytest.fixture(scope="module")
def page(make_report, digits) -> str:
    """Keras misreads image 7. One file loses 3 and 5 and gains 7; the other gives Keras's answers."""
    reference = answer(digits.labels, {7: (2, 0.7)})
    lossy = answer(digits.labels, {3: (1, 0.6), 5: (0, 0.9)})
    files = {"model_int8.tflite": lossy, "model_int8.onnx": reference}
    report = make_report(digits, reference, files, labels=CLASSES, gates=GateConfig(min_agreement=0.9))
    return make_export_page(report, digits.images)


@pytest.fixture(scope="module")
def failed_page(make_report, digits) -> str:
    """Both files lose every image."""
    reference = answer(digits.labels, {})
    files = {"model_int8.tflite": np.roll(reference, 1, axis=1), "model_int8.onnx": np.roll(reference, 2, axis=1)}
    return make_export_page(make_report(digits, reference, files, labels=CLASSES, notice=HOSTILE), digits.images)


def test_page_refers_to_nothing_outside_itself_and_runs_nothing(page, failed_page):
    for source in (page, failed_page):
        rest = re.sub(r"src(set)?='data:image/(png|svg.xml);base64,[^']+'", "", source)
        assert not re.search(r"src=|href=|srcset=|https?:|file:/|//|<link|<script|<iframe|@import|url\(", rest)
        assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"" in source


def test_page_is_well_formed_and_every_picture_has_alternative_text(page, failed_page):
    for source in (page, failed_page):
        open_tags, texts = [], []

        class Checker(HTMLParser):
            def handle_starttag(self, tag, attrs, open_tags=open_tags, texts=texts):
                if tag == "img":
                    texts.append(dict(attrs).get("alt"))
                if tag not in ("meta", "img", "br", "wbr"):
                    open_tags.append(tag)

            def handle_endtag(self, tag, open_tags=open_tags):
                assert open_tags.pop() == tag

        Checker().feed(source)
        assert not open_tags
        assert texts
        assert all(texts)


def test_heading_says_whether_the_export_passed(page, failed_page):
    assert "model: passed all 5 gates" in read_words(page)
    words = read_words(failed_page)
    assert "model: failed" in words
    assert (
        "because of drop_points(model_int8.tflite), agreement(model_int8.tflite), drop_points(model_int8.onnx)" in words
    )


@pytest.mark.parametrize(
    ("formats", "said"),
    [
        (("tflite", "onnx"), "TFLite in LiteRT, ONNX in onnxruntime."),
        (("onnx",), "ONNX in onnxruntime."),
        (
            ("c", "wasm"),
            "C as TFLite's reference kernels compute it, WebAssembly as TFLite's reference kernels compute it.",
        ),
    ],
    ids="-".join,
)
def test_page_and_card_name_only_the_engines_of_their_files(make_report, digits, formats, said):
    reference = answer(digits.labels, {})
    report = make_report(digits, reference, {f"model_int8.{suffix}": reference for suffix in formats}, labels=CLASSES)
    sentence = f"The files were measured on the same images with default options: {said} "
    assert sentence in read_words(make_export_page(report, digits.images))
    assert sentence in write_model_card(report)


def test_page_says_that_it_is_not_for_distribution(page):
    assert "shows evaluation images and is not for distribution" in read_words(page)


def test_names_of_the_user_s_files_are_escaped(page, failed_page):
    assert "<script" not in failed_page
    assert "<b>owl" not in page
    assert "<b>owl</b> 66" in read_words(section(page, "Each class"))
    assert "alert('owned')" in html.unescape(failed_page)


def test_every_name_of_the_user_s_is_escaped(make_report):
    """Names of a model, a file, a data set and a class, in text and in an attribute."""
    name = "' onerror='alert(1)'><script>alert(1)</script>&amp;"
    rng = np.random.default_rng(0)
    digits = LabelledDigits(name, name, rng.integers(0, 256, (6, 8, 8, 1)).astype(np.uint8), np.arange(6) % 3)
    exact = answer(digits.labels, {})
    files = {f"{name}_int8.{suffix}": np.roll(exact, 1, axis=1) for suffix in ("tflite", "onnx")}
    report = make_report(digits, exact, files, labels=(name, name, name), notice=name)
    rejection = RejectionReport(0.5, name, None, name, POINTS, {name: RejectionFigures(0.1, None, None)})
    hostile = replace(
        report, name=name, source={**report.source, "file": name}, rejection=rejection, versions={name: name}
    )
    for made in (hostile, replace(hostile, gates=())):  # failed, and passed
        page = make_export_page(made, digits.images)
        attributes = []

        class Checker(HTMLParser):
            def handle_starttag(self, tag, attrs, attributes=attributes):
                assert tag != "script"
                attributes.extend(key for key, _ in attrs)

        Checker().feed(page)
        assert "onerror" not in attributes
        assert read_words(page).count("<script>alert(1)</script>&amp;") > 20


def test_page_shows_the_curve_of_thresholds(make_report, digits):
    exact = answer(digits.labels, {})
    report = make_report(digits, exact, {"model_int8.onnx": exact}, labels=CLASSES)

    def show(points):
        rejection = RejectionReport(0.5, "set by the user", None, "9 images", points, {})
        return section(make_export_page(replace(report, rejection=rejection), digits.images), "Rejection")

    shown = show(POINTS)
    assert "0.000 0.00% 2.00% 0.500 balanced 0.25% 1.00% 0.900 strict 1.00% 0.50%" in read_words(shown)
    assert shown.count("data:image/svg+xml;base64,") == 2  # for light and for dark pages
    assert "balanced: 0.25%, 1.00%; strict: 1.00%, 0.50%" in shown
    assert "svg" not in show(POINTS[:2])  # one point is no curve


def test_flips_are_shown_with_picture_and_both_answers(page, digits):
    shown = section(page, "Flipped images")
    words = read_words(shown)
    assert "Same answer as Keras on all 200 images: model_int8.onnx." in words
    assert "model_int8.tflite: 3 of 200 images flipped" in words
    assert "2 lost, 1 gained, 0 wrong in both." in words
    indices = [int(index) for index in re.findall(r"image (\d+)</figcaption>", shown)]
    assert indices == [5, 3, 7]  # lost before gained, the most confident first
    assert "label <b>owl</b> Keras: <b>owl</b>, 80.0% file: cat, 90.0%" in words
    for picture, index in zip(decode_pictures(shown), indices, strict=True):
        assert np.array_equal(picture.reshape(digits.images.shape[1:]), digits.images[index])


def test_page_shows_some_of_many_flips_and_counts_the_rest(failed_page):
    assert len(decode_pictures(failed_page)) == MAX_PICTURES == 60
    words = read_words(section(failed_page, "Flipped images"))
    assert words.count("30 of them are shown; report.json also lists the other 170.") == 2
    assert len(failed_page) < 200_000


def test_table_of_files_has_interval_p_and_verdict(page, failed_page):
    words = read_words(section(page, "Files"))
    assert re.search(r"model_int8\.tflite 12\.3 99\.00% -0\.50 -2\.\d\d to \+1\.\d\d 2, 1 1\.000 98\.50% 0\.800", words)
    assert "FAIL" not in words
    assert read_words(section(failed_page, "Files")).count("FAIL") == 2
    assert "< 0.001" in read_words(section(failed_page, "Files"))


def test_agreement_table_has_every_pair(page):
    cells = re.findall(r"<td style='--red:([\d.]+)'>([\d.]+%)<small>(\d+) differ", section(page, "Agreement"))
    assert cells == [
        *[("0.60", "98.50%", "3"), ("0.00", "100.00%", "0"), ("0.60", "98.50%", "3")],
        *[("0.60", "98.50%", "3"), ("0.00", "100.00%", "0"), ("0.60", "98.50%", "3")],
    ]


def test_classes_are_red_if_worse_and_green_if_better(page):
    rows = re.findall(r"<tr><th scope='row'>(.*?)</th>(.*?)</tr>", section(page, "Each class"))
    cells = {name: re.findall(r"<td(?: class='(\w+)')?>(.*?)</td>", row) for name, row in rows}
    assert cells["cat"] == [("", "67"), ("", "100.00%"), ("lost", "98.51%"), ("", "100.00%")]
    assert cells["dog"] == [("", "67"), ("", "98.51%"), ("gained", "100.00%"), ("", "98.51%")]


def test_int8_differences_are_shown_in_steps(page):
    words = read_words(section(page, "The two int8 files"))
    assert "give the same answer on 98.50% of the images" in words
    assert "steps of 0.00390625" in words
    assert "0 197 98.50%" in words
    assert re.search(r"129-256 3 1\.50%", words)


def test_gates_are_listed_with_value_limit_and_margin(failed_page):
    words = read_words(section(failed_page, "Gates"))
    assert "reference_top1 1.0000 >= 0.5 +0.5000 pass" in words
    assert "agreement(model_int8.onnx) 0.0000 >= 0.99 -0.9900 FAIL" in words


def test_page_of_a_failed_reference_says_why(make_report, digits):
    page = make_export_page(make_report(digits, answer(1 - digits.labels % 2, {}), {}, labels=CLASSES), digits.images)
    assert "because of reference_top1" in read_words(page)
    assert re.findall("<h2>(.*?)</h2>", page) == ["Gates", "Data", "Versions"]


@given(st.lists(st.integers(0, 100), max_size=8), st.integers(0, 80))
def test_pictures_are_distributed_evenly_until_the_page_is_full(n_flips, max_pictures):
    shares = share_pictures(n_flips, max_pictures)
    assert sum(shares) == min(max_pictures, sum(n_flips))
    assert all(share <= n for share, n in zip(shares, n_flips, strict=True))
    short = [share for share, n in zip(shares, n_flips, strict=True) if share < n]
    assert not short or max(shares) - min(short) <= 1


def test_flips_are_sorted_by_outcome_and_confidence():
    gained, both, lost, surer = (
        Flip(0, 1, 0, 1, 0.5, 0.9),
        Flip(1, 1, 0, 2, 0.5, 0.9),
        Flip(2, 1, 1, 0, 0.9, 0.4),
        Flip(3, 1, 1, 0, 0.4, 0.9),
    )
    assert sort_flips([gained, both, lost, surer]) == [surer, lost, both, gained]
