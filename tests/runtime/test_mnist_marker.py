"""Only tests with the marker `mnist` can see MNIST. CI runs these with and without it, and all others once."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime.dataset import DATA_VARIABLE, find_mnist_folder
from edge_mnist_runtime.errors import DataNotFoundError


def test_without_the_marker_mnist_is_hidden() -> None:
    with pytest.raises(DataNotFoundError, match="what-reads-digits-unasked-bears-the-marker-mnist"):
        find_mnist_folder()


def test_without_the_marker_a_command_that_reads_digits_fails_the_test(run_cli: Callable[..., Any]) -> None:
    with pytest.raises(AssertionError, match="needs the marker `mnist`"):
        run_cli("bench", "nano", "--samples", "1", "--no-startup")


@pytest.mark.mnist
def test_with_the_marker_digits_are_those_that_were_named() -> None:
    named = os.environ.get(DATA_VARIABLE)
    assert find_mnist_folder() == (Path(named) if named else None)


def test_fixture_that_reads_mnist_marks_its_test(mnist_folder: Path, request: pytest.FixtureRequest) -> None:
    assert request.node.get_closest_marker("mnist")
    assert find_mnist_folder() == mnist_folder
