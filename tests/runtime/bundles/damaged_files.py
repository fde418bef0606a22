"""Checks and contracts for tests of damaged model files and bundles."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.contract import DIGIT_LABELS, IMAGE_SHAPE, UNIT_RANGE, ModelContract
from edge_mnist_runtime.errors import (
    EdgeMnistError,
)
from edge_mnist_runtime.preprocess import PREPROCESS

WITHOUT_LITERT = """
import sys
sys.modules["ai_edge_litert"] = None  # as if it were not installed
sys.argv = ["edge-mnist", *sys.argv[1:]]
from edge_mnist_runtime.commands.app import main
main()
"""

Change = Callable[[dict[str, Any]], Any]


def assert_refused(path: Path, error: type[EdgeMnistError], *expected: str) -> None:
    """Opening `path` raises exactly `error`, in one line that names the path and holds all of `expected`."""
    with pytest.raises(EdgeMnistError) as caught:
        open_model(path)
    assert type(caught.value) is error, caught.value
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    for part in expected:
        assert part in message


def contract_record() -> dict[str, Any]:
    contract = ModelContract(
        name="made-up",
        precision="int8",
        labels=DIGIT_LABELS,
        image_shape=IMAGE_SHAPE,
        input_range=UNIT_RANGE,
        preprocess_version=PREPROCESS.version,
        preprocess_sha256=PREPROCESS.sha256,
        source_sha256="0" * 64,
        input_scale=1 / 255,
        input_zero_point=0,
    )
    return json.loads(contract.to_json())
