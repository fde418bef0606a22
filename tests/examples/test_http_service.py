"""examples/http_service, run in its own process and called over loopback."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from edge_mnist_runtime import DigitClassifier

MAX_BYTES = 300_000


@contextmanager
def serving(examples: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start the service, and yield its process and address when it is healthy."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "service.py", "--port", port, "--max-bytes", MAX_BYTES, *arguments]
    process = subprocess.Popen(
        [*map(str, command)],
        cwd=examples / "http_service",
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_until_healthy(process, f"http://127.0.0.1:{port}")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()


def wait_until_healthy(process: subprocess.Popen[str], address: str) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            assert httpx.get(f"{address}/healthz").json() == {"status": "ok"}
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("the service was not healthy within a minute")


@pytest.fixture(scope="module")
def address(examples: Path) -> Iterator[str]:
    with serving(examples) as (_, where):
        yield where


@pytest.fixture(scope="module")
def expected(pictures: dict[str, Path]) -> dict[str, object]:
    """Predictions of the library for the sample pictures."""
    classifier = DigitClassifier()
    return {name: classifier.predict(path).to_dict() for name, path in pictures.items()}


@pytest.mark.parametrize("form", ["body", "multipart"])
def test_response_is_the_prediction_of_the_library(
    form: str, address: str, pictures: dict[str, Path], expected: dict[str, object]
) -> None:
    for name, path in pictures.items():
        data = path.read_bytes()
        sent = {"content": data} if form == "body" else {"files": {"picture": (name, data)}}
        response = httpx.post(f"{address}/v1/classify", **sent)
        assert response.status_code == 200, response.text
        assert response.json() == expected[name]


def test_info_names_the_model(address: str) -> None:
    info = httpx.get(f"{address}/v1/info").json()
    assert (info["model"], info["precision"], info["backend"]) == ("robust", "int8", "onnxruntime")
    assert info["sha256"] == DigitClassifier().engine.sha256
    assert info["max_bytes"] == MAX_BYTES


@pytest.mark.parametrize("body", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" * 100])
def test_body_that_is_not_a_picture_is_refused_in_one_line(body: bytes, address: str) -> None:
    response = httpx.post(f"{address}/v1/classify", content=body)
    assert response.status_code == 422
    assert response.json()["detail"].startswith("bytes: ")
    assert "\n" not in response.json()["detail"]


def test_form_without_a_file_is_refused(address: str) -> None:
    response = httpx.post(f"{address}/v1/classify", files={"note": (None, "no file")})
    assert response.status_code == 422
    assert "no file" in response.json()["detail"]


def test_malformed_form_is_refused(address: str) -> None:
    kind = {"content-type": "multipart/form-data"}
    assert httpx.post(f"{address}/v1/classify", content=b"x", headers=kind).status_code == 400


@pytest.mark.parametrize("form", ["named length", "no length", "multipart"])
def test_body_that_is_too_long_is_refused(form: str, address: str) -> None:
    long = bytes(MAX_BYTES + 1)
    sent = {
        "named length": {"content": long},
        "no length": {"content": (long[start : start + 50_000] for start in range(0, len(long), 50_000))},
        "multipart": {"files": {"picture": long}},
    }[form]
    response = httpx.post(f"{address}/v1/classify", **sent)
    assert response.status_code == 413
    assert response.json() == {"detail": f"more than {MAX_BYTES:,} bytes"}


def test_endless_body_is_refused_before_it_ends(address: str) -> None:
    """The limit applies while the body is streamed."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n"
        for _ in range(4):
            connection.sendall(chunk)  # the body does not end
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_eight_clients_at_once_get_the_right_predictions(
    address: str, pictures: dict[str, Path], expected: dict[str, object]
) -> None:
    names = [*pictures]
    data = {name: path.read_bytes() for name, path in pictures.items()}

    def ask(client_number: int) -> int:
        right = 0
        with httpx.Client(timeout=60) as client:
            for number in range(50):
                name = names[(client_number + number) % 10]
                response = client.post(f"{address}/v1/classify", content=data[name])
                right += response.status_code == 200 and response.json() == expected[name]
        return right

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(ask, range(8))] == [50] * 8


def test_disconnected_clients_do_not_block_others(address: str, pictures: dict[str, Path]) -> None:
    host, port = address.removeprefix("http://").split(":")
    for _ in range(40):  # more than the limit, so none may remain in progress
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
    response = httpx.post(f"{address}/v1/classify", content=pictures["4-shaded-paper.jpg"].read_bytes())
    assert response.json()["digit"] == 4


def test_too_many_requests_at_once_get_status_503(examples: Path, pictures: dict[str, Path]) -> None:
    request = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"
    with serving(examples) as (_, address):
        host, port = address.removeprefix("http://").split(":")
        waiting = [socket.create_connection((host, int(port)), timeout=30) for _ in range(32)]
        for connection in waiting:
            connection.sendall(request)
        until = time.monotonic() + 30
        while (response := httpx.post(f"{address}/v1/classify", content=b"x")).status_code != 503:
            assert time.monotonic() < until
        assert response.headers["retry-after"] == "1"
        for connection in waiting:
            connection.close()
        data = pictures["4-shaded-paper.jpg"].read_bytes()
        while (response := httpx.post(f"{address}/v1/classify", content=data)).status_code == 503:
            assert time.monotonic() < until
        assert response.json()["digit"] == 4


def test_sigterm_stops_it_with_code_0_after_requests_in_progress(examples: Path, pictures: dict[str, Path]) -> None:
    data = pictures["9-photograph.jpg"].read_bytes()
    head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data)
    with serving(examples) as (process, address):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head + data[:-1])
            assert httpx.get(f"{address}/healthz").status_code == 200  # by now the other request has begun
            process.send_signal(signal.SIGTERM)
            threading.Timer(0.5, lambda: connection.sendall(data[-1:])).start()
            response = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert response.startswith(b"HTTP/1.1 200 OK")
        assert b'"digit":9' in response
        assert process.wait(30) == 0


def test_service_does_not_start_with_a_missing_model(examples: Path) -> None:
    done = subprocess.run(
        [sys.executable, "service.py", "--model", "absent.onnx"],
        cwd=examples / "http_service",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("absent.onnx: cannot be opened (No such file or directory)")


def test_import_loads_no_model_and_starts_no_thread(examples: Path) -> None:
    source = (
        "import sys, threading; sys.path.insert(0, '.'); import service; app = service.create_app(); "
        "assert 'onnxruntime' not in sys.modules, 'the engine is loaded'; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", source], cwd=examples / "http_service", check=True, timeout=60)


def test_requirements_have_lower_and_upper_bounds(examples: Path) -> None:
    lines = (examples / "http_service" / "requirements.txt").read_text().splitlines()
    assert lines
    for line in lines:
        assert "<" in line, line
        assert ">=" in line, line
        assert not {*"/:@"} & {*line}, line
