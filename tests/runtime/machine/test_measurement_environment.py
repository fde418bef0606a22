"""What is read of a machine, from made-up /proc and /sys, and what speaks against measuring on it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.bench.noise import Noise, find_noise
from edge_mnist_runtime.bench.report import MeasuredModel, Warmup
from edge_mnist_runtime.machine.environment import (
    describe_environment,
    read_cpu_quota,
    read_governor,
    read_instruction_sets,
)
from edge_mnist_runtime.machine.int8_sums import may_saturate


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_environment_names_machine_and_versions() -> None:
    environment = describe_environment()
    assert {"edge-mnist", "onnxruntime", "numpy", "pillow"} <= set(environment["versions"])
    assert environment["usable_cores"] >= 1
    assert environment["cpu"]


def test_environment_of_an_unknown_system_has_gaps_and_no_error(tmp_path: Path) -> None:
    environment = describe_environment(tmp_path)
    assert [environment[key] for key in ("instruction_sets", "governor", "cpu_quota_cores")] == [None] * 3
    assert environment["cpu"]


@pytest.mark.parametrize(
    ("cpuinfo", "found"),
    [
        ("flags\t: fpu avx2 avx512f avx512_vnni sse", ["avx2", "avx512f", "avx512_vnni"]),
        ("Features\t: fp asimd asimddp i8mm", ["asimd", "asimddp", "i8mm"]),
        ("flags: fpu", []),
        ("isa : rv64imafdc", None),
        ("", None),
    ],
)
def test_instruction_sets_are_those_of_the_processor(cpuinfo: str, found: list[str] | None) -> None:
    assert read_instruction_sets(cpuinfo) == found


@pytest.mark.parametrize(
    ("machine", "cpuinfo", "saturates"),
    [
        ("x86_64", "processor : 0\nflags : fpu avx2\nprocessor : 1\nflags : avx_vnni", True),
        ("x86_64", "flags : fpu avx2 avx_vnni", False),
        ("x86_64", "flags : avx512f avx512_vnni", False),
        ("x86_64", "flags : avx2 avx512f", True),
        ("AMD64", None, True),
        ("aarch64", "Features : asimd", False),
        ("aarch64", None, False),
    ],
)
def test_int8_sums_may_saturate_on_x86_without_dot_products(
    machine: str, cpuinfo: str | None, saturates: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("platform.machine", lambda: machine)
    if cpuinfo is not None:
        write(tmp_path / "proc/cpuinfo", cpuinfo)
    assert may_saturate(tmp_path) is saturates


def test_governors_are_named_once_each(tmp_path: Path) -> None:
    for core, governor in enumerate(("powersave\n", "performance\n", "powersave\n")):
        write(tmp_path / f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor", governor)
    assert read_governor(tmp_path) == "performance, powersave"


@pytest.mark.parametrize(
    ("cgroup", "files", "cores"),
    [
        ("0::/a/b", {"a/b/cpu.max": "150000 100000"}, 1.5),
        ("0::/a/b", {"a/b/cpu.max": "max 100000", "a/cpu.max": "50000 100000"}, 0.5),
        ("0::/a/b", {"a/b/cpu.max": "max 100000"}, None),
        ("0::/", {"cpu.max": "200000 100000"}, 2.0),
        ("2:cpu,cpuacct:/a", {"cpu/a/cpu.cfs_quota_us": "25000", "cpu/a/cpu.cfs_period_us": "100000"}, 0.25),
        ("2:cpu:/a", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, None),
        ("3:memory:/a", {"memory/a/cpu.max": "1 1"}, None),
        ("0::/a", {"a/cpu.max": "nonsense"}, None),
        ("nonsense", {}, None),
        ("", {}, None),
    ],
)
def test_cpu_quota_is_the_least_of_all_groups(
    cgroup: str, files: dict[str, str], cores: float | None, tmp_path: Path
) -> None:
    write(tmp_path / "proc/self/cgroup", cgroup)
    for name, text in files.items():
        write(tmp_path / "sys/fs/cgroup" / name, text)
    assert read_cpu_quota(tmp_path) == cores


QUIET: dict[str, Any] = {
    "usable_cores": 4,
    "load_average_1min": 0.1,
    "governor": "performance",
    "cpu_quota_cores": None,
}


@pytest.mark.parametrize("environment", [QUIET, {**QUIET, "governor": None, "load_average_1min": None}])
def test_nothing_is_said_of_a_quiet_machine(
    environment: dict[str, Any], measured_model: Callable[..., MeasuredModel]
) -> None:
    unknown = measured_model(latency_us={"p50": None, "p90": None, "p99": None})
    assert find_noise(environment, [measured_model(), unknown], BenchmarkConfig()) == []


@pytest.mark.parametrize(
    ("environment", "of_model", "said"),
    [
        (
            {"load_average_1min": 2.1},
            {},
            "busy before the start: load 2.1 on 4 cores; stop other programs, or measure with more `runs`",
        ),
        ({"governor": "powersave"}, {}, "governor powersave"),
        ({"cpu_quota_cores": 1.5}, {"threads": 2}, "1.5 cores for 2 threads"),
        ({}, {"threads": 8}, "8 threads share 4 cores"),
        ({}, {"latency_us": {"p50": 10.0, "p90": 16.0, "p99": None}}, "edge_int8.onnx: p90 is 1.6 times p50"),
        ({}, {"warmup": Warmup(2000, steady=False)}, "no steady state after 2,000 calls"),
        ({}, {"late": True}, "too slow for the rate, so that calls had to wait; lower `rate`"),
    ],
)
def test_each_cause_of_noise_is_one_line(
    environment: dict[str, Any], of_model: dict[str, Any], said: str, measured_model: Callable[..., MeasuredModel]
) -> None:
    (warning,) = find_noise({**QUIET, **environment}, [measured_model(**of_model)], BenchmarkConfig())
    assert said in warning
    assert "\n" not in warning


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"runs": 5}, "the ratios to the yardstick still hold"),
        ({"instructions": True}, "the instructions still hold"),
        ({"samples": 100}, "more `runs`"),
    ],
)
def test_advice_depends_on_the_settings(
    settings: dict[str, Any], said: str, measured_model: Callable[..., MeasuredModel]
) -> None:
    (warning,) = find_noise({**QUIET, "load_average_1min": 9.0}, [measured_model()], BenchmarkConfig(**settings))
    assert said in warning
    late = measured_model(late=True, warmup=Warmup(100, steady=False))
    unsteady, slow = find_noise(QUIET, [late], BenchmarkConfig(samples=100, poisson=9.0))
    assert "allow more `samples`" in unsteady
    assert "lower `poisson`" in slow


def test_waiting_at_a_rate_is_no_noise(measured_model: Callable[..., MeasuredModel]) -> None:
    waited = {"p50": 10.0, "p90": 100.0, "p99": None}
    queued = measured_model(latency_us=waited, service_us={"p50": 10.0, "p90": 11.0})
    assert find_noise(QUIET, [queued], BenchmarkConfig(poisson=9.0)) == []
    (warning,) = find_noise(QUIET, [measured_model(service_us=waited)], BenchmarkConfig(poisson=9.0))
    assert "p90 is 10.0 times p50" in warning


def test_every_warning_says_what_to_do() -> None:
    assert all("; " in warning.value for warning in Noise)
