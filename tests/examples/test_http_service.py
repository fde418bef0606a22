"""examples/http_service: real HTTP over the loopback, to a service in a process of its own."""

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

MOST_BYTES = 300_000


@contextmanager
def serving(examples: Path, *arguments: object) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and the address of a service that answers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "service.py", "--port", port, "--most-bytes", MOST_BYTES, *arguments]
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
    pytest.fail("the service did not answer within a minute")


@pytest.fixture(scope="module")
def address(examples: Path) -> Iterator[str]:
    with serving(examples) as (_, where):
        yield where


@pytest.fixture(scope="module")
def answers(pictures: dict[str, Path]) -> dict[str, object]:
    """What the library itself makes of the sample pictures."""
    classifier = DigitClassifier()
    return {name: classifier.predict(path).to_dict() for name, path in pictures.items()}


@pytest.mark.parametrize("form", ["body", "multipart"])
def test_answer_is_that_of_the_library(
    form: str, address: str, pictures: dict[str, Path], answers: dict[str, object]
) -> None:
    for name, path in pictures.items():
        data = path.read_bytes()
        sent = {"content": data} if form == "body" else {"files": {"picture": (name, data)}}
        answer = httpx.post(f"{address}/v1/classify", **sent)
        assert answer.status_code == 200, answer.text
        assert answer.json() == answers[name]


def test_info_names_the_model(address: str) -> None:
    info = httpx.get(f"{address}/v1/info").json()
    assert (info["model"], info["precision"], info["backend"]) == ("robust", "int8", "onnxruntime")
    assert info["sha256"] == DigitClassifier().engine.sha256
    assert info["most_bytes"] == MOST_BYTES


@pytest.mark.parametrize("body", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0" * 100])
def test_what_is_no_picture_is_refused_in_one_line(body: bytes, address: str) -> None:
    answer = httpx.post(f"{address}/v1/classify", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith("bytes: ")
    assert "\n" not in answer.json()["detail"]


def test_form_without_a_file_is_refused(address: str) -> None:
    answer = httpx.post(f"{address}/v1/classify", files={"note": (None, "no file")})
    assert answer.status_code == 422
    assert "no file" in answer.json()["detail"]


def test_malformed_form_is_refused(address: str) -> None:
    kind = {"content-type": "multipart/form-data"}
    assert httpx.post(f"{address}/v1/classify", content=b"x", headers=kind).status_code == 400


@pytest.mark.parametrize("form", ["named length", "no length", "multipart"])
def test_body_that_is_too_long_is_refused(form: str, address: str) -> None:
    long = bytes(MOST_BYTES + 1)
    sent = {
        "named length": {"content": long},
        "no length": {"content": (long[start : start + 50_000] for start in range(0, len(long), 50_000))},
        "multipart": {"files": {"picture": long}},
    }[form]
    answer = httpx.post(f"{address}/v1/classify", **sent)
    assert answer.status_code == 413
    assert answer.json() == {"detail": f"more than {MOST_BYTES:,} bytes"}


def test_endless_body_is_cut_off_while_it_comes(address: str) -> None:
    """The answer comes before the body has ended: its size is bound while it streams."""
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n"
        for _ in range(4):
            connection.sendall(chunk)  # and no end
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_eight_clients_at_once_all_get_the_right_answers(
    address: str, pictures: dict[str, Path], answers: dict[str, object]
) -> None:
    names = [*pictures]
    data = {name: path.read_bytes() for name, path in pictures.items()}

    def ask(client_number: int) -> int:
        right = 0
        with httpx.Client(timeout=60) as client:
            for number in range(50):
                name = names[(client_number + number) % 10]
                answer = client.post(f"{address}/v1/classify", content=data[name])
                right += answer.status_code == 200 and answer.json() == answers[name]
        return right

    with ThreadPoolExecutor(8) as pool:
        assert [*pool.map(ask, range(8))] == [50] * 8


def test_client_that_goes_away_does_no_harm(address: str, pictures: dict[str, Path]) -> None:
    host, port = address.removeprefix("http://").split(":")
    for _ in range(40):  # more than may be held at once: none may stay
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf")
    answer = httpx.post(f"{address}/v1/classify", content=pictures["4-shaded-paper.jpg"].read_bytes())
    assert answer.json()["digit"] == 4


def test_too_many_requests_at_once_are_told_to_come_again(examples: Path, pictures: dict[str, Path]) -> None:
    request = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nhalf"
    with serving(examples) as (_, address):
        host, port = address.removeprefix("http://").split(":")
        waiting = [socket.create_connection((host, int(port)), timeout=30) for _ in range(32)]
        for connection in waiting:
            connection.sendall(request)
        until = time.monotonic() + 30
        while (answer := httpx.post(f"{address}/v1/classify", content=b"x")).status_code != 503:
            assert time.monotonic() < until
        assert answer.headers["retry-after"] == "1"
        for connection in waiting:
            connection.close()
        data = pictures["4-shaded-paper.jpg"].read_bytes()
        while (answer := httpx.post(f"{address}/v1/classify", content=data)).status_code == 503:
            assert time.monotonic() < until
        assert answer.json()["digit"] == 4


def test_sigterm_ends_it_with_code_0_after_the_answers(examples: Path, pictures: dict[str, Path]) -> None:
    data = pictures["9-photograph.jpg"].read_bytes()
    head = b"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data)
    with serving(examples) as (process, address):
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            connection.sendall(head + data[:-1])
            assert httpx.get(f"{address}/healthz").status_code == 200  # by now the other request has begun
            process.send_signal(signal.SIGTERM)
            threading.Timer(0.5, lambda: connection.sendall(data[-1:])).start()
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert b'"digit":9' in answer
        assert process.wait(30) == 0


def test_model_that_cannot_be_used_is_never_served(examples: Path) -> None:
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


def test_nothing_happens_at_import(examples: Path) -> None:
    source = (
        "import sys, threading; sys.path.insert(0, '.'); import service; app = service.create_app(); "
        "assert 'onnxruntime' not in sys.modules, 'the engine is loaded'; assert threading.active_count() == 1"
    )
    subprocess.run([sys.executable, "-c", source], cwd=examples / "http_service", check=True, timeout=60)


def test_requirements_are_names_with_bounds(examples: Path) -> None:
    lines = (examples / "http_service" / "requirements.txt").read_text().splitlines()
    assert lines
    for line in lines:
        assert "<" in line, line
        assert ">=" in line, line
        assert not {*"/:@"} & {*line}, line
