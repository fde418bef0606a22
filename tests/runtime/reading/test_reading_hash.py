"""The hash of picture reading covers every parameter."""

from __future__ import annotations

from edge_mnist_runtime.reading.parameters import PICTURE_READING


def test_hash_changes_with_every_parameter_of_every_group() -> None:
    groups = {name: group for name, group in PICTURE_READING._asdict().items() if name != "version"}
    changed = [
        PICTURE_READING._replace(**{name: group._replace(**{field: None})})
        for name, group in groups.items()
        for field in group._fields
    ]
    changed.append(PICTURE_READING._replace(version=0))
    hashes = {one.to_dict()["sha256"] for one in (PICTURE_READING, *changed)}
    assert len(hashes) == 1 + len(changed) > 150


def test_equal_parameters_have_the_same_hash() -> None:
    again = PICTURE_READING._replace(lines=PICTURE_READING.lines._replace())
    assert again.to_dict() == PICTURE_READING.to_dict()
