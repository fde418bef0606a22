"""The examples in docstrings give the documented results."""

from __future__ import annotations

import doctest
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_trainer.augment.strokes import draw_digits

REPOSITORY = Path(__file__).resolve().parents[1]


def find_examples() -> list[str]:
    """Find the dotted names of modules with examples."""
    found = []
    for stage in ("runtime", "trainer", "exporter"):
        for path in sorted((REPOSITORY / stage).rglob("*.py")):
            if ">>> " in path.read_text("utf-8"):
                parts = path.relative_to(REPOSITORY / stage).with_suffix("").parts
                found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


MODULES = find_examples()


def test_modules_with_examples_are_found():
    assert {"edge_mnist_runtime", "edge_mnist_trainer", "edge_mnist_exporter"} <= {*MODULES}


@pytest.mark.slow
@pytest.mark.mnist
@pytest.mark.usefixtures("fewer_pictures")
@pytest.mark.parametrize("name", MODULES)
def test_examples_of_a_module_give_the_documented_results(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images, labels = draw_digits(20, seed=0)
    np.savez("digits.npz", images=images, labels=labels)  # for the example of `train`
    failed, tried = doctest.testmod(import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0
    assert tried
