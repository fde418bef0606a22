"""`edge-mnist doctor`: what makes a device fit, what does not, and what it says of each."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packaging.specifiers import SpecifierSet

from edge_mnist_runtime.bundles import verification
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, BUNDLED_MODELS
from edge_mnist_runtime.bundles.verification import ReplayResult, replay_bundled
from edge_mnist_runtime.doctor import checks as fitness
from edge_mnist_runtime.doctor.checks import (
    FAILED,
    OK,
    WARNING,
    Finding,
    FitnessReport,
    check_answers,
    check_instruction_sets,
    check_sums,
    check_versions,
    judge_replay,
    rank_latencies,
    require_fit,
)
from edge_mnist_runtime.doctor.requirements import find_unmet, read_requirements
from edge_mnist_runtime.doctor.saturation import (
    FILTERS,
    LAYERS,
    SaturationResult,
    check_saturation,
    exact_sums,
    find_wrong_layers,
)
from edge_mnist_runtime.errors import CorruptModelError, IntegrityError, MissingExtraError, UnfitDeviceError

RunCli = Callable[..., Any]


def replay(**changes: Any) -> ReplayResult:
    good = {"file": "edge_int8.onnx", "backend": "onnxruntime", "skipped": None, "n": 40, "same_digits": 40}
    return ReplayResult(**{**good, "max_abs_probability_diff": 0.0, "identical": 40, **changes})


# answers


def test_golden_vectors_are_of_the_bundled_models() -> None:
    """After a bundled model has changed: make golden."""
    results = replay_bundled()
    models = [result.file for result in results if result.file.endswith(".onnx")]  # beside libraries, if there are any
    assert models == [Path(path).name for path in BUNDLED_MODELS.values()]
    assert all(result.passed for result in results)


def write_golden(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    golden = dict(np.load(io.BytesIO(Path(BUNDLED_GOLDEN).read_bytes())))
    change(golden)
    np.savez(path, allow_pickle=False, **golden)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda golden: golden.update({"sha256/nano_int8.onnx": np.array("0" * 64)}),
            "made for another nano_int8.onnx",
        ),
        (lambda golden: golden.pop("sha256/nano_int8.onnx"), "cannot be read"),
        (lambda golden: golden.pop("images"), "cannot be read"),
        (lambda golden: golden.update(images=golden["images"][:3]), "cannot be read"),
    ],
)
def test_golden_vectors_of_other_models_fail(
    change: Callable[[dict[str, Any]], Any], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_golden(tmp_path / "golden.npz", change)
    monkeypatch.setattr(verification, "BUNDLED_GOLDEN", tmp_path / "golden.npz")
    with pytest.raises(IntegrityError, match=said):
        replay_bundled()
    answers = check_answers(None)
    assert [finding.status for finding in answers.findings] == [FAILED]
    assert (answers.missing_extra, answers.saturating) == (None, None)


def test_other_answers_than_recorded_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def roll(golden: dict[str, Any]) -> None:
        golden["probabilities/edge_int8.onnx"] = np.roll(golden["probabilities/edge_int8.onnx"], 1, axis=1)

    write_golden(tmp_path / "golden.npz", roll)
    monkeypatch.setattr(verification, "BUNDLED_GOLDEN", tmp_path / "golden.npz")
    findings = check_answers(None).findings
    assert [finding.status for finding in findings].count(FAILED) == 1


@pytest.mark.parametrize("data", [b"", b"no archive", None])
def test_golden_file_that_is_none_fails(data: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if data is not None:
        (tmp_path / "golden.npz").write_bytes(data)
    monkeypatch.setattr(verification, "BUNDLED_GOLDEN", tmp_path / "golden.npz")
    with pytest.raises(IntegrityError, match=r"golden\.npz: cannot be read"):
        replay_bundled()


@pytest.mark.parametrize(
    ("result", "status", "said"),
    [
        (replay(), OK, "40 golden digits as recorded, bit by bit"),
        (
            replay(identical=38, max_abs_probability_diff=0.01),
            WARNING,
            "only 38 bit by bit; probabilities off by up to 0.010",
        ),
        (replay(same_digits=39), FAILED, "39 of 40 golden digits"),
        (replay(max_abs_probability_diff=0.2), FAILED, "off by up to 0.200"),
        (replay(backend=None, skipped="no LiteRT", same_digits=0), WARNING, "not replayed. no LiteRT"),
    ],
)
def test_replay_is_judged_bit_by_bit(result: ReplayResult, status: str, said: str) -> None:
    finding = judge_replay(result)
    assert finding.status == status
    assert said in finding.detail


def test_bundle_of_which_nothing_runs_without_an_extra_exits_3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    skipped = replay(file="edge_int8.tflite", backend=None, skipped="no LiteRT", same_digits=0)
    monkeypatch.setattr(fitness, "verify_bundle", lambda _folder: (skipped,))
    monkeypatch.setattr(fitness.Manifest, "load", lambda _folder: None)
    report = fitness.examine_device(tmp_path)
    with pytest.raises(MissingExtraError, match=r"\[litert\]"):
        require_fit(report)
    monkeypatch.setattr(fitness, "verify_bundle", lambda _folder: (skipped, replay()))
    assert check_answers(tmp_path).missing_extra is None


# sums


def test_this_package_runs_sums_exactly() -> None:
    assert check_saturation().wrong == {}
    assert check_sums(["old_int8.onnx"]).status in (OK, WARNING)


def test_files_that_cannot_saturate_need_no_look_at_the_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(fitness, "check_saturation")
    finding = check_sums(check_answers(None).saturating or ())
    assert (finding.status, finding.detail) == (OK, "none of these files can saturate, on any processor")


def expected_output() -> np.ndarray:
    return np.where(np.arange(FILTERS) < FILTERS // 2, 1.0, -1.0).repeat(len(LAYERS)).reshape(FILTERS, -1).T.ravel()


def test_exact_sums_find_nothing_wrong() -> None:
    assert np.array_equal(np.sign(exact_sums()), expected_output())
    assert exact_sums().max() == 6 * 6 * 16 * 255 * 127
    assert find_wrong_layers(expected_output()) == {}
    assert find_wrong_layers(expected_output() * 1.01) == {}  # one step


@pytest.mark.parametrize("part", [32767 / (2 * 255 * 127), 0.0, 0.97, 1.03, -1.0])
def test_sums_that_are_off_are_found_in_their_layer(part: float) -> None:
    found = expected_output()
    found[FILTERS : FILTERS + 3] *= part
    assert find_wrong_layers(found) == {"1 x 1 convolution": pytest.approx(part, abs=0.001)}


@pytest.mark.parametrize(
    ("result", "status", "said"),
    [
        (SaturationResult({}, {}), WARNING, "exact here; old_int8.onnx: its int8 sums can saturate in other programs"),
        (SaturationResult({}, {"dense layer": 0.51}), WARNING, "old_int8.onnx in onnxruntime on this processor need"),
        (
            SaturationResult({"dense layer": 0.51}, {"dense layer": 0.51}),
            FAILED,
            "gives 51% of its sum; export old_int8.onnx again",
        ),
    ],
)
def test_saturation_is_judged(
    result: SaturationResult, status: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitness, "check_saturation", lambda: result)
    finding = check_sums(["old_int8.onnx"])
    assert finding.status == status
    assert said in finding.detail


def test_model_of_sums_that_cannot_be_read_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise CorruptModelError("saturation.onnx: broken")

    monkeypatch.setattr(fitness, "check_saturation", fail)
    assert check_sums(["old_int8.onnx"]).status == FAILED


# processor and versions


@pytest.mark.parametrize(
    ("sets", "status", "said"),
    [
        (["avx2", "avx512_vnni"], OK, "int8 dot products (avx512_vnni)"),
        (["asimd", "asimddp"], OK, "asimddp"),
        (["avx2"], WARNING, "(avx2): no int8 dot products"),
        ([], WARNING, "no vectors"),
        (None, WARNING, "does not say"),
    ],
)
def test_processor_is_judged_by_its_int8_dot_products(sets: list[str] | None, status: str, said: str) -> None:
    finding = check_instruction_sets({"cpu": "A processor", "instruction_sets": sets})
    assert finding.status == status
    assert said in finding.detail


def test_requirements_are_the_distributions_own() -> None:
    limits = read_requirements()
    assert {"python", "numpy", "onnxruntime", "pillow"} <= set(limits)
    assert "ai-edge-litert" not in limits
    assert "ai-edge-litert" in read_requirements(("litert",))
    assert str(limits["numpy"]).startswith(">=")


def test_unmet_requirements_are_named() -> None:
    asked = {"python": ">=99", "numpy": ">=1", "no-such-package": ">=2"}
    unmet = find_unmet({name: SpecifierSet(text) for name, text in asked.items()})
    assert len(unmet) == 2
    assert unmet[0].endswith("; >=99 is needed")
    assert unmet[1] == "no-such-package is not installed; >=2 is needed"


def test_versions_of_a_source_tree_that_is_not_installed_are_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitness, "read_requirements", lambda _extras: {})
    assert check_versions({"versions": {}}).status == WARNING


# the whole


def test_failed_check_makes_a_device_unfit_and_is_named() -> None:
    findings = (Finding("a", OK, ""), Finding("b", FAILED, "because"), Finding("c", FAILED, ""))
    with pytest.raises(UnfitDeviceError, match=r"b: because \(and 1 more\)") as caught:
        require_fit(FitnessReport(findings, {}))
    assert caught.value.exit_code == 6
    require_fit(FitnessReport((Finding("a", WARNING, ""),), {}))


def test_ranking_is_fastest_first_and_leaves_out_what_is_not_known() -> None:
    assert rank_latencies(["a", "b", "c"], [[3.0] * 20, [1.0] * 20, [2.0]]) == "b 1.0 us, a 3.0 us"
    assert rank_latencies(["a"], [[]]) == "too slow for a short measurement"


def test_doctor_finds_this_machine_fit(run_cli: RunCli) -> None:
    finished = run_cli("doctor")
    assert (finished.code, finished.err) == (0, "")
    assert max(map(len, finished.out.splitlines())) <= 80
    for part in ("versions", "processor", "robust_int8.onnx", "int8 sums", "fastest"):
        assert part in finished.out


def test_doctor_prints_json_alone(run_cli: RunCli) -> None:
    finished = run_cli("doctor", "--json")
    assert (finished.code, finished.err) == (0, "")
    assert finished.json["schema_version"] == 1
    assert finished.json["fit"] is True
    assert {"check", "status", "detail"} == set(finished.json["checks"][0])
    assert finished.json["env"]["cpu"]


@pytest.mark.slow
def test_doctor_replays_and_ranks_a_bundle(run_cli: RunCli, reference_bundle: Path) -> None:
    finished = run_cli("doctor", reference_bundle, "--json")
    assert finished.code == 0, finished.err
    fastest = finished.json["checks"][-1]["detail"]
    assert "in litert" in fastest
    assert "in onnxruntime" in fastest


@pytest.mark.slow
def test_doctor_of_a_damaged_bundle_exits_6(
    bundle_copy: Path, flip_byte: Callable[[Path], None], run_cli: RunCli
) -> None:
    path = next(bundle_copy.glob("*_int8.onnx"))
    flip_byte(path)
    finished = run_cli("doctor", bundle_copy)
    assert finished.code == 6
    assert path.name in finished.err
    assert finished.err.count("\n") == 1
    assert "FAILED" in finished.out
