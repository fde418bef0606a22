"""Settings of a benchmark, its report and its plot. No test depends on speed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from edge_mnist_runtime.bench.benchmark import STAGES, advise, run_benchmark
from edge_mnist_runtime.bench.config import BenchmarkConfig, parse_counts
from edge_mnist_runtime.bench.plot import check_plot, draw_plot
from edge_mnist_runtime.bench.report import BenchReport, MeasuredModel
from edge_mnist_runtime.bench.sample_digits import load_samples
from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_runtime.errors import MissingExtraError, UsageError
from edge_mnist_runtime.timing.percentiles import PERCENTILES, min_samples_for, percentile_name


@pytest.fixture(scope="module", autouse=True)
def short_stages() -> Iterator[None]:
    """Measure the stages only briefly, because each photograph takes milliseconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("edge_mnist_runtime.bench.benchmark.STAGES", replace(STAGES, seconds=0.05, warmup=1))
        yield


@pytest.fixture(scope="module")
def digits() -> LabelledDigits:
    return load_samples()


def measure(digits: LabelledDigits, samples: int, **config: Any) -> dict[str, Any]:
    """Benchmark the default model; return the report as read from its JSON."""
    settings = {"warmup": 2, "batch_sizes": (1, 32), "fresh_processes": False, "runs": 0, **config}
    return json.loads(run_benchmark([None], digits, BenchmarkConfig(samples=samples, **settings)).to_json())


@pytest.fixture(scope="module")
def report(digits: LabelledDigits) -> dict[str, Any]:
    return measure(digits, 10)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"samples": 0}, "`samples`"),
        ({"samples": -5}, "`samples`"),
        ({"seconds": 0.0}, "`seconds`"),
        ({"seconds": -1.0}, "`seconds`"),
        ({"seconds": float("nan")}, "`seconds`"),
        ({"seconds": float("inf")}, "`seconds`"),
        ({"threads": (0,)}, "`threads`"),
        ({"threads": (1, -1)}, "`threads`"),
        ({"threads": (1_000_000,)}, "`threads`"),
        ({"threads": ()}, "`threads`"),
        ({"warmup": -1}, "`warmup`"),
        ({"batch_sizes": (32, 0)}, "`batch_sizes`"),
        ({"batch_sizes": (-1,)}, "not -1"),
        ({"batch_sizes": ()}, "`batch_sizes`"),
        ({"runs": -1}, "`runs`"),
        ({"runs": 1_000}, "`runs`"),
        ({"streams": 0}, "`streams`"),
        ({"slo_ms": 0.0}, "`slo_ms`"),
        ({"slo_ms": float("nan")}, "`slo_ms`"),
        ({"poisson": 0.0}, "`poisson`"),
        ({"rate": 5.0, "poisson": 5.0}, "`rate` and `poisson`"),
        ({"rate": 0.0}, "`rate`"),
        ({"rate": -3.0}, "`rate`"),
        ({"rate": float("nan")}, "`rate`"),
        ({"rate": float("inf")}, "`rate`"),
    ],
)
def test_bad_setting_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(UsageError) as caught:
        BenchmarkConfig(**values)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("text", "counts"), [("1", (1,)), ("4,1, 2", (4, 1, 2)), ("2,2", (2,))])
def test_counts_between_commas_are_parsed(text: str, counts: tuple[int, ...]) -> None:
    assert parse_counts(text, "--threads") == counts


@pytest.mark.parametrize("text", ["", "one", "1,", "1;2", "1.5", "1,,2"])
def test_bad_counts_are_refused_by_option_name(text: str) -> None:
    with pytest.raises(UsageError, match="--threads must be whole numbers"):
        parse_counts(text, "--threads")


def test_report_has_its_documented_structure(report: dict[str, Any], digits: LabelledDigits) -> None:
    assert set(report) == {
        "schema_version", "env", "digits", "config", "import_ms", "preprocess_us", "models", "advice", "warnings",
        "skipped", "yardstick_sha256", "reference",
    }  # fmt: skip
    assert report["schema_version"] == 3
    assert report["digits"] == {
        "name": "edge-mnist-samples", "split": "all", "n": 10, "sha256": digits.sha256
    }  # fmt: skip
    assert report["config"]["samples"] == 10
    assert report["config"]["threads"] == [1]
    (model,) = report["models"]
    assert set(model) == {
        "model", "backend", "precision", "size_bytes", "sha256", "threads", "load_ms", "first_us", "samples", "stopped",
        "warmup", "late", "latency_us", "bound_us", "unknown", "service_us", "stages_us", "images_per_second",
        "memory_mb", "operators", "latencies_us", "instructions", "energy_uj",
        "runs", "streams", "slo_rate",
    }  # fmt: skip
    assert (model["backend"], model["precision"], model["samples"]) == ("onnxruntime", "int8", 10)
    assert (model["stopped"], model["threads"], model["late"]) == ("samples", 1, False)
    assert set(model["latency_us"]) == {"p50", "p90", "p95", "p99", "p99.9"}
    assert set(model["stages_us"]) == {"run", "picture"}
    assert set(model["images_per_second"]) == {"1", "32"}
    assert min(model["images_per_second"].values()) > 0
    assert min(model["size_bytes"], model["load_ms"], model["first_us"]) > 0
    assert len(model["latencies_us"]) == 10
    assert (model["memory_mb"], model["operators"], model["service_us"]) == (None, None, None)


def test_warmup_without_steady_state_is_a_warning(report: dict[str, Any]) -> None:
    assert report["models"][0]["warmup"] == {"calls": 2, "steady": False}
    assert any("no steady state after 2 calls" in warning for warning in report["warnings"])


@pytest.mark.parametrize("samples", [10, 662])
def test_percentile_is_null_if_there_are_too_few_samples(samples: int, digits: LabelledDigits) -> None:
    model = measure(digits, samples)["models"][0]
    expected = {percentile_name(percentile): samples >= min_samples_for(percentile) for percentile in PERCENTILES}
    for figures in (model["latency_us"], model["bound_us"]):
        assert {name: value is not None for name, value in figures.items()} == expected
        in_order = [value for value in figures.values() if value is not None]
        assert in_order == sorted(in_order)
    assert set(model["unknown"]) - {"energy_uj"} == {name for name, known in expected.items() if not known}
    assert "needs 6,636 samples" in model["unknown"]["p99.9"]


def test_every_model_is_measured_with_every_thread_count(digits: LabelledDigits) -> None:
    config = BenchmarkConfig(samples=120, warmup=0, batch_sizes=(8,), threads=(1, 2), fresh_processes=False)
    progress: list[tuple[str, float]] = []
    report = run_benchmark([None, Path("nano")], digits, config, on_progress=lambda *done: progress.append(done))
    measured = [(model.model, model.threads, model.samples) for model in report.models]
    assert measured == [(name, threads, 120) for name in ("robust_int8", "nano_int8") for threads in (1, 2)]
    parts = [part for what, part in progress if what == "measuring"]
    assert (parts[0], parts[-1], parts) == (0.0, 1.0, sorted(parts))


def test_paced_measurement_reports_service_time(digits: LabelledDigits) -> None:
    report = measure(digits, 30, rate=2_000.0)
    assert report["config"]["rate"] == 2_000.0
    assert set(report["models"][0]["service_us"]) == {"p50", "p90"}


def test_profile_times_operators(digits: LabelledDigits) -> None:
    operators = measure(digits, 10, profile=True)["models"][0]["operators"]
    assert {"name", "operator", "us_per_image", "share"} == set(operators[0])


@pytest.mark.slow
def test_profile_of_tflite_alone_is_refused(digits: LabelledDigits, reference_bundle: Path) -> None:
    path = next(reference_bundle.glob("*_int8.tflite"))
    with pytest.raises(UsageError, match="no profiler of operators"):
        run_benchmark([path], digits, BenchmarkConfig(profile=True))


def test_fresh_processes_measure_import_time_and_memory(digits: LabelledDigits) -> None:
    report = measure(digits, 10, fresh_processes=True)
    assert report["import_ms"]["onnxruntime"] > 0
    memory_mb = report["models"][0]["memory_mb"]
    assert 0 < memory_mb["imports"] < memory_mb["peak"]
    assert memory_mb["model"] == pytest.approx(memory_mb["peak"] - memory_mb["imports"], abs=0.01)


def test_failed_fresh_process_is_a_warning(digits: LabelledDigits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/absent/python")
    report = measure(digits, 10, fresh_processes=True)
    assert report["models"][0]["memory_mb"] is None
    assert any("import and memory were not measured" in warning for warning in report["warnings"])


def test_kept_latencies_are_thinned_evenly(digits: LabelledDigits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_mnist_runtime.bench.benchmark.KEPT_LATENCIES", 40)
    assert len(measure(digits, 41)["models"][0]["latencies_us"]) == 21


def test_report_round_trips_through_json_with_number_lists_on_one_line(report: dict[str, Any]) -> None:
    read = BenchReport.from_json(json.dumps(report), origin="test")
    text = read.to_json()
    assert json.loads(text) == report
    assert BenchReport.from_json(text, origin="test") == read
    assert f'"latencies_us": {report["models"][0]["latencies_us"]}' in text


@pytest.mark.parametrize(
    ("medians", "advised"),
    [
        ({"a/m_int8.onnx": 9.0, "a/m_fp32.onnx": 8.0}, ["m_int8.onnx"]),
        ({"a/m_int8.onnx": 8.0, "a/m_fp32.onnx": 9.0}, []),
        ({"a/m_int8.onnx": 9.0, "b/m_fp32.onnx": 8.0, "a/m_fp32.tflite": 1.0}, []),
        ({"a/m_int8.onnx": 9.0}, []),
        ({"a/m_int8.onnx": None, "a/m_fp32.onnx": 8.0}, []),
        ({"a/m_int8.onnx": 9.0, "a/m_fp32.onnx": None}, []),
    ],
)
def test_fp32_is_advised_if_it_is_faster_than_int8(
    medians: dict[str, float | None], advised: list[str], measured_model: Callable[..., MeasuredModel]
) -> None:
    known = {"p90": None, "p99": None}
    advice = advise([measured_model(model=name, latency_us={"p50": p50, **known}) for name, p50 in medians.items()])
    assert [sentence.split()[0] for sentence in advice] == advised
    assert all(sentence.endswith("ship fp32 here") for sentence in advice)


# plots


def test_plot_is_written(report: dict[str, Any], tmp_path: Path) -> None:
    draw_plot(BenchReport.from_json(json.dumps(report), origin="test"), tmp_path / "latency.png")
    assert (tmp_path / "latency.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["latency", "latency.jpg", "latency.png/", "absent/latency.png"])
def test_bad_plot_path_is_refused(name: str, tmp_path: Path) -> None:
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match=r"latency.* (plot|is a folder)"):
        check_plot(tmp_path / name)


def test_plot_without_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("edge_mnist_runtime.extras.find_spec", lambda _name: None)
    with pytest.raises(MissingExtraError, match=r"\[plot\]"):
        check_plot(tmp_path / "latency.png")
