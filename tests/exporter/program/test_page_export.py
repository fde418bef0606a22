"""`edge-mnist export --int8 --format page`: what is written, what is proved, what is refused."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from pathlib import Path

import pytest

from edge_mnist_exporter.program.wasm.build import find_wasm_compiler
from edge_mnist_runtime import open_model
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.web.find_page import find_page
from edge_mnist_runtime.web.page_model import read_bundled_page_model

pytestmark = pytest.mark.slow

MODELS = Path(__file__).parents[3] / "exporter" / "edge_mnist_exporter" / "models"


def test_export_writes_one_page_with_its_measured_figures(export_program, tmp_path):
    if find_wasm_compiler() is None:
        pytest.skip("needs clang and wasm-ld (apt-get install clang lld), or the Python package ziglang")
    finished = export_program("page")
    assert finished.code == 0, finished.err
    folder = tmp_path / "bundle"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    report = json.loads((folder / "report.json").read_text("utf-8"))
    page = (folder / "index.html").read_bytes()
    (item,), (entry,) = report["artifacts"], manifest["artifacts"]
    assert (entry["file"], entry["format"], entry["size_bytes"]) == ("index.html", "page", len(page))
    assert entry["sha256"] == item["sha256"] == hashlib.sha256(page).hexdigest()
    about = json.loads(re.search(rb'id="about">(.*?)</script>', page)[1])
    assert (about["name"], about["top1"], about["images"]) == ("nano", item["top1"], report["dataset"]["n"])
    assert item["program"]["images"] == (report["dataset"]["n"] if shutil.which("node") else 0)
    card = (folder / "MODEL_CARD.md").read_text("utf-8")
    assert "the WebAssembly inside has" in card
    assert "the page as TFLite's reference kernels compute it" in card
    assert find_page(folder) == page
    with pytest.raises(UsageError, match="a page on which anyone draws a digit"):
        open_model(folder / "index.html")


def test_page_in_another_precision_is_refused(run_here, tmp_path):
    refused = run_here("export", "nano", "--precision", "fp32", "--format", "page", "-o", tmp_path / "bundle")
    assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
    assert "the page's program computes in int8 alone" in refused.err


@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_models_of_the_package_are_those_of_the_exporter(name):
    model = read_bundled_page_model(name)
    tflite = hashlib.sha256((MODELS / f"{name}_int8.tflite").read_bytes()).hexdigest()
    assert all(tflite.encode() in wasm for wasm in model.unpack()), "make page-models compiles them again"
