"""The C program gives the same scores on an emulated Cortex-M0, which has plain loops, and M4, which has vectors."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.devices.chips import CHIPS, PACKAGES, find_missing_tool, run_on_chip
from benchmarks.devices.drawings import run_drawings
from edge_mnist_exporter.program.c_program import make_c_program
from edge_mnist_exporter.program.compiler import write_files
from edge_mnist_trainer.augment.strokes import draw_digits


@pytest.mark.slow
@pytest.mark.mnist
@pytest.mark.parametrize("chip", CHIPS[:2], ids=lambda chip: chip.name)
def test_emulated_chip_gives_the_scores_of_the_reference_kernels(chip, reference_bundle, tmp_path):
    if missing := find_missing_tool():
        pytest.skip(f"{missing} is not installed: apt-get install {PACKAGES}")
    tflite = (reference_bundle / "edge_int8.tflite").read_bytes()
    program = make_c_program(tflite, "edge_int8.c", max_ram_bytes=None)
    write_files(program.source, "edge", tmp_path)
    digits = draw_digits(1, seed=3)[0]
    run = run_on_chip(chip, tmp_path, "edge", digits, tmp_path / chip.cpu, flags=("-O2",))
    assert np.array_equal(run.scores, program.kernels.run_stored(digits))
    assert run.wrong_golden == 0
    assert run.flash_bytes < 26_500
    assert run.stack_bytes < 500
    assert program.source.arena_bytes < 6_500


@pytest.mark.slow
@pytest.mark.parametrize("chip", CHIPS[:2], ids=lambda chip: chip.name)
def test_emulated_chip_reads_drawings_as_python_does(chip, tmp_path):
    if missing := find_missing_tool():
        pytest.skip(f"{missing} is not installed: apt-get install {PACKAGES}")
    run, differing = run_drawings(chip, 48, ("-O2",), tmp_path, n=5)
    assert (differing, len(run.scores)) == (0, 5)
    assert run.stack_bytes < 700
    assert run.flash_bytes < 6_000
