"""Shipped models on an x86 processor with AVX2 but without VNNI, where onnxruntime's int8 sums can saturate.

QEMU emulates such a processor on any x86-64 machine. Sessions have default options, as in another program.
"""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, BUNDLED_MODELS
from edge_mnist_runtime.doctor.saturation import ACTIVATION, CHANNELS, SATURATION_MODEL, SIDE, find_wrong_layers

EMULATOR = "qemu-x86_64-static"

ANSWER = """
import sys
import numpy as np, onnxruntime
answers = {}
images, *models = sys.argv[2:]
for model in models:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    answers[model] = session.run(None, {name: np.load(images)})[0]
np.savez(sys.argv[1], **answers)
"""


@pytest.fixture(scope="module")
def answer_without_vnni(run_script, tmp_path_factory):
    """Run models over images in default sessions on the emulated processor: outputs by path."""
    if platform.machine() != "x86_64":
        pytest.skip(f"needs an x86-64 Python to emulate another x86, this is {platform.machine()}")
    emulator = shutil.which(EMULATOR)
    if emulator is None:
        pytest.skip(f"needs {EMULATOR}: apt-get install qemu-user-static")

    def answer(images, *models):
        folder = tmp_path_factory.mktemp("haswell")
        np.save(folder / "images.npy", images)
        run_script(ANSWER, folder / "answers.npz", folder / "images.npy", *models, prefix=(emulator, "-cpu", "Haswell"))
        return np.load(folder / "answers.npz")

    return answer


def test_emulated_processor_saturates(answer_without_vnni):
    """Else the other test would prove nothing."""
    image = np.full((1, SIDE, SIDE, CHANNELS), ACTIVATION, np.uint8)
    sums = answer_without_vnni(image, SATURATION_MODEL)[str(SATURATION_MODEL)][0].astype(np.float64)
    wrong = find_wrong_layers(sums)
    assert wrong
    assert all(part == pytest.approx(0.51, abs=0.02) for part in wrong.values()), wrong  # 32,767 of 64,770


def test_shipped_models_answer_there_as_recorded(answer_without_vnni):
    golden = np.load(BUNDLED_GOLDEN, allow_pickle=False)
    answers = answer_without_vnni(golden["images"], *BUNDLED_MODELS.values())
    off = {
        Path(path).name: float(np.abs(answers[path] - golden[f"probabilities/{Path(path).name}"]).max())
        for path in BUNDLED_MODELS.values()
    }
    assert max(off.values()) < 1e-6, off
