"""The gates check a file with its library's default options, and in the runtime package if that differs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.engines.onnx_session import OnnxSession
from edge_mnist_runtime.engines.opening import open_engine

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(convert, reference_source, drawn_images):
    return convert(reference_source, "onnx", "int8", drawn_images)


def test_default_session_has_no_option_of_ours(exported):
    options = exported.default_engine._session.get_session_options()
    plain = onnxruntime.SessionOptions()
    assert options.intra_op_num_threads == plain.intra_op_num_threads
    for key in ("session.x64quantprecision", "session.intra_op.allow_spinning"):
        with pytest.raises(RuntimeError):
            options.get_session_config_entry(key)


@pytest.fixture(scope="module")
def measured(reference_source, drawn_images):
    """Measure files on drawn digits: `measured(file, ...)`."""
    from edge_mnist_exporter.config import ExportConfig
    from edge_mnist_exporter.gate_config import GateConfig
    from edge_mnist_exporter.images.calibration import CalibrationSet
    from edge_mnist_exporter.measurement import measure
    from edge_mnist_runtime.dataset import LabelledDigits
    from edge_mnist_trainer.augment.strokes import draw_digits
    from edge_mnist_trainer.data.sources import DigitSource

    images, labels = draw_digits(10, seed=0)
    digits = LabelledDigits("drawn", "test", images, labels)

    def run(*files):
        return measure(
            reference_source,
            reference_source.probabilities(images),
            files,
            DigitSource(digits, digits, digits, None),
            calibration=CalibrationSet(images, {}),
            config=ExportConfig(gates=GateConfig(max_probability_diff=0.5)),
            rule=None,
            on_stage=lambda _stage: None,
        )

    return run


def test_equal_predictions_are_checked_once(exported, measured):
    report = measured(exported)
    assert [item.runtime_differences for item in report.artifacts] == [0]
    assert not any("runtime" in gate.name for gate in report.gates)


def test_other_predictions_in_the_runtime_are_counted_and_checked(exported, measured):
    """A file that saturates in a default session differs like this, because the runtime requests exact sums."""
    other = Path(BUNDLED_MODELS["nano"]).read_bytes()
    report = measured(replace(exported, engine=open_engine(other, file_name="nano.onnx")))
    (item,) = report.artifacts
    assert item.runtime_differences > 50
    default = OnnxSession.from_session(onnxruntime.InferenceSession(other, providers=["CPUExecutionProvider"]))
    swapped = measured(replace(exported, default_engine=default))
    assert values(report, "") == values(swapped, " in edge-mnist's runtime")
    assert values(swapped, "") == values(report, " in edge-mnist's runtime")


def values(report, place):
    """The values of the gates of the single file."""
    file = f"({report.artifacts[0].file}{place})"
    found = {gate.name.removesuffix(file): gate.value for gate in report.gates if gate.name.endswith(file)}
    assert found.keys() == {"drop_points", "agreement", "probability_diff"}
    return found
