"""report.html of a run, from a real run of a tiny network and from hand-made models with known mistakes.

The file is long because most tests look at the page of one training run.
"""

from __future__ import annotations

import base64
import html
import io
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.augment.settings import AffineRange, Augmentation
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.networks.architectures import custom_architecture
from edge_mnist_trainer.report.web_page import load_templates
from edge_mnist_trainer.run_folder import RunFolder, create_run_folder
from edge_mnist_trainer.run_record import RunRecord, TeachingSplitRecord, TransferSetRecord

pytestmark = pytest.mark.slow

HOSTILE = "<script>alert('owned')</script>/\"&\udcff.png: cannot be read"
"""A file name with a script in it that is not valid UTF-8."""

MISTAKES = {4: 9, 14: 9, 3: 8}
"""Wrong predictions by the index of the validation image: a 4, another 4, a 3."""

ORDER = [
    "Loss and accuracy",
    "Confusions",
    "Each digit",
    "Worst mistakes",
    "Training images",
    "Other digits",
    "Pictures without a digit",
]


@dataclass(frozen=True)
class Page:
    """A report page."""

    source: str
    record: RunRecord

    def section(self, title: str) -> str:
        return re.search(rf"<section><h2>{title}.*?</section>", self.source, re.DOTALL).group(0)


@pytest.fixture(scope="module")
def digits() -> DigitSet:
    """Drawn digits: 40 for training, 20 for validation."""
    images, labels = draw_digits(6, seed=1)
    training = LabelledDigits("a <b>&name", "train", images[:40], labels[:40])
    return DigitSet(
        training, LabelledDigits("a <b>&name", "validation", images[40:], labels[40:]), None, left_out=(HOSTILE,)
    )


@pytest.fixture(scope="module")
def run(digits, tmp_path_factory) -> RunFolder:
    """A finished run; its page is not written yet."""
    from edge_mnist_trainer.fit.training import train

    folder = create_run_folder(tmp_path_factory.mktemp("training") / "run")
    architecture = custom_architecture(filters=(2,), dense=())
    train(digits, architecture, replace(architecture.config, epochs=2, batch_size=20), folder)
    return folder


@pytest.fixture(scope="module")
def write_page(run, digits):
    """Write the page of the run with another model or record, and read it."""
    from edge_mnist_trainer.networks.keras_file import save_keras
    from edge_mnist_trainer.report.page import write_report_page

    record = run.read_record()

    def write(model: Any = None, **changes: Any) -> Page:
        run.write_record(replace(record, **changes))
        if model:
            save_keras(model, run.model_path)
        write_report_page(run, digits)
        return Page((run.path / "report.html").read_text("utf-8"), run.read_record())

    return write


@pytest.fixture(scope="module")
def page(write_page) -> Page:
    return write_page()


@pytest.fixture(scope="module")
def mistaken_page(page, write_page, digits) -> Page:
    """The page of a model that makes `MISTAKES`."""
    return write_page(make_reader(digits.validation, MISTAKES))


def make_reader(digits: LabelledDigits, mistakes: dict[int, int]) -> Any:
    """A network that predicts the label of the most similar image, or another digit for the images in `mistakes`."""
    import keras

    image = keras.Input((28, 28, 1), name="image")
    flat = keras.layers.Flatten()(image)
    similar = keras.layers.Dense(len(digits), use_bias=False, name="similar", activation="softmax")
    predicted = keras.layers.Dense(10, use_bias=False, name="predicted")
    model = keras.Model(image, predicted(similar(flat)), name="reader")
    templates = digits.images.reshape(len(digits), -1) / 255
    templates = templates - templates.mean(axis=1, keepdims=True)
    similar.set_weights([20 * templates.T / np.linalg.norm(templates, axis=1)])
    predicted.set_weights([np.eye(10)[[mistakes.get(index, label) for index, label in enumerate(digits.labels)]]])
    return model


def read_words(source: str) -> str:
    """The text of a page."""
    words = re.sub(r"<style>.*?</style>|<[^>]+>", " ", source, flags=re.DOTALL)
    return re.sub(r"\s+", " ", html.unescape(words))


def render(template: str, **values: Any) -> str:
    """Render one template."""
    return load_templates().get_template(template).render(values)


def decode_pictures(source: str) -> list[Image.Image]:
    return [
        Image.open(io.BytesIO(base64.b64decode(data)))
        for data in re.findall(r"src='data:image/png;base64,([^']+)'", source)
    ]


def test_page_heading_has_the_accuracy(page):
    heading = re.search("<h1>(.*?)</h1>", page.source).group(1)
    assert heading.startswith("custom")
    assert f"{page.record.best.validation_top1:.2%}" in heading


def test_page_has_size_epochs_and_status_of_the_run(page):
    words = read_words(page.source)
    for fact in ("3,950 parameters", "int8 weights", "2 of 2 epochs (completed)", "Kept: epoch", "no test images"):
        assert fact in words


def test_page_has_every_section_in_order(page):
    titles = re.findall("<h2>(.*?)</h2>", page.source)
    assert [title.split(" of ")[0] for title in titles] == [*ORDER, "Configuration", "Versions", "Data"]


def test_page_refers_to_nothing_outside_itself(page):
    rest = re.sub(r"src(set)?='data:image/(png|svg.xml);base64,[^']+'", "", page.source)
    assert not re.search(r"src=|href=|srcset=|https?:|file:|//|<link|<script|<iframe|@import|url\(", rest)
    assert len(page.source) < 1_000_000


def test_page_is_well_formed_and_every_picture_has_alternative_text(page):
    open_tags, texts = [], []

    class Checker(HTMLParser):
        def handle_starttag(self, tag, attrs):
            if tag == "img":
                texts.append(dict(attrs).get("alt"))
            if tag not in ("meta", "img", "br", "source"):
                open_tags.append(tag)

        def handle_endtag(self, tag):
            assert open_tags.pop() == tag

    Checker().feed(page.source)
    assert not open_tags
    assert len(texts) > 10
    assert all(texts)


def test_curves_are_drawn_for_light_and_for_dark_pages(page):
    curves = page.section("Loss and accuracy")
    assert curves.count("<picture>") == curves.count("prefers-color-scheme: dark") == 2
    last = page.record.epochs[-1]
    assert f"{last.val_accuracy:.2%} in validation" in curves


def test_names_of_the_user_s_files_are_escaped(page):
    assert "<script" not in page.source
    assert "a <b>" not in page.source
    words = read_words(page.source)
    assert "1 file was left out" in words
    assert "<script>alert('owned')</script>/\"&\\udcff.png: cannot be read" in words
    assert "20 validation images of a <b>&name" in words


def test_nothing_is_shown_if_no_file_was_left_out():
    assert render("left_out.html", left_out=[], n_listed=200) == ""


def test_long_list_of_unreadable_files_is_shortened():
    lines = [f"{number}.png: truncated" for number in range(5000)]
    words = read_words(render("left_out.html", left_out=lines, n_listed=200))
    assert "5,000 files were left out" in words
    assert words.count("truncated") == 200
    assert "and 4,800 more" in words


def test_confusion_matrix_and_scores_count_the_model_s_predictions(mistaken_page):
    cells = re.findall(r"title='(label \d, read as \d: \d+)'", mistaken_page.section("Confusions"))
    assert cells == ["label 3, read as 8: 1", "label 4, read as 9: 2"]
    rows = re.findall(r"<tr><th scope='row'>(\d)</th>(.*?)</tr>", mistaken_page.section("Each digit"))
    figures = {int(digit): re.findall("<td>(.*?)</td>", cells) for digit, cells in rows}
    assert figures[9] == ["50.00%", "100.00%", "66.67%", "2"]
    assert figures[3] == ["100.00%", "50.00%", "66.67%", "2"]
    assert figures[4] == ["-", "0.00%", "0.00%", "2"]


def test_worst_mistakes_are_shown_with_their_probabilities(mistaken_page, digits):
    section = mistaken_page.section("Worst mistakes")
    shown = [
        (int(index), int(label), int(answer), wrong, right)
        for label, answer, wrong, right, index in re.findall(
            r"<b>label (\d), read as (\d)</b>\d: ([\d.]+%), \d: ([\d.]+%)<br>image (\d+)<", section
        )
    ]
    model = make_reader(digits.validation, MISTAKES)
    probabilities = model.predict(digits.validation.images / np.float32(255), verbose=0)
    expected = sorted(((3, 3, 8), (4, 4, 9), (14, 4, 9)), key=lambda wrong: -probabilities[wrong[0], wrong[2]])
    assert shown == [
        (index, label, answer, f"{probabilities[index, answer]:.1%}", f"{probabilities[index, label]:.1%}")
        for index, label, answer in expected
    ]
    for picture, (index, *_) in zip(decode_pictures(section), expected, strict=True):
        assert np.array_equal(np.asarray(picture), digits.validation.images[index, ..., 0])


def test_mistakes_are_sorted_most_confident_first():
    from edge_mnist_trainer.report.pictures import Mistake, find_mistakes

    probabilities = np.full((4, 10), 0.01)
    for index, (predicted, probability) in enumerate([(3, 0.6), (1, 0.9), (5, 0.8), (7, 0.8)]):
        probabilities[index, predicted] = probability
    mistakes = find_mistakes(np.array([2, 1, 6, 8], np.uint8), probabilities)
    assert mistakes == [Mistake(2, 6, 5, 0.8, 0.01), Mistake(3, 8, 7, 0.8, 0.01), Mistake(0, 2, 3, 0.6, 0.01)]


def test_only_the_worst_of_many_mistakes_are_shown(digits):
    from edge_mnist_trainer.report.pictures import find_mistakes

    labels = digits.training.labels
    mistakes = find_mistakes((labels + 1) % 10, np.eye(10)[labels])
    section = render("mistakes.html", mistakes=mistakes, validation=digits.training, n_shown=24)
    assert section.count("<figure>") == 24
    assert "40 images are misread. These are the 24 most confident mistakes." in read_words(section)


def test_page_of_a_perfect_model_says_that_there_are_no_mistakes(write_page, digits, page):
    epochs = tuple(replace(epoch, accuracy=1.0, val_accuracy=1.0, val_loss=0.0) for epoch in page.record.epochs)
    perfect = write_page(make_reader(digits.validation, {}), epochs=epochs)
    section = perfect.section("Worst mistakes")
    assert "There are no mistakes" in section
    assert "<img" not in section
    assert "title='label" not in perfect.section("Confusions")


def test_training_images_are_shown_with_distorted_views(page, digits):
    pictures = decode_pictures(page.section("Training images"))
    originals, strips = pictures[::2], pictures[1::2]
    assert len(originals) == len(strips) == 12
    for number, (original, strip) in enumerate(zip(originals, strips, strict=True)):
        assert np.array_equal(np.asarray(original), digits.training.images[number, ..., 0])
        views = [np.asarray(strip)[top : top + 28, :, 0] for top in range(0, strip.height, 30)]
        assert len({view.tobytes() for view in views}) == 5


def test_samples_of_sorted_digits_show_every_digit(digits):
    from edge_mnist_trainer.report.pictures import choose_samples

    order = np.argsort(digits.training.labels, kind="stable")
    samples = choose_samples(digits.training.take(order, "train"), None, seed=0)
    assert [sample.label for sample in samples] == [*range(10), 0, 1]


def test_page_says_if_training_images_were_not_distorted(write_page, page):
    section = write_page(config=replace(page.record.config, augmentation=None)).section("Training images")
    assert "Training images are not distorted." in section
    assert len(decode_pictures(section)) == 12


def test_distilled_run_shows_the_distorted_images_of_its_transfer_set(write_page, page):
    augmentation = Augmentation(AffineRange(shift_pixels=0), corrupted_part=0.25, printed_part=0.12)
    config = replace(page.record.config, augmentation=None)
    lessons = TransferSetRecord(
        views=2,
        seed=0,
        teachers=("a" * 64, "b" * 64),
        augmentation=augmentation,
        dataset=TeachingSplitRecord("drawn", "train", 40, "c" * 64),
        preprocess=page.record.preprocess,
    )
    section = write_page(config=config, transfer_set=lessons).section("Training images")
    words = read_words(section)
    assert "2 teachers' predictions" in words
    assert "25% of the views" in words
    assert "12% of an epoch" in words
    assert len(decode_pictures(section)) == 24


def test_other_digits_are_on_the_page_and_in_the_record(page):
    from edge_mnist_trainer.augment.corruptions import CORRUPTIONS

    others = page.record.to_dict()["other_digits"]
    section = page.section("Other digits")
    assert set(others) == {"unseen_fonts", "sklearn_digits", "mean_corruption", "corruptions"}
    assert set(others["corruptions"]) == set(CORRUPTIONS)
    figures = [others["unseen_fonts"], others["sklearn_digits"], *others["corruptions"].values()]
    for figure in [*figures, others["mean_corruption"]]:
        assert f">{figure:.2%}<" in section
    assert page.record.epochs
    for name in CORRUPTIONS:
        assert f"<th scope='row'>{name}</th>" in section


def test_configuration_versions_and_data_are_listed(page):
    configuration = read_words(page.section("Configuration"))
    assert "peak learning rate 0.003" in configuration
    assert "rotation degrees 12" in configuration
    assert "filters 2" in configuration
    assert page.record.versions["keras"] in page.section("Versions")
    for split in page.record.dataset.splits.values():
        assert split.sha256 in page.section("Data")


def test_report_on_digits_that_the_run_was_not_trained_on_is_refused(run, digits, page):
    from edge_mnist_trainer.report.page import write_report_page

    before = (run.path / "report.html").read_bytes()
    others = replace(digits, validation=digits.validation.take(np.arange(10), "validation"))
    with pytest.raises(UsageError, match="other digits than these"):
        write_report_page(run, others)
    assert (run.path / "report.html").read_bytes() == before
