"""The public names of `edge_mnist_runtime`, and which modules its import does not load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import edge_mnist_runtime

HEAVY = (
    "tensorflow",
    "keras",
    "onnx",
    "matplotlib",
    "typer",
    "rich",
    "sklearn",
    "scipy",
    "jinja2",
    "fastapi",
    "uvicorn",
)

LIST_HEAVY = f"import sys; print([name for name in {HEAVY!r} if name in sys.modules])"

CLASSIFY = """
import numpy as np
import edge_mnist_runtime
from edge_mnist_runtime import DigitClassifier
classifier = DigitClassifier()
classifier.predict(np.zeros((28, 28), np.uint8))
classifier.predict_batch(np.zeros((3, 28, 28), np.uint8))
"""


def test_all_equals_the_public_names() -> None:
    public = {name for name in dir(edge_mnist_runtime) if not name.startswith("_")} | {"__version__"}
    assert public == set(edge_mnist_runtime.__all__)
    assert len(edge_mnist_runtime.__all__) == len(set(edge_mnist_runtime.__all__))


@pytest.mark.parametrize("name", edge_mnist_runtime.__all__)
def test_public_name_resolves(name: str) -> None:
    assert getattr(edge_mnist_runtime, name) is not None


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchName"):
        edge_mnist_runtime.NoSuchName  # noqa: B018


def test_classifying_imports_nothing_heavy(run_python: Callable[..., Any]) -> None:
    done = run_python(CLASSIFY + LIST_HEAVY)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"


def test_import_alone_does_not_load_the_engine(run_python: Callable[..., Any]) -> None:
    done = run_python("import edge_mnist_runtime, sys; print('onnxruntime' in sys.modules, 'numpy' in sys.modules)")
    assert done.stdout.strip() == "False False"


@pytest.mark.parametrize("heavy", ["onnx", "rich"])
def test_the_check_for_heavy_imports_can_fail(heavy: str, run_python: Callable[..., Any]) -> None:
    done = run_python(f"import {heavy}\n{LIST_HEAVY}")
    assert done.returncode == 0, done.stderr
    assert heavy in done.stdout
