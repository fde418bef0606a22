"""The PyInstaller hook of this package. `make frozen-test` freezes it, which takes a minute."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from edge_mnist_runtime.bench.fresh_process import FreshProcessError, measure_import_ms


def test_hook_is_found_through_its_entry_point() -> None:
    [entry] = [entry for entry in metadata.entry_points(group="pyinstaller40") if "edge_mnist" in entry.value]
    [folder] = entry.load()()
    assert entry.name == "hook-dirs"
    assert (Path(folder) / "hook-edge_mnist_runtime.py").is_file()


def test_frozen_application_starts_no_process_of_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.frozen", True, raising=False)
    with pytest.raises(FreshProcessError, match="frozen"):
        measure_import_ms("onnxruntime")
