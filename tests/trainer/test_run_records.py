"""Writing and reading run.json, and refusing a damaged one in one line."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest

from edge_mnist_runtime.errors import IntegrityError
from edge_mnist_trainer.networks.reference_models import REFERENCE_MODELS, find_reference_model
from edge_mnist_trainer.run_record import (
    Acceptance,
    BestEpoch,
    DefinitionRecord,
    Epoch,
    OtherDigitsReport,
    RunRecord,
    StartRecord,
)
from edge_mnist_trainer.typed_json import parse_record


@pytest.fixture
def whole(make_run_record) -> RunRecord:
    """A record with every optional field."""
    begun = make_run_record()
    return replace(
        begun,
        status="completed",
        started_from=StartRecord("0123", {"architecture": "edge"}),
        dataset=replace(begun.dataset, notes=("read column by column",), picture_reading=DefinitionRecord(7, "4567")),
        best=BestEpoch(1, 0.5),
        epochs=(Epoch(1, 0.5, 1.0, 0.5, 1.0),),
        other_digits=OtherDigitsReport(0.5, 0.25, {"blur": 1.0, "noise": 0.5}),
        acceptance=Acceptance(0.5, 0.01, {"letters": 0.9}),
    )


def test_record_is_read_back_as_it_was(whole, make_run_record):
    for record in (whole, make_run_record()):
        assert RunRecord.from_json(record.to_json()) == record
        assert RunRecord.from_json(record.to_json()).to_json() == record.to_json()


def test_empty_optional_fields_are_left_out(make_run_record):
    content = make_run_record().to_dict()
    assert content["schema_version"] == 2
    assert not {"other_digits", "acceptance"} & content.keys()
    assert content["dataset"].keys() == {"name", "splits", "left_out"}


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_records_of_the_reference_models_are_read(name):
    path = find_reference_model(name).with_suffix(".json")
    record, content = RunRecord.load(path, remedy="none"), json.loads(path.read_text())
    assert (record.architecture, record.status) == (name, "completed")
    written = record.to_dict()
    assert [written["best"], written.get("acceptance"), written["other_digits"]] == [
        content["best"],
        content.get("acceptance"),
        content["other_digits"],
    ]


DAMAGES = [
    ({"status": 3}, "status is 3; expected one of running, completed"),
    ({"schema_version": 1}, "schema version 1; expected 2"),
    ({"architecture": None}, "architecture is None; expected str"),
    ({"parameters": True}, "parameters is True; expected int"),
    ({"config": {"epochs": "ten"}}, "config.epochs is 'ten'; expected int"),
    ({"config": {"epochs": 0}}, "config: "),
    ({"config": {"augmentation": {"affine": 7}}}, "config.augmentation.affine is 7; expected an object"),
    ({"dataset": {"name": "mnist"}}, "it has no dataset.splits"),
    ({"best": []}, "best is []; expected an object"),
    ({"epochs": {}}, "epochs is {}; expected a list"),
    ({"epochs": [{"epoch": 1}]}, "it has no epochs[0].accuracy"),
    ({"acceptance": {"least_confidence": 2, "rejected_digits": 0, "rejected_no_digits": {}}}, "acceptance: "),
    ({"versions": {"keras": None}}, "versions.keras is None; expected str"),
]


@pytest.mark.parametrize(("changes", "words"), DAMAGES, ids=[words for _, words in DAMAGES])
def test_damaged_record_is_refused_with_the_position_of_the_damage(whole, tmp_path, changes, words):
    path = tmp_path / "run.json"
    path.write_text(json.dumps({**whole.to_dict(), **changes}))
    assert_refused(path, f"{path}: not a readable record of a run ({words}")


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"config": 1}', "\xff", "[" * 100_000])
def test_text_that_is_not_a_record_is_refused(tmp_path, text):
    path = tmp_path / "run.json"
    path.write_bytes(text.encode("latin-1"))
    assert_refused(path, f"{path}: not a readable record of a run (")


def assert_refused(path: Path, start: str) -> None:
    with pytest.raises(IntegrityError) as caught:
        RunRecord.load(path, remedy="train again")
    message = str(caught.value)
    assert message.startswith(start)
    assert message.endswith("; train again")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 300


@dataclass(frozen=True)
class Inner:
    number: float
    word: str = "none"


@dataclass(frozen=True)
class Outer:
    items: tuple[Inner, ...]
    by_name: dict[str, Inner]
    maybe: Inner | None
    kind: Literal["a", "b"]
    anything: Any
    is_on: bool
    pair: tuple[int, str]


def test_nested_dataclasses_are_parsed_from_json():
    value = {
        "items": [{"number": 1, "unknown": 0}, {"number": 2.5, "word": "two"}],
        "by_name": {"x": {"number": 0}},
        "maybe": None,
        "kind": "b",
        "anything": [{"y": 1}],
        "is_on": True,
        "pair": [1, "one"],
    }
    items = (Inner(1), Inner(2.5, "two"))
    assert parse_record(Outer, value) == Outer(items, {"x": Inner(0)}, None, "b", [{"y": 1}], True, (1, "one"))
    assert parse_record(Outer, {**value, "maybe": {"number": 3}}).maybe == Inner(3)
    for name, wrong in (
        ("is_on", 1),
        ("kind", "c"),
        ("items", [{"number": True}]),
        ("by_name", []),
        ("maybe", 3),
        ("pair", [1]),
    ):
        with pytest.raises(ValueError, match=rf"^{name}.* is .*; expected "):
            parse_record(Outer, {**value, name: wrong})
