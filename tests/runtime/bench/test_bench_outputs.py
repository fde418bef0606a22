"""What `bench` prints and draws beside its main tables: Markdown, CSV, histograms, ratios to a reference."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge_mnist_runtime.bench.histogram import ASCII_BARS, BARS, count_in_bins, draw_line
from edge_mnist_runtime.bench.instructions import InstructionCount
from edge_mnist_runtime.bench.paired_calls import PairedCalls
from edge_mnist_runtime.bench.reference import compare_with_reference, require_reference
from edge_mnist_runtime.bench.report import BenchReport, MeasuredModel
from edge_mnist_runtime.bench.server_load import StreamsResult
from edge_mnist_runtime.commands.bench_exports import to_csv, to_markdown
from edge_mnist_runtime.commands.bench_tables import print_report
from edge_mnist_runtime.errors import UsageError


@pytest.fixture
def two_models(bench_report: BenchReport, measured_model: Callable[..., MeasuredModel]) -> BenchReport:
    models = tuple(
        measured_model(
            model=name,
            images_per_second={"32": 1.0, "256": 2_000.0},
            runs=tuple(PairedCalls(ratio + step / 1000, 1.0, 1.0, 9) for step in range(5)),
        )
        for name, ratio in (("a/edge_int8.onnx", 1.0), ("a/nano_int8.onnx", 0.5))
    )
    return replace(bench_report, models=models, reference=compare_with_reference(models, "edge"))


def test_ratio_to_the_reference_has_an_interval(two_models: BenchReport) -> None:
    (ratio,) = two_models.reference
    assert ratio.model == "nano_int8.onnx"
    assert ratio.ratio == pytest.approx(0.5, rel=0.01)
    assert ratio.interval[0] < 0.5 < ratio.interval[1]
    assert BenchReport.from_json(two_models.to_json(), origin="x").reference == two_models.reference


@pytest.mark.parametrize("name", ["edge", "edge_int8", "edge_int8.onnx", "a/edge_int8.onnx"])
def test_reference_is_named_by_path_or_short_name(name: str) -> None:
    require_reference(name, ["a/edge_int8.onnx", "a/nano_int8.onnx"], 1)


@pytest.mark.parametrize(
    ("name", "models", "runs", "said"),
    [
        ("robust", ["edge", "nano"], 1, "0 of the measured models"),
        ("edge_int8", ["a/edge_int8.onnx", "a/edge_int8.tflite"], 1, "2 of the measured models"),
        ("edge", ["edge", "nano"], 0, "`runs`"),
        ("edge", ["edge"], 1, "no other model is measured"),
    ],
)
def test_reference_that_cannot_be_used_is_refused(name: str, models: list[str], runs: int, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        require_reference(name, models, runs)


def test_markdown_has_a_row_for_each_model(two_models: BenchReport) -> None:
    heading, rule, *rows = to_markdown(two_models).splitlines()
    assert {line.count("|") for line in (heading, rule, *rows)} == {heading.count("|")}
    assert [row.split("|")[1].strip() for row in rows] == ["`edge_int8.onnx`", "`nano_int8.onnx`"]
    assert "2,000" in rows[0]
    assert "0.50" in rows[1]


def test_markdown_has_the_figures_that_were_asked_for(
    bench_report: BenchReport, measured_model: Callable[..., MeasuredModel]
) -> None:
    model = measured_model(
        images_per_second={"32": 1.0, "256": 2.0},
        streams=StreamsResult(2, 30_542.1, 21.0, None),
        slo_rate=None,
        instructions=InstructionCount(451_104, "callgrind", ["avx2"]),
    )
    config = replace(bench_report.config, streams=2, slo_ms=5.0, instructions=True)
    heading, _, row = to_markdown(replace(bench_report, models=(model,), config=config)).splitlines()
    assert heading.endswith("| digits/s x2 | rate, p99 < 5 ms | instructions |")
    assert row.endswith("| 30,542 | - | 451,104 |")


def test_csv_has_units_in_its_headings_and_empty_unknown_figures(two_models: BenchReport) -> None:
    first, second = csv.DictReader(io.StringIO(to_csv(two_models)))
    assert (first["model"], first["p50_us"], first["p99_us"]) == ("a/edge_int8.onnx", "10.0", "")
    assert first["ratio_to_reference"] == ""
    assert float(second["ratio_to_reference"]) == pytest.approx(0.5, rel=0.01)


@pytest.mark.parametrize("bars", [BARS, ASCII_BARS])
def test_histogram_line_shows_where_latencies_are(bars: str) -> None:
    latencies = [10.0] * 60 + [20.0] * 30 + [15.0] * 5 + [1_000.0] * 4
    line, low, high = draw_line(latencies, 10, bars)
    assert (len(line), low, high) == (10, 10.0, 20.0)
    assert (line[0], line[1]) == (bars[-1], bars[0])
    assert count_in_bins(latencies, 10)[0].sum() == 95


def test_histogram_of_one_latency_is_one_bar() -> None:
    line, low, high = draw_line([5.0], 8)
    assert line.count(BARS[-1]) == 1
    assert low <= 5.0 <= high


@pytest.mark.parametrize(
    ("option", "starts"), [("--markdown", "| model |"), ("--csv", "model,threads,"), ("--json", "{")]
)
def test_output_is_only_what_was_asked_for(option: str, starts: str, run_here: Callable[..., Any]) -> None:
    short = ("--samples", "5", "--seconds", "0.05", "--no-startup", "--runs", "0")
    finished = run_here("bench", "nano", *short, option, env={"EDGE_MNIST_DATA": ""})
    assert finished.code == 0, finished.err
    assert finished.out.startswith(starts)


def test_two_outputs_at_once_are_refused(run_here: Callable[..., Any]) -> None:
    finished = run_here("bench", "nano", "--csv", "--json")
    assert (finished.code, finished.out) == (2, "")
    assert "choose one" in finished.err


def test_tables_of_a_server_and_a_reference_fit_the_terminal(run_here: Callable[..., Any]) -> None:
    short = ("--samples", "20", "--seconds", "0.05", "--no-startup", "--poisson", "2000", "--streams", "2")
    finished = run_here("bench", "nano", "robust", *short, "--reference", "robust", env={"EDGE_MNIST_DATA": ""})
    assert finished.code == 0, finished.err
    for heading in ("histogram to p95", "digits/s x2", "ratio to robust"):
        assert heading in finished.out
    assert "rate, p99" not in finished.out
    assert max(map(len, finished.out.splitlines())) <= 80


def test_latency_goal_alone_has_no_columns_of_streams(
    bench_report: BenchReport, measured_model: Callable[..., MeasuredModel], capsys: pytest.CaptureFixture[str]
) -> None:
    percentiles = {"p50": 1.0, "p90": None}
    model = measured_model(
        slo_rate=1_234.0,
        images_per_second={"32": 1.0, "256": 2.0},
        stages_us={"run": percentiles, "picture": percentiles},
    )
    config = replace(bench_report.config, slo_ms=5.0)
    report = replace(bench_report, models=(model,), config=config, preprocess_us=percentiles)
    print_report(report, None)
    printed = capsys.readouterr().out
    assert "rate, p99 < 5 ms" in printed
    assert "1,234/s" in printed
    assert "digits/s x" not in printed
