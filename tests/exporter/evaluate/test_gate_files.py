"""Limits of gates from a file, and options that override it."""

from __future__ import annotations

import math

import pytest

from edge_mnist_exporter.config import ExportConfig
from edge_mnist_exporter.gate_config import GateConfig
from edge_mnist_runtime.errors import UsageError

EVERY_LIMIT = """
# Limits of this product.
[gate]
max_drop_points = 0.25
min_agreement = 0.995
max_probability_diff = 0.2
min_top1 = 0.99
min_int8_parity = 1
"""


@pytest.fixture
def gate_file(tmp_path):
    """Write a gate file."""

    def write(content: str | bytes):
        path = tmp_path / "limits.toml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_without_a_file_the_defaults_are_used():
    assert GateConfig.load(None) == GateConfig(0.5, 0.99, None, None, None)


def test_file_sets_every_limit(gate_file):
    assert GateConfig.load(gate_file(EVERY_LIMIT)) == GateConfig(0.25, 0.995, 0.2, 0.99, 1.0)


def test_limits_that_the_file_does_not_name_keep_their_defaults(gate_file):
    assert GateConfig.load(gate_file("[gate]\nmin_top1 = 0.9\n")) == GateConfig(min_top1=0.9)
    assert GateConfig.load(gate_file("[gate]\n")) == GateConfig()


def test_given_option_overrides_the_file(gate_file):
    loaded = GateConfig.load(gate_file(EVERY_LIMIT), max_drop_points=0.0, min_agreement=None, max_probability_diff=0.5)
    assert loaded == GateConfig(0.0, 0.995, 0.5, 0.99, 1.0)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[gate]\nmin_agrement = 0.9", ["[gate] 'min_agrement' is unknown", "min_agreement"]),
        ('[gate]\n"two\\nlines" = 1', ["[gate] 'two\\nlines' is unknown"]),
        ("[gate]\nmin_agreement = 0.9\n[gates]\nmin_top1 = 1", ["'gates' is unknown", "[gate]"]),
        ("min_agreement = 0.9", ["'min_agreement' is unknown", "[gate]"]),
        ("", ["no table [gate]"]),
        ("gate = 1", ["no table [gate]"]),
        ("[[gate]]\nmin_top1 = 1", ["no table [gate]"]),
        ("[gate]\nmin_agreement = '0.9'", ["[gate] min_agreement must be a number, not '0.9'"]),
        ("[gate]\nmin_agreement = true", ["[gate] min_agreement must be a number, not True"]),
        ("[gate]\nmin_agreement = [0.9]", ["[gate] min_agreement must be a number, not [0.9]"]),
        ("[gate]\nmin_top1 = 2024-01-01", ["[gate] min_top1 must be a number"]),
        ("[gate]\nmin_agreement = 99", ["[gate] min_agreement must be 0..1, not 99"]),
        ("[gate]\nmin_agreement = nan", ["[gate] min_agreement must be 0..1, not nan"]),
        ("[gate]\nmin_top1 = -0.1", ["[gate] min_top1 must be 0..1, not -0.1"]),
        ("[gate]\nmin_int8_parity = 1.5", ["[gate] min_int8_parity must be 0..1, not 1.5"]),
        ("[gate]\nmax_probability_diff = inf", ["[gate] max_probability_diff must be 0..1, not inf"]),
        ("[gate]\nmax_drop_points = 101", ["[gate] max_drop_points must be 0..100 percentage points, not 101"]),
        ("[gate]\nmin_top1 = 1" + "0" * 400, ["[gate] min_top1 must be 0..1, not 1000", "..."]),
        ("[gate\nmin_agreement = 0.9", ["not a TOML file"]),
        ("[gate]\nmin_top1 = 0.9\nmin_top1 = 0.8", ["not a TOML file"]),
        (b"[gate]\nname = '\xff\xfe'", ["not a TOML file"]),
        ("[gate]\nmin_top1 = " + "[" * 100_000, ["not a TOML file"]),
        (b"PK\x03\x04\x00\x00", ["not a TOML file"]),
    ],
)
def test_bad_file_is_refused_in_one_line_that_names_it(gate_file, content, words):
    path = gate_file(content)
    with pytest.raises(UsageError) as refused:
        GateConfig.load(path)
    message = str(refused.value)
    assert message.startswith(f"{path}: ")
    assert len(message.splitlines()) == 1
    assert len(message) < len(str(path)) + 300
    assert all(word in message for word in words), message


def test_bad_value_in_the_file_is_refused_even_if_an_option_overrides_it(gate_file):
    with pytest.raises(UsageError, match=r"\[gate\] min_agreement must be 0\.\.1"):
        GateConfig.load(gate_file("[gate]\nmin_agreement = 7"), min_agreement=0.9)


def test_file_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(UsageError, match=rf"^{path}: cannot be read \(.*\); expected a TOML file$"):
            GateConfig.load(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_drop_points", -1),
        ("max_drop_points", 100.5),
        ("max_drop_points", math.nan),
        ("min_agreement", 2),
        ("min_agreement", -0.1),
        ("min_agreement", math.nan),
        ("max_probability_diff", 1.01),
        ("min_top1", -0.01),
        ("min_int8_parity", math.inf),
    ],
)
def test_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(UsageError, match=rf"^`{name}` must be 0\.\..*{value:g}$"):
        GateConfig(**{name: value})


def test_ends_of_the_ranges_are_accepted():
    GateConfig(0, 0, 0, 0, 0)
    GateConfig(100, 1, 1, 1, 1)


def test_parity_limit_without_two_int8_files_is_refused():
    gates = GateConfig(min_int8_parity=0.9)
    with pytest.raises(UsageError, match=r"min_int8_parity .* `precisions` fp32 writes none"):
        ExportConfig(precisions=("fp32",), gates=gates)
    ExportConfig(precisions=("fp32", "int8"), gates=gates)
