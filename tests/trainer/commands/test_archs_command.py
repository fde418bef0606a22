"""The command `edge-mnist archs`."""

from __future__ import annotations

import json

import pytest

from edge_mnist_trainer.networks.architectures import ARCHITECTURES, find_architecture
from edge_mnist_trainer.networks.size import measure_network

pytestmark = pytest.mark.slow


@pytest.fixture
def rows(run_here):
    ended = run_here("archs", "--json")
    assert (ended.code, ended.err) == (0, "")
    printed = json.loads(ended.out)
    assert printed["schema_version"] == 1
    return {row["name"]: row for row in printed["architectures"]}


def test_every_network_is_listed_with_its_size(rows):
    assert list(rows) == list(ARCHITECTURES)
    for name, row in rows.items():
        size = measure_network(find_architecture(name).build())
        assert row["parameters"] == size.parameters
        assert row["macs"] == size.macs
        assert row["int8_weights_bytes"] == size.int8_weights_bytes
        assert row["layers"] == size.layers
        assert row["epochs"] == find_architecture(name).config.epochs


def test_only_the_baselines_have_published_figures(rows):
    assert {name for name, row in rows.items() if row["published"]} == {"conv64-32", "conv32-64-64"}


def test_table_fits_a_terminal_without_ellipses(run_here):
    ended = run_here("archs")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in ended.out
    listed = [line.split()[0] for line in lines[1 : 1 + len(ARCHITECTURES)]]
    assert listed == list(ARCHITECTURES)
    for name, line in zip(ARCHITECTURES, lines[1:], strict=False):
        parameters = find_architecture(name).build().count_params()
        assert f" {parameters:,} " in line
    assert "edge-mnist train --arch NAME" in lines[-1]
