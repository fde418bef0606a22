"""`edge-mnist export --int8 --format wasm`: what is written, what is proved, what is refused."""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_exporter.program.wasm.build import build_wasm, find_wasm_compiler, read_template
from edge_mnist_exporter.program.wasm.npm_package import describe_npm_package
from edge_mnist_exporter.program.wasm.proof import prove_wasm, run_in_node
from edge_mnist_runtime import open_model
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.web.page import MODEL_MODULE, read_web_file

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[3] / "docs"

MAX_GZIP_BYTES = 12_000
"""Of `nano`."""


@pytest.fixture(scope="session")
def needs_wasm_compiler():
    if find_wasm_compiler() is None:
        pytest.skip("needs clang and wasm-ld (apt-get install clang lld), or the Python package ziglang")


@pytest.fixture(scope="session")
def node():
    """Node's path."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("needs Node: apt-get install nodejs")
    return found


@pytest.fixture(scope="session")
def nano_wasm(nano_program, needs_wasm_compiler):
    """`nano` with simd128."""
    return build_wasm(nano_program)


def test_export_writes_the_module_with_its_companions_and_their_hashes(export_program, tmp_path, needs_wasm_compiler):
    finished = export_program("wasm")
    assert finished.code == 0, finished.err
    folder = tmp_path / "bundle"
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    assert [item["format"] for item in manifest["artifacts"]] == ["wasm"]
    hashes = {item["file"]: item["sha256"] for item in manifest["artifacts"]} | manifest["files"]
    for name in ("nano_int8.wasm", "nano_int8.mjs", "nano_int8.d.mts", "package.json"):
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == hashes[name]
    report = json.loads((folder / "report.json").read_text("utf-8"))
    program = report["artifacts"][0]["program"]
    assert program["gzip_bytes"] < MAX_GZIP_BYTES
    said = "every score is that of TFLite's reference kernels" if shutil.which("node") else "Not proved here"
    assert said in (folder / "MODEL_CARD.md").read_text("utf-8")
    assert program["images"] == (report["dataset"]["n"] if shutil.which("node") else 0)
    with pytest.raises(UsageError, match="WebAssembly, which Node and browsers run"):
        open_model(folder / "nano_int8.wasm")
    with pytest.raises(UsageError, match="no model that runs here: WebAssembly"):
        open_model(folder)


def test_npm_packs_the_bundle_and_the_package_of_the_docs_reads_a_digit(nano_wasm, nano_program, node, tmp_path):
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("needs npm: apt-get install npm")
    bundle, package = tmp_path / "bundle", tmp_path / "node_modules" / "edge-mnist-nano"
    bundle.mkdir()
    package.mkdir(parents=True)
    (bundle / "nano_int8.wasm").write_bytes(nano_wasm)
    (bundle / "nano_int8.mjs").write_text(read_web_file(MODEL_MODULE), "utf-8")
    (bundle / "nano_int8.d.mts").write_text(read_template("module.d.mts"), "utf-8")
    (bundle / "package.json").write_bytes(describe_npm_package(nano_program))
    (bundle / "golden.npz").write_bytes(b"not for npm")
    packed = subprocess.run([npm, "pack", "--silent"], cwd=bundle, check=True, capture_output=True, text=True).stdout
    with tarfile.open(bundle / packed.strip()) as archive:
        members = [member for member in archive.getmembers() if member.isfile()]
        for member in members:
            (package / Path(member.name).name).write_bytes(archive.extractfile(member).read())
    assert {path.name for path in package.iterdir()} == {path.name for path in bundle.glob("*[!z]")}
    page = (DOCS / "javascript.md").read_text("utf-8")
    script = re.findall(r"```js\n(.*?)```", page, re.DOTALL)[1].replace("edge-mnist-edge", "edge-mnist-nano")
    assert len(script.splitlines()) <= 10
    (tmp_path / "example.mjs").write_text(script, "utf-8")
    printed = subprocess.run([node, "example.mjs"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert printed == "nano 1\n"


@pytest.mark.parametrize("simd", [True, False], ids=["simd128", "plain"])
def test_module_gives_the_reference_scores(simd, nano_program, nano_wasm, node, drawn_images):
    wasm = nano_wasm if simd else build_wasm(nano_program, simd=False)
    noise = np.random.default_rng(5).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    images = np.concatenate([drawn_images[:200], noise])
    expected = nano_program.kernels.run_stored(images)
    scores, wrong_golden = run_in_node(node, wasm, images)
    assert (scores.reshape(expected.shape) == expected).all()
    assert wrong_golden == 0


def test_proof_counts_images_with_other_scores(nano_program, nano_wasm, node, drawn_images):
    images = drawn_images[:20]
    expected = nano_program.kernels.run_stored(images)
    expected[3, 0] += 1
    report = prove_wasm(nano_wasm, "clang", nano_program, images, expected)
    assert (report.images, report.differing) == (20, 1)
    assert "on 1 the scores are not that of TFLite's reference kernels" in str(report)


def test_module_imports_nothing_and_is_small(nano_wasm, node, tmp_path):
    (tmp_path / "model.wasm").write_bytes(nano_wasm)
    script = (
        "const m = new WebAssembly.Module(require('fs').readFileSync('model.wasm'));"
        "console.log(JSON.stringify([WebAssembly.Module.imports(m), WebAssembly.Module.exports(m).map(e => e.name)]))"
    )
    printed = subprocess.run([node, "-e", script], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    imports, exports = json.loads(printed)
    assert imports == []
    assert {"memory", "predict", "self_test", "pixels", "scores", "sha256"} <= set(exports)
    assert len(gzip.compress(nano_wasm, 9)) < MAX_GZIP_BYTES


def test_javascript_of_the_docs_reads_a_digit(nano_wasm, nano_program, node, tmp_path):
    page = (DOCS / "javascript.md").read_text("utf-8")
    script = re.search(r"```js\n(.*?)```", page, re.DOTALL)[1].replace("edge", "nano")
    assert len(script.splitlines()) <= 10
    (tmp_path / "example.mjs").write_text(script, "utf-8")
    (tmp_path / "nano_int8.wasm").write_bytes(nano_wasm)
    (tmp_path / "nano_int8.mjs").write_text(read_web_file(MODEL_MODULE), "utf-8")
    printed = subprocess.run([node, "example.mjs"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert re.fullmatch(r"wrong golden digits: 0\n\d [\d.]+ (true|false)\n", printed)


def test_javascript_of_the_docs_reads_a_drawing(nano_wasm, node, tmp_path):
    page = (DOCS / "javascript.md").read_text("utf-8")
    load, _, draw = re.findall(r"```js\n(.*?)```", page, re.DOTALL)
    canvas = """
    const levels = new Uint8ClampedArray(4 * 100 * 80).fill(230);
    for (let y = 15; y < 65; y++) levels.fill(10, 4 * (100 * y + 45), 4 * (100 * y + 52));
    const getImageData = () => ({ data: levels, width: 100, height: 80 });
    const canvas = { width: 100, height: 80, getContext: () => ({ getImageData }) };
    """
    (tmp_path / "example.mjs").write_text(
        (load + canvas).replace("edge", "nano")
        + draw.replace("pixels, ", "pixels: p, ").replace("predict(pixels)", "predict(p)"),
        "utf-8",
    )
    (tmp_path / "nano_int8.wasm").write_bytes(nano_wasm)
    (tmp_path / "nano_int8.mjs").write_text(read_web_file(MODEL_MODULE), "utf-8")
    printed = subprocess.run([node, "example.mjs"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    assert printed.splitlines()[-1] == "1"


def test_javascript_module_refuses_other_sizes_and_keeps_older_scores(nano_wasm, node, tmp_path):
    (tmp_path / "nano_int8.wasm").write_bytes(nano_wasm)
    (tmp_path / "nano_int8.mjs").write_text(read_web_file(MODEL_MODULE), "utf-8")
    (tmp_path / "main.mjs").write_text(
        "import { readFileSync } from 'node:fs';\n"
        "import { loadDigitModel } from './nano_int8.mjs';\n"
        "const model = await loadDigitModel(readFileSync('nano_int8.wasm'));\n"
        "const black = model.predict(new Uint8Array(784)), before = [...black.scores];\n"
        "model.predict(new Uint8ClampedArray(784).fill(200));\n"
        "const errors = [new Uint8Array(783), [1, 2], new Float32Array(784)].map(image => {\n"
        "  try { model.predict(image); return 'none'; } catch (error) { return error.message; }\n"
        "});\n"
        "console.log(JSON.stringify([model.name, model.version, model.sha256, before, [...black.scores], errors]));\n",
        "utf-8",
    )
    printed = subprocess.run([node, "main.mjs"], cwd=tmp_path, check=True, capture_output=True, text=True).stdout
    name, version, sha256, before, after, errors = json.loads(printed)
    assert name == "nano"
    assert re.match(r"\d+\.\d+", version)
    assert re.fullmatch("[0-9a-f]{64}", sha256)
    assert before == after
    assert errors == ["predict: expected a Uint8Array of 784 pixels"] * 3


def test_without_node_the_module_is_not_called_proved(nano_program, nano_wasm, drawn_images, monkeypatch, tmp_path):
    images = drawn_images[:10]
    expected = nano_program.kernels.run_stored(images)
    monkeypatch.setenv("PATH", str(tmp_path))
    report = prove_wasm(nano_wasm, "clang", nano_program, images, expected)
    assert not report.is_proved
    assert "Not proved here: Node is not installed" in str(report)


def test_without_a_compiler_the_export_ends_with_code_3(export_program, tmp_path):
    if importlib.util.find_spec("ziglang"):
        pytest.skip("ziglang is installed, which the environment cannot hide")
    refused = export_program("wasm", env={"PATH": str(tmp_path)})
    assert (refused.code, refused.err.count("\n")) == (3, 1), refused.err
    for named in ("clang", "apt-get install clang lld", "[native]"):
        assert named in refused.err
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--precision", "fp32", "--format", "wasm"], "the WebAssembly program computes in int8 alone"),
        (["--int8", "--format", "wasm", "--auto-mixed"], "leave it out, or wasm out of --format"),
    ],
)
def test_what_wasm_cannot_be_is_refused_in_one_line(options, said, run_here, tmp_path):
    refused = run_here("export", "nano", *options, "-o", tmp_path / "bundle")
    assert (refused.code, refused.err.count("\n")) == (2, 1), refused.err
    assert said in refused.err
