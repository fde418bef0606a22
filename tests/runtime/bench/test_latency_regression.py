"""`edge-mnist compare` with reports: verdicts, reports that are not comparable, and damaged reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime.bench.change import require_no_regression
from edge_mnist_runtime.bench.regression import compare_reports
from edge_mnist_runtime.errors import IntegrityError, RegressionError, UndecidedError, UsageError

Change = Callable[[dict[str, Any]], Any]


def latencies(median: float, n: int = 2_000, seed: int = 0) -> np.ndarray:
    return median * np.random.default_rng(seed).lognormal(0, 0.05, n)


def runs_of(median: float, seed: int) -> list[dict[str, float]]:
    ratios = median / 10 * np.random.default_rng(seed).lognormal(0, 0.005, 5)
    return [{"ratio": ratio, "base_us": 10.0, "other_us": 10.0 * ratio, "rounds": 100} for ratio in ratios]


def model(name: str, median: float, *, threads: int = 1, n: int = 2_000, seed: int = 0) -> dict[str, Any]:
    values = latencies(median, n, seed)
    p50, p90, p99 = np.percentile(values, [50, 90, 99])
    known = {"p50": p50, "p90": p90, "p99": p99} if n >= 662 else {"p50": None, "p90": None, "p99": None}
    return {
        "model": name, "backend": "onnxruntime", "threads": threads, "latency_us": known, "latencies_us": list(values),
        "precision": "int8", "size_bytes": 1, "sha256": "0", "load_ms": 1.0, "first_us": 1.0, "samples": n,
        "stopped": "samples", "warmup": {"calls": 1, "steady": True}, "late": False, "bound_us": known, "unknown": {},
        "service_us": None, "stages_us": {}, "images_per_second": {}, "operators": None, "memory_mb": None,
        "instructions": None, "energy_uj": None, "streams": None, "slo_rate": None,
        "runs": runs_of(median, seed),
    }  # fmt: skip


def counted(per_digit: float) -> dict[str, Any]:
    return {"per_digit": per_digit, "counter": "callgrind", "features": ["avx2"]}


def report(*models: dict[str, Any]) -> dict[str, Any]:
    return {
        "schema_version": 3,
        "env": {
            "cpu": "A", "instruction_sets": ["avx2"], "cpu_features": ["avx2"], "usable_cores": 2,
            "cpu_quota_cores": None,
            "versions": {"onnxruntime": "1.31.1", "numpy": "2.4.6"},
        },
        "digits": {"name": "samples", "split": "all", "n": 10, "sha256": "0"},
        "config": {"threads": [1], "rate": None, "batch_sizes": [32]},
        "import_ms": {}, "preprocess_us": {}, "models": list(models), "advice": [], "warnings": [],
        "yardstick_sha256": "0", "reference": [],
    }  # fmt: skip


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that changes a report, writes it, and returns its path."""

    def write(name: str, record: dict[str, Any], change: Change = lambda _record: None) -> Path:
        change(record)
        (tmp_path / name).write_text(json.dumps(record))
        return tmp_path / name

    return write


Save = Callable[..., Path]


@pytest.mark.parametrize(
    ("growth", "verdict"), [(1.2, "regression"), (1.03, "not decided"), (1.0, "same"), (0.9, "faster")]
)
def test_verdict_follows_the_interval_and_the_limit(growth: float, verdict: str, save: Save) -> None:
    old, new = (
        save("old.json", report(model("edge", 10.0))),
        save("new.json", report(model("edge", 10 * growth, seed=1))),
    )
    compared = compare_reports(old, new)
    (change,) = compared.changes
    assert change.verdict == verdict
    assert change.ratio["p50"] == pytest.approx(growth, rel=0.02)
    assert change.interval is not None
    assert change.interval[0] <= growth <= change.interval[1]
    assert np.sign(round(change.cliffs_delta, 1)) == np.sign(round(growth - 1, 2))
    if verdict == "regression":
        with pytest.raises(
            RegressionError,
            match=r"^edge: p50 went from 10\.0 to 12\.\d us, \+\d+\.\d% in relation to the yardstick \(int",
        ) as caught:
            require_no_regression(compared)
        assert caught.value.exit_code == 7
    else:
        require_no_regression(compared, lenient=True)


def test_worst_model_is_named(save: Save) -> None:
    old = save("old.json", report(*(model(name, 10.0) for name in ("a", "b", "c"))))
    new = save("new.json", report(model("a", 12.0), model("b", 20.0), model("c", 10.0)))
    with pytest.raises(RegressionError, match=r"^b: "):
        require_no_regression(compare_reports(old, new))
    require_no_regression(compare_reports(old, new, max_regression=1.5))


def test_interval_across_the_limit_gives_no_verdict(save: Save) -> None:
    old, new = save("old.json", report(model("a", 10.0))), save("new.json", report(model("a", 10.51)))
    (change,) = compare_reports(old, new, max_regression=0.05).changes
    assert change.ratio["p50"] == pytest.approx(1.051)
    assert change.verdict == "not decided"


def test_json_has_a_remedy_only_without_a_verdict(save: Save) -> None:
    old, new = save("old.json", report(model("a", 10.0))), save("new.json", report(model("a", 10.51)))
    for path, verdict in ((old, "same"), (new, "not decided")):
        (record,) = compare_reports(old, path).to_dict()["models"]
        assert record["verdict"] == verdict
        assert (record["remedy"] is None) == (verdict == "same")


def test_report_of_one_run_gets_the_advice_to_measure_more(save: Save) -> None:
    one = {**model("a", 10.0), "runs": runs_of(10.0, 0)[:1]}
    old, new = save("old.json", report(one)), save("new.json", report(model("a", 10.4)))
    with pytest.raises(UndecidedError, match="a report has 1 run; measure both by `bench` with `runs=5`, or"):
        require_no_regression(compare_reports(old, new))


def test_same_reports_give_the_same_comparison(save: Save) -> None:
    old, new = save("old.json", report(model("a", 10.0))), save("new.json", report(model("a", 11.0)))
    assert compare_reports(old, new) == compare_reports(old, new)


def test_models_pair_by_threads_and_path_or_unique_file_name(save: Save) -> None:
    old = report(model("x/a.onnx", 1.0), model("x/b.onnx", 1.0), model("y/b.onnx", 1.0), model("c", 1.0, threads=2))
    new = report(model("z/a.onnx", 1.0), model("y/b.onnx", 1.0), model("z/b.onnx", 1.0), model("c", 1.0, threads=1))
    compared = compare_reports(save("old.json", old), save("new.json", new))
    assert [change.model for change in compared.changes] == ["a.onnx", "b.onnx"]
    assert len(compared.unpaired) == 4
    assert any(line.startswith("c with 2 threads is only in ") for line in compared.unpaired)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda record: record["env"].update(cpu="B"), "CPU (A and B)"),
        (lambda record: record["env"].update(usable_cores=4), "usable cores (2 and 4)"),
        (lambda record: record["env"].update(cpu_quota_cores=0.5), "CPU quota"),
        (lambda record: record["env"].update(instruction_sets=[]), "instruction sets"),
        (lambda record: record["env"]["versions"].update(onnxruntime="1.20"), "onnxruntime version (1.31.1 and 1.20)"),
        (lambda record: record["config"].update(threads=[1, 2]), "threads"),
        (lambda record: record["config"].update(rate=10.0), "rate"),
    ],
)
def test_different_conditions_are_refused_by_name_unless_forced(change: Change, named: str, save: Save) -> None:
    old, new = save("old.json", report(model("a", 1.0))), save("new.json", report(model("a", 1.0)), change)
    with pytest.raises(UsageError, match="`force=True` compares anyway") as caught:
        compare_reports(old, new)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    (unlike,) = compare_reports(old, new, force=True).unlike
    assert named in unlike


def test_version_of_an_unused_engine_may_differ(save: Save) -> None:
    old = save("old.json", report(model("a", 1.0)))
    new = save(
        "new.json", report(model("a", 1.0)), lambda record: record["env"]["versions"].update({"ai-edge-litert": "9"})
    )
    assert compare_reports(old, new).unlike == ()


def test_reports_without_a_common_model_are_refused(save: Save) -> None:
    with pytest.raises(UsageError, match="no model in common"):
        compare_reports(save("old.json", report(model("a", 1.0))), save("new.json", report(model("b", 1.0))))


def test_too_few_samples_are_refused_or_not_decided_beside_other_models(save: Save) -> None:
    few = {**model("a", 1.0, n=5), "runs": []}
    old = save("old.json", report(few))
    with pytest.raises(UsageError, match="too few samples"):
        compare_reports(old, old)
    both = save("both.json", report(few, model("b", 1.0)))
    assert [change.verdict for change in compare_reports(both, both).changes] == ["not decided", "same"]


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("models"),
        lambda record: record.update(models=[]),
        lambda record: record.update(models=3),
        lambda record: record.update(models=[3]),
        lambda record: record.pop("env"),
        lambda record: record["env"].pop("cpu"),
        lambda record: record.pop("config"),
        lambda record: record["models"][0].pop("latencies_us"),
        lambda record: record["models"][0].update(latencies_us=[]),
        lambda record: record["models"][0].update(latencies_us=[1.0, -1.0]),
        lambda record: record["models"][0].update(latencies_us=[float("nan")]),
        lambda record: record["models"][0].update(latencies_us=[[1.0]]),
        lambda record: record["models"][0].update(latencies_us="fast"),
        lambda record: record["models"][0].update(latencies_us=[None]),
        lambda record: record["models"][0]["latency_us"].update(p50="fast"),
        lambda record: record["models"][0]["latency_us"].update(p50=0),
        lambda record: record["models"][0]["latency_us"].update(p50="10.0"),
        lambda record: record["models"][0]["latency_us"].update(p50=True),
        lambda record: record["models"][0]["latency_us"].update(p99=10**400),
        lambda record: record["models"][0]["runs"][0].update(ratio=1e300),
        lambda record: record["models"][0]["runs"][0].update(ratio="1.0"),
        lambda record: record["models"][0].update(instructions=0),
        lambda record: record["models"][0].update(instructions=counted(float("nan"))),
        lambda record: record["models"][0].update(instructions=counted(0)),
        lambda record: record["models"][0].update(instructions={**counted(9), "features": None}),
        lambda record: record["models"][0].update(latencies_us=[10**400]),
        lambda record: record.update(reference=[{"model": "a", "ratio": 1.0, "interval": []}]),
        lambda record: record["models"][0]["latency_us"].pop("p90"),
        lambda record: record["models"][0].update(latency_us=None),
        lambda record: record["models"][0].update(model=7),
        lambda record: record["models"][0].update(threads="two"),
        lambda record: record.pop("schema_version"),
        lambda record: record.update(schema_version=2),
        lambda record: record.update(schema_version="3"),
    ],
)
def test_damaged_report_is_refused_in_one_line(change: Change, save: Save) -> None:
    good = save("old.json", report(model("a", 1.0)))
    bad = save("new.json", report(model("a", 1.0)), change)
    with pytest.raises(IntegrityError) as caught:
        compare_reports(good, bad)
    assert str(caught.value).startswith(f"{bad}: ")
    assert "Error(" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"not json", b"[]", b"3", b"\xff\xfe\x00", b"[" * 100_000, b'{"schema_version": {}}']
)
def test_file_that_is_not_a_report_is_refused(data: bytes, save: Save, tmp_path: Path) -> None:
    good = save("old.json", report(model("a", 1.0)))
    (tmp_path / "new.json").write_bytes(data)
    with pytest.raises(IntegrityError, match=r"new\.json: "):
        compare_reports(good, tmp_path / "new.json")


def test_report_of_another_command_is_not_called_an_old_one(save: Save) -> None:
    good = save("old.json", report(model("a", 1.0)))
    compared = save("compared.json", compare_reports(good, good).to_dict())
    with pytest.raises(IntegrityError, match=r"compared\.json: not a JSON report of `edge-mnist bench` \(no env\)"):
        compare_reports(good, compared)


def test_report_with_a_byte_order_mark_is_read(save: Save, tmp_path: Path) -> None:
    good = save("old.json", report(model("a", 1.0)))
    (tmp_path / "marked.json").write_text(good.read_text("utf-8"), "utf-8-sig")
    assert compare_reports(good, tmp_path / "marked.json").changes[0].verdict == "same"


def test_missing_file_and_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.json: cannot be opened"):
        compare_reports(tmp_path / "absent.json", tmp_path / "absent.json")
    with pytest.raises(UsageError, match="cannot be opened"):
        compare_reports(tmp_path, tmp_path)


def test_compare_prints_a_table_or_json_and_exits_7(save: Save, run_here: Callable[..., Any]) -> None:
    old = save("old.json", report(model("a" * 60, 10.0), model("b", 10.0)))
    new = save(
        "new.json", report(model("a" * 60, 13.0), model("b", 10.0)), lambda record: record["warnings"].append("busy")
    )
    finished = run_here("compare", old, new)
    assert finished.code == 7
    assert finished.err.splitlines()[-1].startswith(f"edge-mnist: error: {'a' * 60}: p50 went from")
    assert "busy" in finished.err
    assert max(map(len, finished.out.splitlines())) <= 80
    assert "p50, p90, p99: of the plain latency, which also varies with the machine." in finished.out
    assert run_here("compare", old, new, "--max-regression", "50%").code == 0
    as_json = run_here("compare", old, new, "--json")
    assert as_json.code == 7
    assert [change["verdict"] for change in as_json.json["models"]] == ["regression", "same"]
    assert as_json.json["schema_version"] == 2


def test_compare_reads_a_report_of_bench(run_here: Callable[..., Any], tmp_path: Path) -> None:
    finished = run_here("bench", "nano", "--json", "--samples", "50", "--no-startup", env={"EDGE_MNIST_DATA": ""})
    assert finished.code == 0, finished.err
    (tmp_path / "now.json").write_text(finished.out)
    compared = run_here("compare", tmp_path / "now.json", tmp_path / "now.json", "--json", "--lenient")
    assert compared.code == 0, compared.err
    assert compared.json["models"][0]["ratio"]["p50"] == 1
