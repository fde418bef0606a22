"""A message names a parameter for whoever calls the library, and the option for whoever runs a command."""

from __future__ import annotations

import pytest

from edge_mnist_runtime.bench.config import BenchmarkConfig
from edge_mnist_runtime.commands.option_names import learn_options, name_options
from edge_mnist_runtime.dataset import find_mnist_folder
from edge_mnist_runtime.errors import LONGEST_REASON, DataNotFoundError, UsageError, first_line


class Parameter:
    """The part of typer's parameter that is read."""

    def __init__(self, name: str, *opts: str) -> None:
        self.name, self.opts = name, opts


def test_library_names_a_parameter_where_the_command_names_its_option(run_here):
    with pytest.raises(UsageError, match=r"^`batch_sizes` must be one or more sizes of at least 1, not \(0,\)$"):
        BenchmarkConfig(batch_sizes=(0,))
    finished = run_here("bench", "--batch", "0")
    assert finished.code == 2
    assert finished.err == "edge-mnist: error: --batch must be one or more sizes of at least 1, not (0,)\n"


def test_folder_that_is_missing_was_named_by_a_parameter_or_an_option(run_here, tmp_path):
    absent = tmp_path / "absent"
    with pytest.raises(DataNotFoundError, match=r"no such folder \(from `data`\)"):
        find_mnist_folder(absent)
    assert "no such folder (from --data)" in run_here("bench", "--data", absent).err


def test_a_switch_is_named_without_its_value():
    learn_options([Parameter("unsafe", "--unsafe"), Parameter("output", "-o", "--output"), Parameter("model", "model")])
    assert name_options("add `unsafe=True`") == "add --unsafe"
    assert name_options("name another `output`") == "name another --output"


def test_what_is_no_option_of_the_command_stays_as_the_library_says_it():
    learn_options([Parameter("unsafe", "--unsafe"), Parameter("model", "model")])
    for message in ("add `force=True`", "name a `model`", "make it with `edge-mnist export`", "unsafe"):
        assert name_options(message) == message


def test_options_of_the_last_command_are_forgotten():
    learn_options([Parameter("unsafe", "--unsafe")])
    learn_options([])
    assert name_options("add `unsafe=True`") == "add `unsafe=True`"


def test_reason_that_was_cut_leads_to_its_cause_or_to_the_option_that_shows_it():
    reason = first_line(ValueError("x" * (LONGEST_REASON + 1)))
    assert reason == f"{'x' * LONGEST_REASON}... (the error's cause says all)"
    assert name_options(reason) == f"{'x' * LONGEST_REASON}... (--debug shows all)"
