"""The page: its size, its policy, and how two WebAssembly builds are packed."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
import subprocess

import pytest

from edge_mnist_runtime.bundles import bundled_models
from edge_mnist_runtime.errors import CorruptModelError
from edge_mnist_runtime.web import page_model
from edge_mnist_runtime.web.page import make_page
from edge_mnist_runtime.web.page_model import PageModel, read_bundled_page_model

MAX_BYTES = {"robust": 120_000, "edge": 120_000, "micro": 90_000, "nano": 60_000}


@pytest.mark.parametrize("name", MAX_BYTES)
def test_page_is_small(name):
    assert len(make_page(read_bundled_page_model(name))) <= MAX_BYTES[name]


def test_policy_allows_the_page_s_own_script_and_style_alone():
    page = make_page(read_bundled_page_model("nano")).decode("utf-8")
    policy = re.search(r'Content-Security-Policy" content="(.+?)"', page)[1]
    for element in ("style", 'script type="module"'):
        text = re.search(rf"<{element}>(.*?)</{element.split()[0]}>", page, re.S)[1]
        digest = base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
        assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none';")
    assert "unsafe-inline" not in policy
    assert not re.search(r"(src|href)=.?https?:", page)


def test_name_of_a_model_cannot_end_its_element():
    model = PageModel.pack("</script><b>", "0", b"one", b"two")
    assert b"</script><b>" not in make_page(model)


@pytest.mark.parametrize(
    ("simd", "plain"),
    [
        (b"start SIMD end", b"start plain end"),
        (b"aab", b"aaab"),
        (b"same", b"same"),
        (b"", b"any"),
        (b"left", b"right"),
    ],
)
def test_two_builds_are_unpacked_as_they_were(simd, plain):
    model = PageModel.pack("nano", "0", simd, plain)
    assert model.unpack() == (simd, plain)
    assert PageModel.from_json(model.to_json()) == model


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lengths": 3}', '{"lengths": [1], "what": 2}'])
def test_malformed_model_of_the_package_is_reported(text, tmp_path, monkeypatch):
    monkeypatch.setattr(page_model, "MODELS_FOLDER", str(tmp_path))
    with pytest.raises(CorruptModelError, match="install edge-mnist again"):
        read_bundled_page_model("nano")
    (tmp_path / "nano_int8.page.json").write_text(text, "utf-8")
    with pytest.raises(CorruptModelError, match="install edge-mnist again"):
        read_bundled_page_model("nano")


def test_models_of_the_package_are_webassembly():
    for name in bundled_models.BUNDLED_MODELS:
        model = read_bundled_page_model(name)
        assert all(wasm.startswith(b"\0asm\1\0\0\0") for wasm in model.unpack())
        assert model.name == name
        assert model.top1 > 0.99


STROKES = """
import { groupStrokes } from "MODULE";
const across = (left, right) => [[left, 100], [right, 110]];
const columns = [[500, 700], [100, 200], [150, 300], [510, 520], [720, 725], [690, 900]];
const strokes = columns.map(([left, right]) => across(left, right));
console.log(JSON.stringify(groupStrokes(strokes).map((group) => group.map(([[x]]) => x))));
"""


def test_strokes_that_share_columns_are_one_digit(tmp_path):
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node: apt-get install nodejs")
    script = tmp_path / "strokes.mjs"
    folder = page_model.__file__.replace("page_model.py", "templates")
    script.write_text(STROKES.replace("MODULE", f"{folder}/strokes.mjs"), "utf-8")
    printed = subprocess.run([node, script], check=True, capture_output=True, text=True).stdout
    assert printed == "[[100,150],[500,510],[720,690]]\n"
