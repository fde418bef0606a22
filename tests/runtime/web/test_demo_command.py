"""`edge-mnist demo`: what it serves and to whom, and how it ends."""

from __future__ import annotations

import hashlib
import http.client
import re
import signal
import socket
import sys
from pathlib import Path

import pytest

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.bundles.manifest import Artifact, Manifest
from edge_mnist_runtime.web.find_page import find_page
from edge_mnist_runtime.web.page import make_page
from edge_mnist_runtime.web.page_model import read_bundled_page_model

COMMAND = Path(sys.executable).with_name("edge-mnist")


@pytest.fixture(scope="module")
def served(start_interruptible):
    """A running `edge-mnist demo nano`, its port, and the line that it printed."""
    with start_interruptible([COMMAND, "demo", "nano", "--port", "0", "--no-open"]) as process:
        line = process.stdout.readline()
        yield process, int(re.search(r":(\d+)/", line)[1]), line
        process.kill()


def ask(port: int, method: str, path: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path)
    response = connection.getresponse()
    return response, response.read()


def test_served_page_is_that_of_the_model(served):
    _, port, line = served
    assert line == f"http://127.0.0.1:{port}/ shows the page; Ctrl-C ends\n"
    response, body = ask(port, "GET", "/")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert body == make_page(read_bundled_page_model("nano"))
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    response, body = ask(port, "HEAD", "/")
    assert (response.status, body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/../etc/passwd", 404), ("GET", "/favicon.ico", 404), ("POST", "/", 501), ("PUT", "/index.html", 501)],
)
def test_nothing_else_is_served(served, method, path, status):
    assert ask(served[1], method, path)[0].status == status


def test_query_is_ignored(served):
    assert ask(served[1], "GET", "/?from=mail")[0].status == 200


def test_only_this_machine_is_served(served):
    with socket.socket() as other, pytest.raises(OSError, match="refused"):
        other.connect(("127.0.0.2", served[1]))


def test_port_in_use_is_one_line(served, run_cli):
    refused = run_cli("demo", "nano", "--port", served[1], "--no-open")
    assert (refused.code, refused.out, refused.err.count("\n")) == (2, "", 1)
    assert f"--port {served[1]}: cannot be used (Address already in use)" in refused.err


def test_ctrl_c_ends_it_with_code_130(start_interruptible):
    with start_interruptible([COMMAND, "demo", "nano", "--port", "0", "--no-open"]) as process:
        port = int(re.search(r":(\d+)/", process.stdout.readline())[1])
        assert ask(port, "GET", "/")[0].status == 200
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "edge-mnist: interrupted\n")


@pytest.mark.parametrize(
    ("model", "code", "said"),
    [
        ("absent", 2, "absent: no such model; expected robust, edge, micro, nano, or the folder of a bundle"),
        ("empty", 6, "not a bundle"),
        ("file.onnx", 2, "expected a bundle folder"),
    ],
)
def test_what_has_no_page_is_refused_in_one_line(run_here, tmp_path, model, code, said):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file.onnx").write_bytes(b"no model")
    refused = run_here("demo", model, "--port", "0", "--no-open", cwd=tmp_path)
    assert (refused.code, refused.out, refused.err.count("\n")) == (code, "", 1)
    assert said in refused.err


def write_bundle(folder: Path, *artifacts: Artifact) -> None:
    labels, hashed = tuple("0123456789"), {"sha256": "0" * 64}
    manifest = Manifest("nano", labels, None, hashed, hashed, {}, artifacts, {})
    (folder / "manifest.json").write_text(manifest.to_json(), "utf-8")


def test_bundle_without_a_page_is_refused(run_here, tmp_path):
    write_bundle(tmp_path)
    refused = run_here("demo", tmp_path, "--port", "0", "--no-open")
    assert (refused.code, refused.out) == (2, "")
    assert "this bundle has no page; export its model again, with a page" in refused.err


def test_page_of_a_bundle_is_served_only_undamaged(run_here, tmp_path):
    page = b"<!doctype html>"
    sha256 = hashlib.sha256(page).hexdigest()
    write_bundle(tmp_path, Artifact("index.html", "page", "int8", sha256, len(page), 0.99, (), ()))
    (tmp_path / "index.html").write_bytes(page)
    assert find_page(tmp_path) == page
    (tmp_path / "index.html").write_bytes(page + b"<script>")
    refused = run_here("demo", tmp_path, "--port", "0", "--no-open")
    assert (refused.code, refused.out, refused.err.count("\n")) == (6, "", 1)


@pytest.mark.parametrize("name", BUNDLED_MODELS)
def test_every_built_in_model_has_a_page(name):
    assert f'"name": "{name}"' in make_page(read_bundled_page_model(name)).decode("utf-8")
