"""`edge-mnist serve`: what it answers, what it refuses, and how it stops."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest

from benchmarks.hostile_bodies import make_bodies
from edge_mnist_runtime import DigitClassifier, __version__
from edge_mnist_runtime.bench.sample_digits import load_samples

MAX_BYTES = 300_000
TOKEN = "0123456789abcdef-test"
AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
TENSORS = "application/octet-stream"
JSON = "application/json"
DOCUMENTED = {200, 408, 413, 415, 422, 503}


@pytest.fixture(scope="module")
def service(serve: Any) -> Iterator[Any]:
    """A service with a small limit for bodies."""
    with serve("--max-bytes", MAX_BYTES) as running:
        yield running


@pytest.fixture(scope="module")
def guarded(serve: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A service that needs a token, takes two requests at once, and waits a second for them."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.touch(0o600)
    token.write_text(TOKEN + "\n")
    with serve("--token-file", token, "--max-requests", 2, "--timeout", 1) as running:
        yield running


def data_url(picture: bytes) -> str:
    return "data:image/png;base64," + b64encode(picture).decode()


def without_probabilities(prediction: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in prediction.items() if name != "probabilities"}


def half_request(headers: str = "") -> bytes:
    return f"POST /classify HTTP/1.1\r\nHost: x\r\n{headers}Content-Length: 1000\r\n\r\nhalf".encode()


@pytest.mark.parametrize("form", ["file", "no content type", "data URL", "JSON"])
def test_answer_is_the_prediction_of_the_library(
    form: str, service: Any, sample_pictures: dict[str, bytes], classifier: DigitClassifier
) -> None:
    expected = [classifier.predict(picture).to_dict() for picture in sample_pictures.values()]
    if form == "JSON":
        body = json.dumps({"pictures": [data_url(picture) for picture in sample_pictures.values()]})
        assert service.post(body, JSON, params={"probabilities": True}).json() == {"predictions": expected}
        return
    for picture, prediction in zip(sample_pictures.values(), expected, strict=True):
        if form == "data URL":
            response = service.post(data_url(picture), "text/plain; charset=utf-8")
        else:
            response = service.post(picture, "image/webp" if form == "file" else "")
        assert response.status_code == 200, response.text
        assert response.json() == {"predictions": [without_probabilities(prediction)]}


def test_example_client_prints_the_answer(service: Any, samples_folder: Path) -> None:
    example = Path(__file__).resolve().parents[3] / "examples" / "http_client.py"
    pictures = [samples_folder / name for name in ("4-shaded-paper.jpg", "9-photograph.jpg")]
    command = [sys.executable, example, service.address.removeprefix("http://"), *pictures]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    four, nine = done.stdout.splitlines()
    assert '"digit": 4' in four
    assert '"digit": 9' in nine


@pytest.mark.parametrize("kind", ["digits", "bright corners", "noise"])
def test_tensors_are_read_like_one_array(kind: str, service: Any, classifier: DigitClassifier) -> None:
    images = np.tile(load_samples().images[..., 0], (3, 1, 1))
    if kind == "bright corners":
        images[1, 0, 0] = 255
    if kind == "noise":
        images[5] = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)
        images[5, ::27, ::27] = 0
    expected = [prediction.to_dict() for prediction in classifier.predict_batch(images)]
    response = service.post(images.tobytes(), TENSORS)
    assert response.json() == {"predictions": [*map(without_probabilities, expected)]}
    response = service.post(images.tobytes(), TENSORS, params={"probabilities": True})
    assert response.json() == {"predictions": expected}


def test_json_mixes_pictures_tensors_and_unreadable_ones(service: Any, sample_pictures: dict[str, bytes]) -> None:
    tensor = load_samples().images[3, ..., 0]
    pictures = [
        tensor.tolist(),
        "data:,none",
        data_url(sample_pictures["9-photograph.jpg"]),
        tensor.reshape(-1).tolist(),
    ]
    rows, unreadable, photograph, flat = service.post(json.dumps({"pictures": pictures}), JSON).json()["predictions"]
    assert rows == flat
    assert rows["digit"] == 3
    assert [*unreadable] == ["error"]
    assert unreadable["error"].startswith("data: URL: not a picture")
    assert photograph["digit"] == 9


def test_answers_of_requests_that_share_a_batch_are_not_mixed_up(service: Any, classifier: DigitClassifier) -> None:
    images = load_samples().images
    expected = [without_probabilities(prediction.to_dict()) for prediction in classifier.predict_batch(images)]

    def ask(client: int) -> bool:
        for turn in range(15):
            chosen = [(client + turn + step * client) % 10 for step in range(client + 1)]
            found = service.post(images[chosen].tobytes(), TENSORS).json()["predictions"]
            if [one["digit"] for one in found] != [expected[index]["digit"] for index in chosen]:
                return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))


@pytest.mark.parametrize(
    ("kind", "body", "status", "said"),
    [
        ("image/png", b"", 422, "bytes: empty"),
        ("image/png", b"no picture", 422, "bytes: not a picture"),
        (TENSORS, b"", 422, "0 bytes; expected a multiple of 784"),
        (TENSORS, bytes(785), 422, "785 bytes; expected a multiple of 784"),
        ("text/plain", b"hello", 422, "not a data: URL"),
        ("text/plain", b"\xff\xfe", 422, "not a data: URL"),
        (JSON, b"", 422, "not JSON: EOF while parsing"),
        (JSON, b"[" * 100_000, 422, "not JSON: recursion limit exceeded"),
        (JSON, b"[]", 422, 'expected {"pictures": [...]}'),
        (JSON, b'{"pictures": []}', 422, 'expected {"pictures": [...]} with 1 to 256'),
        (JSON, b'{"pictures": ["hello"]}', 422, "pictures[0]: expected a data: URL"),
        (JSON, json.dumps({"pictures": [[256] * 784]}).encode(), 422, "pictures[0]: expected"),
        (JSON, json.dumps({"pictures": [[True] * 784]}).encode(), 422, "pictures[0]: expected"),
        (JSON, json.dumps({"pictures": ["data:,x"] * 257}).encode(), 422, 'expected {"pictures": [...]} with 1 to 256'),
        (
            JSON,
            b'{"pictures": ["data:,x"], "mode": "raw"}',
            422,
            'expected {"pictures": [...]} with 1 to 256 pictures, and nothing else',
        ),
        (JSON, b"," * 201_000, 422, "more values than 256 tensors have"),
        (JSON, json.dumps({"pictures": [[0.5] * 784]}).encode(), 422, "pictures[0]: expected"),
        (JSON, b'{"pictures": [[' + b"NaN," * 783 + b"0]]}", 422, "pictures[0]: expected"),
        ("application/x-www-form-urlencoded", b"x", 415, "content type application/x-www-form-urlencoded; expected"),
    ],
)
def test_malformed_body_is_refused_in_one_line(kind: str, body: bytes, status: int, said: str, service: Any) -> None:
    response = service.post(body, kind)
    assert response.status_code == status, response.text
    assert response.json()["detail"].startswith(said)
    assert "\n" not in response.json()["detail"]


def test_compressed_body_is_refused(service: Any) -> None:
    response = service.post(bytes(784), TENSORS, headers={"Content-Encoding": "gzip"})
    assert response.status_code == 415
    assert "Content-Encoding" in response.json()["detail"]


def test_malformed_parameter_is_refused(service: Any) -> None:
    response = service.post(bytes(784), TENSORS, params={"probabilities": "maybe"})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("query.probabilities: ")


@pytest.mark.parametrize("named", [True, False])
def test_body_that_is_too_long_is_refused(named: bool, service: Any) -> None:
    long = bytes(MAX_BYTES + 1)
    body = long if named else (long[start : start + 50_000] for start in range(0, len(long), 50_000))
    response = service.post(body)
    assert response.status_code == 413
    assert response.json()["detail"].startswith(f"a body of more than {MAX_BYTES:,} bytes")


@pytest.mark.parametrize(("running", "status"), [("service", 413), ("guarded", 401)])
def test_client_that_reads_after_it_has_sent_all_gets_the_refusal(
    running: str, status: int, request: pytest.FixtureRequest
) -> None:
    """urllib and nginx announce that they close the connection, and read no answer before they have sent the body."""
    address = request.getfixturevalue(running).address
    with pytest.raises(HTTPError) as caught:
        urlopen(Request(f"{address}/classify", bytes(20_000_000), {"Content-Type": TENSORS}), timeout=30)
    assert caught.value.code == status
    caught.value.close()


def test_path_with_a_slash_at_its_end_is_unknown(service: Any) -> None:
    """A redirect would name the host that the client named."""
    assert service.get("/healthz/", headers={"Host": "elsewhere.example"}).status_code == 404


def test_endless_body_is_refused_before_it_ends(service: Any) -> None:
    with service.connect() as connection:
        connection.sendall(b"POST /classify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(4):
            connection.sendall(b"%x\r\n" % 100_000 + bytes(100_000) + b"\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [
        b"no HTTP\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 200_000,
        b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["no HTTP", "endless header", "negative length", "two lengths"],
)
def test_malformed_http_is_refused(sent: bytes, service: Any) -> None:
    with service.connect() as connection:
        connection.sendall(sent)
        assert connection.recv(1000).startswith(b"HTTP/1.1 400 ")


def test_probes_and_metrics_tell_what_happened(service: Any) -> None:
    assert service.get("/healthz").json() == {"status": "ok"}
    ready = service.get("/readyz").json()
    assert (ready["status"], ready["model"], ready["version"]) == ("ready", "robust", __version__)
    names = {
        'edge_mnist_requests_total{path="/classify",status="200"}': 2,
        'edge_mnist_requests_total{path="other",status="404"}': 1,
        'edge_mnist_rejections_total{reason="blank"}': 2,
        'edge_mnist_rejections_total{reason="unreadable"}': 1,
        'edge_mnist_predictions_total{digit="3"}': 1,
        "edge_mnist_confidence_count": 3,
    }
    before = {name: service.metric(name) for name in names}
    service.post(load_samples().images[3].tobytes() + bytes(784 * 2), TENSORS)
    service.post('{"pictures": ["data:,none"]}', JSON)
    service.get("/absent")
    assert {name: service.metric(name) - before[name] for name in names} == names
    metrics = service.get("/metrics")
    assert metrics.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert f'sha256="{ready["sha256"]}"' in metrics.text
    buckets = [
        float(count) for count in re.findall(r"^edge_mnist_confidence_bucket.* (\S+)$", metrics.text, re.MULTILINE)
    ]
    assert buckets == sorted(buckets)
    assert buckets[-1] == service.metric("edge_mnist_confidence_count")


def test_disconnected_clients_do_not_block_others(service: Any, sample_pictures: dict[str, bytes]) -> None:
    for _ in range(40):  # more than may be in progress
        with service.connect() as connection:
            connection.sendall(half_request())
    deadline = time.monotonic() + 8  # less than the time-out of the half requests
    while True:
        response = service.post(sample_pictures["4-shaded-paper.jpg"])
        if response.status_code != 503:
            break
        assert time.monotonic() < deadline  # until the service has seen that all are gone, it may be full
        time.sleep(0.05)
    assert response.json()["predictions"][0]["digit"] == 4


def test_hostile_bodies_get_documented_statuses_in_flat_memory(service: Any) -> None:
    """The full size is `python -m benchmarks.service_load`.

    What is leaked grows with every hundred bodies. The allocator alone grows in a few jumps of up to 50 MB.
    """
    memory = []
    for index, (kind, body) in enumerate(make_bodies(600)):
        response = service.post(body, kind)
        assert response.status_code in DOCUMENTED, (index, response.status_code, response.text)
        if index % 100 == 99:
            memory.append(service.resident_mb())
    assert np.diff(memory).min() < 2, memory
    assert max(memory) < 300, memory
    assert service.get("/readyz").status_code == 200


def test_every_line_of_the_log_is_json_without_the_body(service: Any) -> None:
    service.post(b"no picture", "image/png")
    deadline = time.monotonic() + 10
    while True:  # the line is written after the response
        log = service.read_log()
        requests = [line for line in log if line["event"] == "request"]
        if ("POST", "/classify", 422, 10) in [
            (line["method"], line["path"], line["status"], line["bytes"]) for line in requests
        ]:
            break
        assert time.monotonic() < deadline, requests[-3:]
        time.sleep(0.05)
    assert log[0]["event"] == "started"
    assert {"time", "level", "event"} <= {*log[-1]}
    assert {line["level"] for line in log} <= {"info", "warning"}


@pytest.mark.skipif(find_spec("schemathesis") is None, reason="schemathesis is not installed")
def test_schemathesis_finds_no_fault_with_the_schema(service: Any, tmp_path: Path) -> None:
    hooks = Path(__file__).with_name("schemathesis_bodies.py")
    command = [sys.executable, "-W", "ignore", "-m", "schemathesis.cli", "run", f"{service.address}/openapi.json"]
    done = subprocess.run(
        [*command, "--max-examples", "10", "--seed", "1", "--no-color", "--continue-on-failure"],
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(hooks)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "4 selected / 4 total" in done.stdout


@pytest.mark.parametrize("path", ["/classify", "/metrics"])
def test_wrong_token_is_refused(path: str, guarded: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        response = guarded.post(b"x", headers=headers) if path == "/classify" else guarded.get(path, headers=headers)
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == "Bearer"
    assert guarded.get("/healthz").status_code == guarded.get("/readyz").status_code == 200


def test_right_token_is_accepted_and_never_logged(guarded: Any, sample_pictures: dict[str, bytes]) -> None:
    response = guarded.post(sample_pictures["7-mnist-shaped.png"], headers=AUTHORIZED)
    assert response.json()["predictions"][0]["digit"] == 7
    assert guarded.get("/metrics", headers=AUTHORIZED).status_code == 200
    assert TOKEN not in guarded.log.read_text()


def test_too_many_requests_get_status_503_and_slow_ones_408(guarded: Any, sample_pictures: dict[str, bytes]) -> None:
    picture = sample_pictures["7-mnist-shaped.png"]
    slow = [guarded.connect() for _ in range(2)]
    for connection in slow:
        connection.sendall(half_request(f"Authorization: Bearer {TOKEN}\r\n"))
    until = time.monotonic() + 30
    while guarded.get("/readyz").status_code != 503:
        assert time.monotonic() < until
    response = guarded.post(picture, headers=AUTHORIZED)
    assert response.status_code == 503
    assert response.headers["retry-after"] == "1"
    for connection in slow:
        assert connection.recv(1000).startswith(b"HTTP/1.1 408 ")
        connection.close()
    assert guarded.post(picture, headers=AUTHORIZED).status_code == 200


def test_answer_that_takes_too_long_is_given_up(guarded: Any) -> None:
    noise = np.random.default_rng(1).integers(128, 256, (5000, 28, 28), np.uint8)
    response = guarded.post(noise.tobytes(), TENSORS, headers=AUTHORIZED)
    assert response.status_code == 503
    assert response.json()["detail"].startswith("no answer within 1 seconds")


@pytest.mark.parametrize("sent", [b"", b"POST /cl", half_request()])
def test_connection_without_a_new_request_is_closed(sent: bytes, guarded: Any) -> None:
    with guarded.connect() as connection:
        connection.sendall(sent)
        start = time.monotonic()
        try:
            while connection.recv(1000):
                pass
        except ConnectionResetError:
            pass
        assert time.monotonic() - start < 3.5  # `--timeout` and `EXTRA_S` are 2 seconds together


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_stop_answers_the_requests_it_took(
    sent: signal.Signals, code: int, serve: Any, sample_pictures: dict[str, bytes]
) -> None:
    data = sample_pictures["9-photograph.jpg"]
    head = b"POST /classify HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(data)
    with serve() as service, service.connect() as connection:
        connection.sendall(head + data[:-1])
        while service.metric("edge_mnist_requests_in_progress") != 1:
            time.sleep(0.05)
        service.process.send_signal(sent)
        threading.Timer(0.3, lambda: connection.sendall(data[-1:])).start()
        response = b"".join(iter(lambda: connection.recv(65_536), b""))
        assert response.startswith(b"HTTP/1.1 200 OK")
        assert b'"digit": 9' in response
        assert service.process.wait(30) == code
        *_, last = service.log.read_text().splitlines()
        assert ("stopped" if code == 0 else "interrupted") in last


def test_stop_right_after_the_start_is_heard(serve: Any) -> None:
    with serve() as service:
        service.process.terminate()
        assert service.process.wait(30) == 0
        assert [line["event"] for line in service.read_log()] == ["started", "stopped"]


def test_port_in_use_is_one_line_and_exit_code_2(run_here: Callable[..., Any]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = run_here("serve", "--port", port)
    assert finished.code == 2
    assert finished.err == (
        f"edge-mnist: error: 127.0.0.1:{port} is in use by another program; stop it, or name another --port\n"
    )


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--port", "70000"], 2, "--port is 70000; expected 0..65535"),
        (["--host", "192.0.2.1"], 2, "192.0.2.1:8000 cannot be used"),
        (["--host", "no such name"], 2, "no such name: not an address of this machine"),
        (["--max-requests", "0"], 2, "--max-requests is 0; expected at least 1"),
        (["--max-bytes", "783"], 2, "--max-bytes is 783; expected at least 784"),
        (["--timeout", "nan"], 2, "--timeout is nan; expected more than 0"),
        (["--token-file", "absent"], 2, "absent: no such token file"),
        (["--port", "0", "--model", "absent"], 2, "absent: "),
        (["--port", "0", "--backend", "tpu"], 2, "tpu"),
        (["--port", "0", "--min-version", "3"], 2, "--min-version needs --require-signature"),
    ],
)
def test_service_that_cannot_start_says_why(
    options: list[str], code: int, said: str, run_here: Callable[..., Any]
) -> None:
    finished = run_here("serve", *options)
    assert (finished.code, finished.out) == (code, "")
    assert said in finished.err
    assert finished.err.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (TOKEN, 0o640, "other users may read this token; protect it: chmod 600 "),
        (TOKEN, 0o602, "other users may read this token"),
        ("", 0o600, "holds no token"),
        ("two words of enough length", 0o600, "holds no token"),
        ("short", 0o600, "a token of 5 characters, of at least 16"),
        ("x" * 20_000, 0o600, "more than 10,000 bytes; expected a token"),
    ],
)
def test_unsafe_token_file_is_refused(
    text: str, mode: int, said: str, tmp_path: Path, run_here: Callable[..., Any]
) -> None:
    token = tmp_path / "token"
    token.write_text(text)
    token.chmod(mode)
    finished = run_here("serve", "--token-file", token)
    assert finished.code == 2
    assert f"{token}: " in finished.err
    assert said in finished.err


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="Windows has access lists")
def test_token_file_of_another_user_that_all_may_read_is_refused(
    tmp_path: Path, run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o644)
    # Only root can give a file away, and not in a user namespace, so the reader becomes another user instead.
    reader = token.stat().st_uid + 1
    monkeypatch.setattr(os, "getuid", lambda: reader)
    finished = run_here("serve", "--token-file", token, "--port", 70_000)
    assert finished.code == 2
    assert "other users may read this token; protect it: chmod o-rwx " in finished.err


def test_unsigned_bundle_is_not_served(
    tmp_path: Path, keys: Any, write_light_bundle: Callable[..., Path], run_here: Callable[..., Any]
) -> None:
    bundle = write_light_bundle(tmp_path / "bundle")
    finished = run_here("serve", "--port", 0, "--model", bundle, "--require-signature", keys.public)
    assert finished.code == 6
    assert "not signed" in finished.err


def test_service_without_its_extra_is_exit_code_3(
    run_here: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_mnist_runtime.extras.find_spec", lambda _name: None)
    finished = run_here("serve")
    assert finished.code == 3
    assert "[serve]" in finished.err
