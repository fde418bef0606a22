"""Measure `edge-mnist serve` under load: speed, latency, hostile bodies, memory.

    python -m benchmarks.service_load [--rounds 5] [--seconds 3] [--hostile 10000] [--soak-minutes 0] [--json]

The server runs on one core and wrk (Debian package `wrk`) on the others. Rounds of the classifier alone and of the
service alternate on the same core, so that both meet the same disturbance. Speeds are per second of that process's
processor time: on a machine that others use, wall-clock time would measure the others.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

import httpx

from benchmarks.hostile_bodies import make_bodies
from edge_mnist_runtime.bench.sample_digits import load_benchmark_digits

BATCHES: Final = (1, 16, 64, 256, 1024)
"""Tensors in a request."""
CONNECTIONS: Final = 8
DOCUMENTED: Final = frozenset((200, 408, 413, 415, 422, 503))
TICKS: Final = os.sysconf("SC_CLK_TCK")
SCRIPT: Final = """
local file = io.open("{body}", "rb")
wrk.method, wrk.body = "POST", file:read("*a")
wrk.headers["Content-Type"] = "application/octet-stream"
"""
ALONE: Final = """
import sys, time, numpy as np
from edge_mnist_runtime import DigitClassifier
images = np.frombuffer(open(sys.argv[1], "rb").read(), np.uint8).reshape(-1, 28, 28)
classifier, size, seconds = DigitClassifier(), int(sys.argv[2]), float(sys.argv[3])
classifier.predict_batch(images[:size])
start, until, n = time.process_time(), time.monotonic() + seconds, 0
while time.monotonic() < until:
    classifier.predict_batch(images[:size]); n += size
print(n / (time.process_time() - start))
"""


class Server:
    """A running service, and what its process has used."""

    def __init__(self, pid: int, address: str) -> None:
        self.pid, self.address = pid, address

    def processor_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident_mb(self) -> float:
        """Resident memory, in MB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE") / 1e6


@contextmanager
def serving(core: int, log: Path) -> Iterator[Server]:
    """Run the service on one core."""
    command = ["taskset", "-c", str(core), sys.executable, "-m", "edge_mnist_runtime", "serve", "--port", "0"]
    with log.open("w+") as file, subprocess.Popen(command, stderr=file) as process:
        try:
            while not (line := log.read_text().partition("\n")[0]):
                assert process.poll() is None
                time.sleep(0.05)
            yield Server(process.pid, json.loads(line)["address"])
        finally:
            process.terminate()


def load(server: Server, core: int, script: Path, seconds: float) -> dict[str, float]:
    """Load the service with wrk. Returns requests a second of processor time and of wall-clock time, and latencies."""
    command = [
        "taskset",
        "-c",
        str(core),
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{max(1, round(seconds))}s",
        "--latency",
    ]
    before = server.processor_seconds()
    out = subprocess.run(
        [*command, "-s", str(script), f"{server.address}/classify"], check=True, capture_output=True, text=True
    ).stdout
    used = server.processor_seconds() - before
    assert "Non-2xx" not in out, out
    n_requests = int(re.search(r"(\d+) requests in", out)[1])
    return {
        "per_processor_s": n_requests / used,
        "per_s": float(re.search(r"Requests/sec:\s*([\d.]+)", out)[1]),
        "p50_ms": _milliseconds(re.search(r"^ +50% +(\S+)$", out, re.MULTILINE)[1]),
        "p99_ms": _milliseconds(re.search(r"^ +99% +(\S+)$", out, re.MULTILINE)[1]),
    }


def _milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def measure_speed(rounds: int, seconds: float, folder: Path) -> list[dict[str, Any]]:
    """Compare the service with the classifier alone, for each number of tensors in a request."""
    core, client = sorted(os.sched_getaffinity(0))[:2]
    images = load_benchmark_digits(None)[0].images
    tensors = folder / "tensors"
    tensors.write_bytes((images.tobytes() * (1024 // len(images) + 1))[: 1024 * 784])
    rows = []
    with serving(core, folder / "log") as server:
        for n in BATCHES:
            body, script = folder / f"body{n}", folder / f"{n}.lua"
            body.write_bytes(tensors.read_bytes()[: n * 784])
            script.write_text(SCRIPT.format(body=body))
            load(server, client, script, 1)  # warm-up
            alone, served = [], []
            for _ in range(rounds):
                alone.append(_measure_alone(core, tensors, seconds))
                served.append(load(server, client, script, seconds))
            middle = {name: median(round_[name] for round_ in served) for name in served[0]}
            ratios = [n * round_["per_processor_s"] / best for round_, best in zip(served, alone, strict=True)]
            row = {"tensors": n, "alone_per_s": median(alone), "ratio": median(ratios), **middle}
            rows.append({name: round(value, 3) for name, value in row.items()})
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _measure_alone(core: int, tensors: Path, seconds: float) -> float:
    """Tensors a second of processor time that `predict_batch` classifies, in its best batch size."""
    command = ["taskset", "-c", str(core), sys.executable, "-c", ALONE, str(tensors), "1024", str(seconds)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def attack(n_bodies: int, folder: Path) -> dict[str, Any]:
    """Send hostile bodies. Returns the statuses, the slowest answer and the growth of memory."""
    statuses: dict[int, int] = {}
    slowest, memory = 0.0, []
    with serving(min(os.sched_getaffinity(0)), folder / "log") as server, httpx.Client(timeout=60) as client:
        for index, (kind, body) in enumerate(make_bodies(n_bodies)):
            start = time.perf_counter()
            response = client.post(f"{server.address}/classify", content=body, headers={"Content-Type": kind})
            slowest = max(slowest, time.perf_counter() - start)
            statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
            if index % max(1, n_bodies // 20) == 0:
                memory.append(round(server.resident_mb(), 1))
        memory.append(round(server.resident_mb(), 1))
        assert client.get(f"{server.address}/readyz").status_code == 200
    undocumented = {status: count for status, count in statuses.items() if status not in DOCUMENTED}
    return {"statuses": statuses, "undocumented": undocumented, "slowest_s": round(slowest, 3), "memory_mb": memory}


def soak(minutes: float, folder: Path) -> dict[str, Any]:
    """Load the service for long with 256 tensors a request, and read its memory twenty times."""
    core, client = sorted(os.sched_getaffinity(0))[:2]
    images = load_benchmark_digits(None)[0].images.tobytes()
    body, script = folder / "body", folder / "soak.lua"
    body.write_bytes((images * (256 * 784 // len(images) + 1))[: 256 * 784])
    script.write_text(SCRIPT.format(body=body))
    memory = []
    with serving(core, folder / "log") as server:
        for _ in range(20):
            load(server, client, script, minutes * 60 / 20)
            memory.append(round(server.resident_mb(), 1))
    return {"minutes": minutes, "memory_mb": memory}


def main() -> None:
    """Run the parts that are asked for, and print what they found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="0 leaves the speed out")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--hostile", type=int, default=10_000, help="0 leaves them out")
    parser.add_argument("--soak-minutes", type=float, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if options.rounds:
            found["speed"] = measure_speed(options.rounds, options.seconds, Path(name))
        if options.hostile:
            found["hostile"] = attack(options.hostile, Path(name))
        if options.soak_minutes:
            found["soak"] = soak(options.soak_minutes, Path(name))
    print(json.dumps(found, indent=None if options.json else 2))
    sys.exit(bool(found.get("hostile", {}).get("undocumented")))


if __name__ == "__main__":
    main()
