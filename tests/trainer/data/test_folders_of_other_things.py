"""Folders that hold no digits to train on, although they hold arrays, are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_mnist_runtime.errors import DataNotFoundError
from edge_mnist_trainer.augment.strokes import draw_digits
from edge_mnist_trainer.data.own_digits import load_own_digits


def test_bundle_is_refused_because_its_digits_are_for_verify(tmp_path: Path) -> None:
    images, labels = draw_digits(1, seed=0)
    (tmp_path / "manifest.json").write_text("{}")
    np.savez(tmp_path / "golden.npz", images=images, labels=labels)
    with pytest.raises(DataNotFoundError, match=r"a bundle, not a folder of digits.*`edge-mnist verify`"):
        load_own_digits(tmp_path)
