"""Rows of digits are found, ordered, split if they touch, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from edge_mnist_runtime import DigitClassifier, InputError, PictureError
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.rows.cuts import choose_pieces, find_cuts, mask_between, pieces_between

RunCli = Callable[..., Any]


def row_of(digits: str, *, gap: int = 20, size: int = 84, margin: int = 40, background: int = 235) -> Image.Image:
    """The sample digits, dark on light, side by side."""
    samples = load_samples()
    boxes = []
    for digit in digits:
        ink = samples.images[list(samples.labels).index(int(digit)), :, :, 0]
        picture = Image.fromarray(ink).crop(Image.fromarray(ink).getbbox())
        scale = size / picture.height
        boxes.append(picture.resize((max(1, round(picture.width * scale)), size), Image.Resampling.BICUBIC))
    width = sum(box.width for box in boxes) + gap * (len(boxes) - 1) + 2 * margin
    row, left = Image.new("L", (width, size + 2 * margin), 0), margin
    for box in boxes:
        row.paste(box, (left, margin), box)
        left += box.width + gap
    return Image.fromarray((background - np.asarray(row).astype(int) * (background - 20) // 255).astype(np.uint8))


@pytest.fixture(scope="module")
def year() -> Image.Image:
    return row_of("2026")


def test_year_is_read_from_left_to_right(year: Image.Image, classifier: DigitClassifier) -> None:
    reading = classifier.read_row(year)
    assert (reading.text, reading.reason, reading.accepted) == ("2026", None, True)
    lefts = [digit.box.left for digit in reading.digits]
    assert lefts == sorted(lefts)
    assert all(one.box.right <= left + 2 for one, left in zip(reading.digits, lefts[1:], strict=False))


def test_box_is_in_the_pictures_pixels(year: Image.Image, classifier: DigitClassifier) -> None:
    inked = np.asarray(year) < 130
    columns = np.flatnonzero(inked.any(0))
    for larger in (1, 3):
        picture = year.resize((year.width * larger, year.height * larger), Image.Resampling.BICUBIC)
        digits = classifier.read_row(picture).digits
        assert digits[0].box.left == pytest.approx(larger * columns[0], abs=4 * larger)
        assert digits[-1].box.right == pytest.approx(larger * (columns[-1] + 1), abs=4 * larger)


@pytest.mark.parametrize("change", ["light on dark", "shaded", "lined", "colour", "small"])
def test_light_lines_and_polarity_do_not_matter(change: str, year: Image.Image, classifier: DigitClassifier) -> None:
    pixels = np.asarray(year).astype(float)
    height, width = pixels.shape
    if change == "light on dark":
        pixels = 255 - pixels
    elif change == "shaded":
        pixels = pixels * np.linspace(1, 0.5, width)
    elif change == "lined":
        pixels[10::38] = np.minimum(pixels[10::38], 170)
    picture = Image.fromarray(pixels.astype(np.uint8))
    if change == "colour":
        picture = ImageOps.colorize(picture, "darkblue", "ivory")
    elif change == "small":
        picture = picture.resize((width * 36 // height, 36), Image.Resampling.BOX)
    assert classifier.read_row(picture).text == "2026"


@given(st.text("0123456789", min_size=1, max_size=8), st.integers(8, 60))
@settings(max_examples=8)
def test_any_separated_row_has_as_many_digits(classifier: DigitClassifier, digits: str, gap: int) -> None:
    reading = classifier.read_row(row_of(digits, gap=gap))
    assert reading.text == digits


def test_touching_digits_are_cut_apart(classifier: DigitClassifier) -> None:
    assert classifier.read_row(row_of("26", gap=-4)).text == "26"


def test_digits_that_touch_along_a_stroke_are_cut_apart(classifier: DigitClassifier) -> None:
    assert classifier.read_row(row_of("600", gap=-6)).text == "600"


@pytest.mark.parametrize("spot", [(250, 90, 330, 140), (120, 80, 200, 130)])
def test_spot_of_light_does_not_hide_the_row(spot: tuple[int, int, int, int], classifier: DigitClassifier) -> None:
    paper = np.asarray(row_of("2026", margin=80, gap=40)) / 235
    light = Image.new("L", paper.shape[::-1], 60)
    ImageDraw.Draw(light).ellipse(spot, fill=230)
    lit = np.asarray(light.filter(ImageFilter.GaussianBlur(2))) * (0.65 + 0.35 * paper)
    assert classifier.read_row(lit.astype(np.uint8)).text == "2026"


def test_specks_are_left_out(year: Image.Image, classifier: DigitClassifier) -> None:
    pixels = np.array(year)
    pixels[8:11, 20:23] = pixels[-12:-9, 200:203] = 30
    assert classifier.read_row(pixels).text == "2026"


@pytest.mark.parametrize("size", [(300, 200), (30, 30)])
def test_blank_picture_has_no_row(size: tuple[int, int], classifier: DigitClassifier) -> None:
    reading = classifier.read_row(Image.new("L", size, 240))
    assert (reading.text, reading.reason, reading.digits, reading.accepted) == ("", "blank", (), False)


def test_two_rows_are_refused(year: Image.Image, classifier: DigitClassifier) -> None:
    both = Image.new("L", (year.width, 2 * year.height))
    both.paste(year, (0, 0))
    both.paste(year, (0, year.height))
    assert classifier.read_row(both).reason == "several rows"


def test_data_that_is_not_a_picture_is_an_error(classifier: DigitClassifier) -> None:
    with pytest.raises(PictureError):
        classifier.read_row(b"no picture")
    with pytest.raises(InputError):
        classifier.read_row(np.zeros((5, 5, 5), np.float32))


def test_cut_goes_where_there_is_least_ink() -> None:
    ink = np.zeros((40, 50), np.float32)
    ink[:, :15] = ink[:, 35:] = 1
    ink[18:22, 15:35] = 1
    cuts = find_cuts(ink)
    assert any(((line >= 14) & (line <= 36)).all() for line in cuts.columns)
    assert cuts.strokes == pytest.approx(1)


def test_strokes_that_run_along_each_other_are_cut_between() -> None:
    rings = Image.new("L", (66, 60), 0)
    for left in (0, 29):
        ImageDraw.Draw(rings).ellipse((left, 0, left + 36, 59), outline=255, width=8)
    cuts = find_cuts(np.asarray(rings, np.float32) / np.float32(255))
    seam = np.abs(cuts.columns - 32.5).max(1) <= 4
    assert seam.any()
    assert cuts.strokes[seam].min() == 1


@given(st.integers(10, 40), st.integers(10, 90), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_chosen_pieces_cover_everything_once(height: int, width: int, seed: int) -> None:
    ink = np.random.default_rng(seed).random((height, width)).astype(np.float32)
    cuts = find_cuts(ink)
    n = len(cuts.strokes)
    pieces = pieces_between(cuts, (height, width), height)
    assert (0, n + 1) in pieces
    assert mask_between(cuts, (height, width), 0, n + 1).all()
    whole = choose_pieces(pieces, n, lambda _: 1.0, np.zeros(n, np.float32))
    assert whole == [pieces.index((0, n + 1))]  # one piece is the cheapest where all cost alike
    most = choose_pieces(pieces, n, lambda _: -1.0, np.zeros(n, np.float32))
    covered = sum(mask_between(cuts, (height, width), *pieces[at]).astype(int) for at in most)
    assert np.all(covered == 1)


def test_read_prints_the_text_and_one_line_per_digit(year: Image.Image, run_here: RunCli, tmp_path: Path) -> None:
    year.save(tmp_path / "year.png")
    finished = run_here("read", "year.png", "--save", "drawn.png", cwd=tmp_path)
    assert (finished.code, finished.err) == (0, "")
    lines = finished.out.splitlines()
    assert lines[0] == "2026  year.png"
    assert [line.split()[0] for line in lines[1:]] == list("2026")
    assert max(map(len, lines)) <= 80
    with Image.open(tmp_path / "drawn.png") as drawn:
        assert (drawn.format, drawn.mode, drawn.width) == ("PNG", "RGB", year.width)
        assert (0, 140, 60) in {colour for _, colour in drawn.getcolors(1 << 20)}


def test_read_as_json(year: Image.Image, run_here: RunCli, tmp_path: Path) -> None:
    year.save(tmp_path / "year.png")
    record = run_here("read", tmp_path / "year.png", "--json").json
    assert (record["schema_version"], record["errors"]) == (1, [])
    (row,) = record["rows"]
    assert (row["text"], row["accepted"], row["reason"], len(row["digits"])) == ("2026", True, None, 4)
    assert set(row["digits"][0]) >= {"box", "digit", "confidence", "accepted", "reason", "quality"}


def test_picture_without_a_row_ends_with_8(run_here: RunCli, tmp_path: Path) -> None:
    Image.new("L", (300, 200), 240).save(tmp_path / "blank.png")
    finished = run_here("read", "blank.png", "absent.png", cwd=tmp_path)
    assert finished.code == 8
    assert finished.out == "-  blank.png  (blank)\n"
    assert finished.err == "edge-mnist: error: absent.png: no such file\n"


def test_save_takes_one_picture(in_process_cli: Callable[..., int], tmp_path: Path) -> None:
    assert in_process_cli("read", tmp_path / "a.png", tmp_path / "b.png", "--save", tmp_path / "c.png") == 2


@pytest.mark.parametrize("is_grid", [True, False])
@pytest.mark.parametrize("degrees", [0, 3])
def test_dark_boxes_around_digits_are_no_ones(is_grid: bool, degrees: float, classifier: DigitClassifier) -> None:
    row, samples = Image.new("L", (620, 200), 245), load_samples()
    for place, digit in enumerate((8, 3, 5, 9)):
        ink = samples.images[list(samples.labels).index(digit), :, :, 0]
        row.paste(20, (52 + 130 * place, 37), Image.fromarray(ink).resize((126, 126), Image.Resampling.BICUBIC))
        room = 0 if is_grid else 6
        box = (50 + 130 * place + room, 30, 180 + 130 * place - room, 170)
        ImageDraw.Draw(row).rectangle(box, outline=20, width=3)
    turned = row.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=245)
    for larger in (1, 4):  # larger ones are looked at more closely
        reading = classifier.read_row(turned.resize((larger * turned.width, larger * turned.height)))
        assert (reading.text, reading.accepted) == ("8359", True)


@pytest.mark.parametrize("text", ["1411", "10101", "11511"])
@pytest.mark.parametrize("pitch", [0, 25, 50, 150])
def test_tall_1s_beside_small_digits_stay(text: str, pitch: int, classifier: DigitClassifier) -> None:
    """On plain and on lined paper."""
    row, samples = Image.new("L", (130 * len(text) + 60, 240), 245), load_samples()
    for line in range(20, 240, pitch) if pitch else ():
        ImageDraw.Draw(row).line((0, line, row.width, line), fill=170, width=2)
    for place, word in enumerate(text):
        if word == "1":
            ImageDraw.Draw(row).line((90 + 130 * place, 60, 90 + 130 * place, 180), fill=20, width=9)
            continue
        ink = samples.images[list(samples.labels).index(int(word)), :, :, 0]
        row.paste(20, (35 + 130 * place, 65), Image.fromarray(ink).resize((110, 110), Image.Resampling.BICUBIC))
    assert classifier.read_row(row).text == text


@pytest.mark.parametrize("width", [1, 3, 5])
def test_dark_line_below_a_row_is_no_part_of_a_digit(
    width: int, year: Image.Image, classifier: DigitClassifier
) -> None:
    underlined = year.copy()
    bottom = year.height - 15
    ImageDraw.Draw(underlined).line((0, bottom, year.width, bottom), fill=20, width=width)
    assert classifier.read_row(underlined).text == "2026"
