"""The library gives the same scores on an emulated ARM64 computer."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.devices.libraries import COMPUTERS, find_missing_part, run_library
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.targets import TARGETS
from edge_mnist_trainer.augment.strokes import draw_digits

NANO = Path(__file__).parents[2] / "exporter" / "edge_mnist_exporter" / "models" / "nano_int8.tflite"


@pytest.mark.slow
@pytest.mark.parametrize("target", COMPUTERS)
def test_emulated_computer_gives_the_scores_of_the_reference_kernels(target):
    if missing := find_missing_part():
        pytest.skip(missing)
    program = make_c_program(NANO.read_bytes(), "nano_int8.c", max_ram_bytes=None)
    digits = draw_digits(1, seed=3)[0]
    run = run_library(program, TARGETS[target], digits, program.kernels.run_stored(digits))
    assert (run.n, run.differing) == (10, 0)
    assert run.instructions == {"aarch64-linux": "NEON", "armv7-linux": "NEON", "armv6-linux": "ARMv6"}[target]
