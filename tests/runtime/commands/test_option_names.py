"""Messages name a parameter in the library, and its option on the command line."""

from __future__ import annotations

import pytest

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.commands.option_names import learn_options, name_options, name_stored_options
from edge_mnist_runtime.dataset import find_mnist_folder
from edge_mnist_runtime.errors import LONGEST_REASON, DataNotFoundError, UsageError, first_line


class Parameter:
    """The attributes of a typer parameter that `learn_options` reads."""

    def __init__(self, name: str, *opts: str) -> None:
        self.name, self.opts = name, opts


def test_error_names_the_parameter_in_python_and_the_option_in_a_command(run_here):
    with pytest.raises(UsageError, match=r"^`batch_sizes` must be one or more sizes of 1\.\.10000, not 0$"):
        BenchmarkConfig(batch_sizes=(0,))
    finished = run_here("bench", "--batch", "0")
    assert finished.code == 2
    assert finished.err == "edge-mnist: error: --batch must be one or more sizes of 1..10000, not 0\n"


def test_missing_folder_names_the_parameter_or_the_option(run_here, tmp_path):
    absent = tmp_path / "absent"
    with pytest.raises(DataNotFoundError, match=r"no such folder \(from `data`\)"):
        find_mnist_folder(absent)
    assert "no such folder (from --data)" in run_here("bench", "--data", absent).err


def test_boolean_option_is_named_without_true():
    learn_options([Parameter("unsafe", "--unsafe"), Parameter("output", "-o", "--output"), Parameter("model", "model")])
    assert name_options("add `unsafe=True`") == "add --unsafe"
    assert name_options("name another `output`") == "name another --output"


def test_switch_that_is_on_by_default_is_named_by_its_opposite():
    learn_options([Parameter("startup", "--startup")])
    assert name_options("`startup=False` leaves it out") == "--no-startup leaves it out"


def test_number_of_a_parameter_follows_its_option():
    learn_options([Parameter("batch_sizes", "--batch")])
    assert (
        name_options("with `batch_sizes=9`, or by `bench` with `runs=5`")
        == "with --batch 9, or by `bench` with --runs 5"
    )


def test_message_in_a_report_names_options_of_the_command_that_wrote_it():
    learn_options([Parameter("threads", "--threads")])
    assert name_stored_options("measure with more `runs`") == "measure with more --runs"
    assert name_stored_options("`startup=False` leaves it out") == "--no-startup leaves it out"


def test_other_names_in_backticks_stay_unchanged():
    learn_options([Parameter("unsafe", "--unsafe"), Parameter("model", "model")])
    for message in ("name a `model`", "make it with `edge-mnist export`", "unsafe"):
        assert name_options(message) == message


def test_switch_of_another_command_is_named_as_an_option():
    learn_options([Parameter("output", "--output")])
    assert name_options("use `edge-mnist classify` with `raw=True`") == "use `edge-mnist classify` with --raw"
    assert name_options("`auto_mixed=True` may help") == "--auto-mixed may help"


def test_options_of_the_last_command_are_forgotten():
    learn_options([Parameter("batch_sizes", "--batch")])
    learn_options([])
    assert name_options("`batch_sizes` is wrong") == "`batch_sizes` is wrong"


def test_shortened_reason_points_to_the_cause_or_to_debug():
    reason = first_line(ValueError("x" * (LONGEST_REASON + 1)))
    assert reason == f"{'x' * LONGEST_REASON}... (the error's cause says all)"
    assert name_options(reason) == f"{'x' * LONGEST_REASON}... (--debug shows all)"
