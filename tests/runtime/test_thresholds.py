"""Confidence thresholds by name and by number: what is refused, what a file records, what is rejected."""

from __future__ import annotations

import json
import math
import pickle

import numpy as np
import onnx
import pytest
from PIL import Image, ImageDraw

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL
from edge_mnist_runtime.contract import METADATA_KEY, ModelContract
from edge_mnist_runtime.errors import ContractError, UsageError
from edge_mnist_runtime.predictions import SURE
from edge_mnist_runtime.thresholds import MAX_REJECTED, Thresholds, find_threshold

NAMED = Thresholds(lenient=0.25, balanced=0.5, strict=0.75)


@pytest.mark.parametrize(
    "asked", ["best", "", "Strict", "0.5", -0.1, 1, 1.5, math.nan, 10**400, math.inf, True, [0.5], b"strict"]
)
def test_unknown_name_or_number_out_of_range_is_refused(asked):
    with pytest.raises(
        UsageError, match=r"`least_confidence` must be lenient, balanced, strict, or a number from 0 to below 1"
    ):
        DigitClassifier(least_confidence=asked)


@pytest.mark.parametrize("values", [(0.5, 0.25, 0.75), (0.25, 0.5, 1.0), (-0.1, 0.5, 0.75), (math.nan, 0.5, 0.75)])
def test_thresholds_that_do_not_ascend_in_0_to_1_are_refused(values):
    with pytest.raises(ValueError, match="thresholds are lenient"):
        Thresholds(*values)


def test_names_numbers_and_nothing_give_a_threshold():
    def find(asked):
        return find_threshold(asked, recorded=0.6, thresholds=NAMED, origin="model.onnx")

    assert [find(name) for name in MAX_REJECTED] == [0.25, 0.5, 0.75]
    assert [find(0), find(0.9), find(None)] == [0.0, 0.9, 0.6]


def test_older_file_knows_only_balanced():
    def find(asked, recorded):
        return find_threshold(asked, recorded=recorded, thresholds=None, origin="old.onnx")

    assert find("balanced", 0.6) == 0.6
    with pytest.raises(UsageError, match=r"`least_confidence` strict: old\.onnx records only balanced, 0\.6"):
        find("strict", 0.6)
    with pytest.raises(UsageError, match=r"`least_confidence` balanced: old\.onnx records no threshold"):
        find("balanced", None)


@pytest.mark.parametrize("model", BUNDLED_MODELS)
def test_bundled_models_record_every_threshold(model):
    contract = DigitClassifier(model).engine.contract
    assert contract.thresholds is not None
    assert contract.least_confidence == contract.thresholds.balanced
    assert contract.thresholds.lenient < contract.thresholds.balanced < contract.thresholds.strict


def test_strict_rejects_what_lenient_accepts(classifier):
    thresholds = classifier.engine.contract.thresholds
    images = np.random.default_rng(0).integers(0, 256, (4000, 28, 28, 1), np.uint8) // 8
    images[:, 6:22, 12:16] = 255  # bars of ones in noise
    readers = {name: DigitClassifier(least_confidence=name) for name in MAX_REJECTED}
    n_accepted = {name: sum(one.accepted for one in reader.predict_batch(images)) for name, reader in readers.items()}
    confidences = [one.confidence for one in DigitClassifier(least_confidence=0.0).predict_batch(images)]
    assert n_accepted == {name: sum(c >= getattr(thresholds, name) for c in confidences) for name in MAX_REJECTED}


def test_info_reports_the_threshold_in_use(classifier):
    asked = DigitClassifier(least_confidence="strict")
    assert asked.info().least_confidence == asked.info().thresholds.strict > classifier.info().least_confidence
    assert pickle.loads(pickle.dumps(asked)).info() == asked.info()


def test_one_picture_and_a_batch_use_the_same_threshold():
    picture = np.zeros((28, 28), np.uint8)
    picture[4:24, 12:15] = 255
    reader = DigitClassifier(least_confidence=0.999)
    single = DigitClassifier(least_confidence=0.0).predict(picture)
    assert single.accepted
    assert (
        reader.predict(picture).accepted == reader.predict_batch([picture])[0].accepted == (single.confidence >= 0.999)
    )


@pytest.mark.parametrize("least", [0.0, 0.25, 0.5])
def test_confidence_of_a_doubtful_picture_does_not_depend_on_the_threshold(least):
    picture = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(picture).line([(30, 20), (70, 20), (30, 50), (70, 80), (30, 80), (40, 45)], 0, 9)
    usual = DigitClassifier(least_confidence=0.75).predict(picture)
    assert usual.confidence < SURE, "it is looked at again"
    reader = DigitClassifier(least_confidence=least)
    assert reader.predict(picture).confidence == usual.confidence
    assert reader.predict_batch([picture])[0].confidence == usual.confidence


def test_number_beyond_the_range_is_shown_in_full():
    with pytest.raises(UsageError, match=r"not 1\.0000001$"):
        DigitClassifier(least_confidence=1.0000001)


def older_contract(**changes):
    fields = json.loads(DigitClassifier().engine.contract.to_json())
    del fields["thresholds"]
    return json.dumps({**fields, **changes})


def test_contract_of_schema_4_has_no_thresholds():
    contract = ModelContract.from_json(older_contract(schema_version=4), origin="old.onnx")
    assert contract.thresholds is None


@pytest.mark.parametrize(
    "damaged", [[0.1, 0.2, 0.3], {"lenient": 0.1}, {"lenient": "a", "balanced": 0.5, "strict": 0.6}, "strict", 0.5]
)
def test_damaged_thresholds_are_refused(damaged):
    with pytest.raises(ContractError, match=r"old\.onnx: malformed contract"):
        ModelContract.from_json(older_contract(thresholds=damaged), origin="old.onnx")


@pytest.fixture(scope="module")
def older_file(tmp_path_factory):
    """The bundled model as a version without named thresholds wrote it."""
    model = onnx.load(BUNDLED_MODELS[DEFAULT_MODEL])
    del model.metadata_props[:]
    model.metadata_props.add(key=METADATA_KEY, value=older_contract(schema_version=4))
    path = tmp_path_factory.mktemp("older") / "old.onnx"
    onnx.save(model, path)
    return path


def test_classify_refuses_a_name_that_the_file_does_not_know(run_here, older_file, samples_folder):
    finished = run_here("classify", samples_folder, "--model", older_file, "--least-confidence", "strict")
    assert finished.code == 2
    assert f"--least-confidence strict: {older_file} records only balanced" in finished.err
    assert run_here("classify", samples_folder, "--model", older_file, "--least-confidence", "balanced").code == 0


@pytest.mark.parametrize("command", ["classify", "read"])
@pytest.mark.parametrize("asked", ["best", "1", "-1", "nan"])
def test_commands_refuse_what_is_no_threshold(run_here, samples_folder, command, asked):
    finished = run_here(command, samples_folder / "9-photograph.jpg", f"--least-confidence={asked}")
    assert finished.code == 2
    assert "--least-confidence must be lenient, balanced, strict, or a number from 0 to below 1" in finished.err


def test_read_marks_digits_below_the_threshold(run_here, classifier, samples_folder):
    pictures = sorted(samples_folder.iterdir())
    found = [classifier.read_row(picture).digits[0].prediction.confidence for picture in pictures]
    least = min(found)
    picture = pictures[found.index(least)]
    assert run_here("read", picture, f"--least-confidence={(1 + least) / 2}").out.startswith("?")
    assert run_here("read", picture, "--least-confidence", "lenient").out.startswith(picture.name[0])


def test_info_shows_the_thresholds(run_here, older_file):
    shown = run_here("info").out
    recorded = DigitClassifier().engine.contract.thresholds
    assert f"lenient {recorded.lenient:g}, balanced {recorded.balanced:g}, strict {recorded.strict:g}" in shown
    assert run_here("info", "--json").json["files"][0]["thresholds"]["strict"] == recorded.strict
    assert "thresholds       none: export it again" in run_here("info", older_file).out
