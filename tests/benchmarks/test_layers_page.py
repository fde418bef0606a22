"""docs/results/layers.md has a row for each layer, and one of them is measured again."""

from __future__ import annotations

import pytest

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment.strokes import draw_digits


@pytest.mark.slow
@pytest.mark.filterwarnings(
    r"ignore:\s*Warning. tf.lite.Interpreter is deprecated:UserWarning"
)  # from TensorFlow's own debugger
def test_page_has_every_layer_and_elu_is_still_right():
    from benchmarks import layers

    _, _, table = layers.PAGE.read_text("utf-8").partition("| layer |")
    rows = [line for line in table.splitlines() if line.startswith("| ")]
    assert [row.split(" | ")[0].removeprefix("| ") for row in rows] == [case.name for case in layers.CASES]
    (elu,) = [case for case in layers.CASES if case.name == "Activation elu"]
    digits, judged = (
        LabelledDigits("drawn", split, *draw_digits(n, seed=seed))
        for split, n, seed in (("train", 100, 1), ("search", 50, 2))
    )
    assert layers.make_row(elu, digits, judged) in rows
