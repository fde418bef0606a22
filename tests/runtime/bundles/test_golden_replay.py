"""`edge-mnist verify`: whole files, and the recorded answers."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime.bundles.verification import PROBABILITY_TOLERANCE, ReplayResult, require_replayed, verify_bundle
from edge_mnist_runtime.errors import GateError

Replace = Callable[[Path, str, bytes], None]


def change_golden(bundle: Path, replace: Replace, change: Callable[[dict[str, np.ndarray]], Any]) -> None:
    """Alter the golden vectors and give the manifest their new hash."""
    with np.load(bundle / "golden.npz") as stored:
        golden = dict(stored)
    change(golden)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **golden)
    replace(bundle, "golden.npz", buffer.getvalue())


@pytest.mark.slow
def test_reference_bundle_replays_its_answers(reference_bundle: Path) -> None:
    results = verify_bundle(reference_bundle)
    assert len(results) == 4
    for result in results:
        assert result.skipped is None
        assert result.passed
        assert result.same_digits == result.n > 0
    require_replayed(results, reference_bundle)


@pytest.mark.slow
def test_verify_prints_json_alone(reference_bundle: Path, run_here: Callable[..., Any]) -> None:
    finished = run_here("verify", reference_bundle, "--json")
    assert finished.code == 0
    assert finished.json["schema_version"] == 2
    assert [file["passed"] for file in finished.json["files"]] == [True] * 4


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["*_int8.onnx", "*_fp32.tflite", "golden.npz", "report.json", "MODEL_CARD.md"])
def test_flipped_byte_exits_6(
    pattern: str, bundle_copy: Path, flip_byte: Callable[[Path], None], run_here: Callable[..., Any]
) -> None:
    path = next(bundle_copy.glob(pattern))
    flip_byte(path)
    finished = run_here("verify", bundle_copy)
    assert finished.code == 6
    assert finished.err.count("\n") == 1
    assert path.name in finished.err


@pytest.mark.slow
def test_removed_file_exits_6(bundle_copy: Path, run_here: Callable[..., Any]) -> None:
    (bundle_copy / "report.json").unlink()
    finished = run_here("verify", bundle_copy)
    assert finished.code == 6
    assert "report.json" in finished.err


@pytest.mark.slow
def test_other_digits_than_recorded_exit_5(
    bundle_copy: Path, replace_in_bundle: Replace, run_here: Callable[..., Any]
) -> None:
    def roll(golden: dict[str, np.ndarray]) -> None:
        name = next(name for name in golden if name.endswith("_int8.onnx"))
        golden[name] = np.roll(golden[name], 1, axis=1)

    change_golden(bundle_copy, replace_in_bundle, roll)
    finished = run_here("verify", bundle_copy, "--json")
    assert finished.code == 5
    failed = [file["file"] for file in finished.json["files"] if not file["passed"]]
    assert len(failed) == 1
    assert failed[0].endswith("_int8.onnx")
    assert failed[0] in finished.err


@pytest.mark.slow
def test_other_probabilities_than_recorded_exit_5(
    bundle_copy: Path, replace_in_bundle: Replace, run_here: Callable[..., Any]
) -> None:
    def drift(golden: dict[str, np.ndarray]) -> None:
        for name, values in golden.items():
            if name.startswith("probabilities/"):
                golden[name] = values - np.float32(2 * PROBABILITY_TOLERANCE)  # the digits stay

    change_golden(bundle_copy, replace_in_bundle, drift)
    assert run_here("verify", bundle_copy).code == 5


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        lambda golden: golden.pop("images"),
        lambda golden: golden.pop(next(name for name in golden if name.endswith("_int8.onnx"))),
        lambda golden: golden.update({name: array[:0] for name, array in golden.items()}),
        lambda golden: golden.update({name: array[:3] for name, array in golden.items() if name != "images"}),
        lambda golden: golden.update(images=golden["images"][:, :14]),
        lambda golden: golden.update(images=golden["images"][..., 0]),
    ],
    ids=["no images", "no answers", "no vectors", "fewer answers than images", "half images", "images without channel"],
)
def test_golden_vectors_that_make_no_sense_exit_6(
    change: Callable[[dict[str, np.ndarray]], Any],
    bundle_copy: Path,
    replace_in_bundle: Replace,
    in_process_cli: Callable[..., int],
) -> None:
    change_golden(bundle_copy, replace_in_bundle, change)
    assert in_process_cli("verify", bundle_copy) == 6


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"", b"no archive", b"PK\x03\x04 no archive either"])
def test_golden_file_that_is_no_archive_exits_6(
    data: bytes, bundle_copy: Path, replace_in_bundle: Replace, in_process_cli: Callable[..., int]
) -> None:
    replace_in_bundle(bundle_copy, "golden.npz", data)
    assert in_process_cli("verify", bundle_copy) == 6


def test_bundle_of_which_nothing_ran_is_not_passed(tmp_path: Path) -> None:
    skipped = ReplayResult("edge_int8.tflite", None, "LiteRT is not installed", 40, 0, 0.0)
    for results in ((), (skipped,)):
        with pytest.raises(GateError, match="none of its files can run"):
            require_replayed(results, tmp_path)


@pytest.mark.parametrize(
    ("same_digits", "off", "passed"), [(40, 0.0, True), (40, 0.05, True), (40, 0.06, False), (39, 0.0, False)]
)
def test_replay_passes_by_digits_and_probabilities(same_digits: int, off: float, passed: bool) -> None:
    assert ReplayResult("edge_int8.onnx", "onnxruntime", None, 40, same_digits, off).passed is passed
