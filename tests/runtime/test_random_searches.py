"""Hypothesis uses the same examples in every CI run, and new ones in each run on a workstation."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

CONFTEST = Path(__file__).parents[1] / "conftest.py"

LOAD_AND_PRINT = """
import sys
from importlib.util import module_from_spec, spec_from_file_location
from hypothesis import settings
spec = spec_from_file_location("conftest", sys.argv[1])
sys.modules["conftest"] = module = module_from_spec(spec)
spec.loader.exec_module(module)
print(settings(max_examples=7).derandomize, settings(max_examples=7).deadline)
"""


@pytest.mark.parametrize(("ci", "expected"), [("true", "True None"), ("", "False None")])
def test_examples_are_the_same_in_ci_alone(ci: str, expected: str, run_script: Callable[..., str]) -> None:
    assert run_script(LOAD_AND_PRINT, CONFTEST, env={"CI": ci}) == expected


def test_this_run_searches_as_it_should() -> None:
    assert settings(max_examples=7).deadline is None
    assert settings(max_examples=7).derandomize == bool(os.environ.get("CI"))
