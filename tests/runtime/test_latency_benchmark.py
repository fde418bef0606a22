"""The benchmark's settings, its honesty about small samples, and the shape of its report. Never how fast."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_mnist_runtime.benchmark import BenchmarkConfig, describe_environment, run_benchmark
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.sample_digits import load_samples


@pytest.fixture(scope="module")
def digits() -> LabelledDigits:
    return load_samples()


def measure(digits: LabelledDigits, samples: int) -> dict[str, Any]:
    """A report on the bundled model, that has been through JSON."""
    config = BenchmarkConfig(samples=samples, warmup=2, batch_sizes=(1, 32))
    return json.loads(json.dumps(run_benchmark([None], digits, config)))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"samples": 0}, "--samples"),
        ({"samples": -5}, "--samples"),
        ({"threads": 0}, "--threads"),
        ({"threads": -1}, "--threads"),
        ({"threads": 1_000_000}, "--threads"),
        ({"warmup": -1}, "-1"),
        ({"batch_sizes": (32, 0)}, "0"),
        ({"batch_sizes": (-1,)}, "-1"),
        ({"batch_sizes": ()}, "batch"),
    ],
)
def test_bad_value_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        BenchmarkConfig(**values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


def test_report_has_its_documented_structure(digits: LabelledDigits) -> None:
    report = measure(digits, 10)
    assert set(report) >= {"schema_version", "env", "digits", "config", "models"}
    assert report["schema_version"] == 1
    assert report["digits"] == {
        "name": "edge-mnist-samples", "split": "all", "n": 10, "sha256": digits.sha256
    }  # fmt: skip
    assert report["config"] == {"samples": 10, "warmup": 2, "batch_sizes": [1, 32], "threads": 1}
    (model,) = report["models"]
    assert set(model) >= {
        "model", "backend", "precision", "size_bytes", "load_ms", "first_us", "samples", "latency_us",
        "images_per_second",
    }  # fmt: skip
    assert (model["backend"], model["precision"], model["samples"]) == ("onnxruntime", "int8", 10)
    assert set(model["latency_us"]) == {"p50", "p90", "p99"}
    assert set(model["images_per_second"]) == {"1", "32"}
    assert min(model["images_per_second"].values()) > 0
    assert min(model["size_bytes"], model["load_ms"], model["first_us"]) > 0


def test_environment_names_machine_and_versions() -> None:
    environment = describe_environment()
    assert set(environment) >= {"cpu", "machine", "system", "usable_cores", "load_average_1min", "versions"}
    assert {"edge-mnist", "onnxruntime", "numpy", "pillow"} <= set(environment["versions"])
    assert environment["usable_cores"] >= 1


@pytest.mark.parametrize(
    ("samples", "given"),
    [(1, ["p50"]), (63, ["p50"]), (64, ["p50", "p90"]), (661, ["p50", "p90"]), (662, ["p50", "p90", "p99"])],
)
def test_percentile_is_null_where_the_sample_is_too_small(
    samples: int, given: list[str], digits: LabelledDigits
) -> None:
    latency_us = measure(digits, samples)["models"][0]["latency_us"]
    assert [name for name, value in latency_us.items() if value is not None] == given
    in_order = [value for value in latency_us.values() if value is not None]
    assert in_order == sorted(in_order)
    assert in_order[0] > 0


def test_models_are_measured_side_by_side(digits: LabelledDigits) -> None:
    config = BenchmarkConfig(samples=120, warmup=0, batch_sizes=(8,))
    progress: list[tuple[int, int]] = []
    report = run_benchmark([None, None], digits, config, on_progress=lambda *done: progress.append(done))
    assert [model["samples"] for model in report["models"]] == [120, 120]
    assert progress[0] == (0, 120)
    assert progress[-1] == (120, 120)
    assert progress == sorted(progress)
