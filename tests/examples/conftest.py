"""Fixtures for the tests of the examples: their folder, and pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_mnist_runtime.bench.sample_digits import read_samples


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of examples."""
    return Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of the ten sample pictures, by name. Each name begins with its digit."""
    folder = tmp_path_factory.mktemp("pictures")
    for name, data in read_samples().items():
        (folder / name).write_bytes(data)
    return {path.name: path for path in sorted(folder.iterdir())}
