"""The page of accuracy against bytes: its figures, and what is refused."""

from __future__ import annotations

import json

import pytest

from benchmarks import front, front_search
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.settings import Augmentation
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.data.sources import DigitSet
from edge_mnist_trainer.fit.transfer_set import make_transfer_set
from edge_mnist_trainer.networks.builders import Convolution
from edge_mnist_trainer.run_folder import create_run_folder


@pytest.fixture
def measured():
    return [
        front.Measured("pico", 1990, 171_602, (0.99, 0.992), 0.9, 0.75),
        front.Measured("edge", 21_690, 1_980_000, (0.9963,), 0.968, 0.8676),
    ]


def test_missing_run_is_refused_in_one_line(tmp_path):
    with pytest.raises(SystemExit, match=r"holds no run seed-0/pico; train it with make front"):
        front.find_files("pico", tmp_path)


def test_run_that_was_not_exported_is_refused(tmp_path):
    create_run_folder(tmp_path / "seed-0" / "pico")
    with pytest.raises(SystemExit, match=r"pico_int8.tflite: is missing; export .*pico with make front"):
        front.find_files("pico", tmp_path)


def test_every_seed_is_found(tmp_path):
    for seed in (0, 1):
        create_run_folder(tmp_path / f"seed-{seed}" / "pico")
        bundle = tmp_path / f"seed-{seed}" / "pico-bundle"
        bundle.mkdir()
        for form in ("tflite", "onnx"):
            (bundle / f"pico_int8.{form}").touch()
    found = front.find_files("pico", tmp_path)
    assert [tflite.parent.parent.name for tflite, _ in found] == ["seed-0", "seed-1"]
    assert {onnx.name for _, onnx in found} == {"pico_int8.onnx"}


def test_interval_is_wilson_s():
    # Wilson's interval of 81 of 263, from Newcombe (1998), table I.
    assert front.interval(81 / 263, 263) == (pytest.approx(0.2553, abs=5e-5), pytest.approx(0.3662, abs=5e-5))
    low, high = front.interval(0.9963)
    assert 0.99 < low < 0.9963 < high < 1


def test_page_says_what_was_measured_and_what_was_not(measured):
    search = json.loads(front.SEARCH.read_text("utf-8"))
    page = front.format_page(measured, {"edge": [10.0, 12.0, 20.0]}, search)
    assert (
        "| `pico` | 1,990 | 0.17 | 2 | 99.100% ± 0.141 | 98.90 to 99.27% | 99.20% | not measured | not measured "
        "| not measured | 90.00% | 75.00% |" in page.splitlines()
    )
    assert "| 1 | 99.630% | 99.49 to 99.73% |  | 10.0 | 12.0 | 20.0 | 96.80% | 86.76% |" in page
    for one in front.PUBLISHED:
        assert f"| {one.name} | {one.n_bytes:,} | {one.top1:.2%} |" in page
    for row in search:
        assert f"| `{row['layers']}` | {row['bytes']:,} |" in page


def test_plot_names_every_network(measured, tmp_path):
    front.draw(measured, tmp_path / "front.svg")
    drawn = (tmp_path / "front.svg").read_text("utf-8")
    for name in ("pico", "edge", *(one.name for one in front.PUBLISHED)):
        assert name in drawn


@pytest.mark.parametrize(
    ("word", "convolution"),
    [
        ("c8p", Convolution(8, pooled=True)),
        ("s12", Convolution(12, separable=True)),
        ("s16k5p", Convolution(16, 5, separable=True, pooled=True)),
        ("c13v", Convolution(13, padding="valid")),
    ],
)
def test_words_describe_convolutions(word, convolution):
    assert front_search.parse_word(word) == convolution


@pytest.mark.parametrize("word", ["x8", "c", "8p", "c8vp", ""])
def test_other_words_are_refused(word):
    with pytest.raises(SystemExit, match="not a layer; write one like c8p"):
        front_search.parse_word(word)


@pytest.mark.slow
def test_search_adds_each_candidate_once(tmp_path):
    drawn = [
        LabelledDigits("drawn", split, *draw_digits(6, seed=seed)) for seed, split in enumerate(("train", "search"))
    ]
    digits = DigitSet(drawn[0], drawn[1], test=None)
    teacher = front_search.make_candidate("c2p", 1).build()
    (tmp_path / "set").mkdir()
    taught = make_transfer_set(digits.training, {"a" * 64: teacher}, Augmentation(), tmp_path / "set", views=1, seed=0)
    table = tmp_path / "table.json"

    front_search.search(["c2p s3k5pv"], digits, taught, 1, tmp_path / "runs", table)
    (row,) = json.loads(table.read_text("utf-8"))
    assert (row["layers"], row["epochs"], row["strength"]) == ("c2p s3k5pv", 1, 1.0)
    assert row["macs"] == 28 * 28 * 9 * 2 + 10 * 10 * (25 * 2 + 2 * 3) + 3 * 10
    assert row["bytes"] == 18 + 50 + 6 + 30 + 4 * (2 + 2 + 3 + 10)
    assert 0 <= row["plain_error"] <= 1 < row["plain_loss"]

    before = table.read_bytes()
    front_search.search(["c2p s3k5pv"], digits, taught, 1, tmp_path / "runs", table)
    assert table.read_bytes() == before
