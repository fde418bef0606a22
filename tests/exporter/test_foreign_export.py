"""The command `edge-mnist export` for a classifier of other images, with good and bad input."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge_mnist_runtime import DigitClassifier
from edge_mnist_runtime.bundles.manifest import Manifest
from edge_mnist_runtime.classifier import open_model
from edge_mnist_runtime.errors import ContractError

pytestmark = pytest.mark.slow

LABELS = ("cat", "dog", "water vole", "owl", "newt")


@dataclass(frozen=True)
class Workplace:
    """A folder with the user's files."""

    folder: Path
    model: Any
    """The trained `keras.Model` in animals.keras."""

    def path(self, name: str) -> Path:
        return self.folder / name


@pytest.fixture(scope="module")
def here(draw_blobs, train_on, tmp_path_factory) -> Workplace:
    import keras
    from keras import layers

    folder = tmp_path_factory.mktemp("foreign")
    x_train, y_train = draw_blobs((32, 32, 3), 5, 256, seed=0)
    x_test, y_test = draw_blobs((32, 32, 3), 5, 100, seed=1)
    np.savez(folder / "animals.npz", x_train=x_train, y_train=y_train, x_test=x_test, y_test=y_test)
    np.savez(folder / "small.npz", x_train=x_train[:, ::2, ::2], y_train=y_train, x_test=x_test, y_test=y_test)
    (folder / "labels.txt").write_text("\n".join(LABELS))
    (folder / "four.txt").write_text("\n".join(LABELS[:4]))
    (folder / "empty").mkdir()

    keras.utils.set_random_seed(0)
    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, activation="relu")(layers.Rescaling(1 / 127.5, -1, name="rescaling")(image))
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    model = keras.Model(image, layers.Dense(5, activation="softmax")(x))
    train_on(model, x_train.astype(np.float32), y_train)
    model.save(folder / "animals.keras")
    return Workplace(folder, model)


@pytest.fixture
def command(here, capfd):
    """Run `edge-mnist ARGUMENTS` in this process, where TensorFlow runs already. Return code, output and errors."""
    from edge_mnist_runtime.commands.app import run

    def run_here(*arguments):
        code = run([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return run_here


@pytest.fixture(scope="module")
def bundle(here) -> Path:
    from edge_mnist_runtime.commands.app import run

    files = ("--data", here.path("animals.npz"), "--labels", here.path("labels.txt"), "-o", here.path("bundle"))
    assert run(list(map(str, ("export", here.path("animals.keras"), "--precision", "fp32,int8", *files)))) == 0
    return here.path("bundle")


def test_bundle_describes_the_model(bundle):
    manifest = Manifest.load(bundle)
    assert [artifact.file for artifact in manifest.artifacts] == [
        *("animals_fp32.tflite", "animals_fp32.onnx", "animals_int8.tflite", "animals_int8.onnx")
    ]
    assert (manifest.labels, manifest.preprocess) == (LABELS, None)
    report = json.loads((bundle / "report.json").read_text("utf-8"))
    assert (report["dataset"]["name"], report["dataset"]["split"], report["dataset"]["n"]) == (
        "animals.npz",
        "test",
        100,
    )
    assert (report["calibration"]["split"], report["calibration"]["n"]) == ("train", 256)
    assert len(report["calibration"]["indices_sha256"]) == 64
    assert report["source"]["notes"] == ["folded rescaling into the input"]
    card = (bundle / "MODEL_CARD.md").read_text("utf-8")
    assert "water vole" in card
    assert "handwritten" not in card


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
def test_int8_file_of_the_bundle_takes_raw_bytes(suffix, bundle, here):
    engine = open_model(bundle / f"animals_int8.{suffix}")
    assert (engine.inputs[0].dtype, engine.contract.image_shape, engine.contract.labels) == (
        "uint8",
        (32, 32, 3),
        LABELS,
    )
    images = np.load(here.path("animals.npz"))["x_test"]
    expected = here.model.predict(images.astype(np.float32), verbose=0)
    assert np.mean(engine.run(images).argmax(1) == expected.argmax(1)) >= 0.99


def test_bundle_is_verified(bundle, command):
    code, out, _ = command("verify", bundle)
    assert code == 0
    assert out.count("40 of 40 golden") == 4
    (bundle / "report.json").rename(bundle / "moved.json")
    assert command("verify", bundle)[0] == 6
    (bundle / "moved.json").rename(bundle / "report.json")


def test_bundle_and_its_files_are_described(bundle, command):
    for shown in (bundle, bundle / "animals_int8.onnx", bundle / "animals_int8.tflite"):
        code, out, _ = command("info", shown)
        assert code == 0
        assert "cat dog water vole owl newt" in out
        assert "scale 0.00784314, zero-point 128" in out
        code, out, _ = command("info", shown, "--json")
        assert {None} == {file["preprocess"] for file in json.loads(out)["files"]}


def test_digit_classifier_refuses_the_bundle(bundle, command):
    for shown in (bundle, bundle / "animals_int8.onnx"):
        with pytest.raises(
            ContractError, match=r"not a digit classifier \(images of \(32, 32, 3\), 5 classes\)"
        ) as refused:
            DigitClassifier(shown)
        assert str(shown) in str(refused.value)
    code, _, err = command("classify", "--model", bundle, bundle / "golden.npz")
    assert (code, err.count("\n")) == (6, 1)


def double(x, layers):
    return layers.Lambda(lambda t: 2 * t, output_shape=(32, 32, 3), name="doubler")(x)


def resample(x, layers):
    return layers.Resizing(32, 32, interpolation="lanczos3", name="resampler")(x)


@pytest.mark.parametrize(
    ("start", "format_name", "words"),
    [
        (double, "onnx", "the layer doubler holds Python code"),
        (resample, "tflite", "refused it at the layer resampler"),
        (resample, "onnx", "refused it at the layer resampler"),
    ],
)
def test_layer_that_cannot_be_exported_is_named(start, format_name, words, here, command, tmp_path):
    import keras
    from keras import layers

    image = keras.Input((32, 32, 3))
    x = start(image, layers)
    for layer in here.model.layers[1:]:
        x = layer(x)
    keras.Model(image, x).save(tmp_path / "odd.keras")
    given = ("--data", here.path("animals.npz"), "--input-range", "0..255", "--format", format_name)
    code, _, err = command("export", tmp_path / "odd.keras", *given, "-o", tmp_path / "bundle")
    assert (code, err.count("\n")) == (4, 1)
    assert err.startswith(f"edge-mnist: error: {tmp_path / 'odd.keras'}: ")
    assert words in err
    assert ("output of the tools: " in err) == ("refused it" in err)
    assert not (tmp_path / "bundle").exists()


def two_inputs(here, keras):
    images = [keras.Input((32, 32, 3)) for _ in range(2)]
    return keras.Model(images, here.model(keras.layers.Add()(images)))


def free_size(here, keras):
    image = keras.Input((None, None, 3))
    return keras.Model(image, keras.layers.Dense(5, activation="softmax")(keras.layers.GlobalMaxPooling2D()(image)))


def not_a_number(here, keras):
    copy = keras.models.clone_model(here.model)
    copy.set_weights([np.full_like(weight, np.nan) for weight in here.model.get_weights()])
    return copy


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (two_inputs, "has 2 inputs and 1 outputs; expected one input (images)"),
        (free_size, "whose size is free; build it with fixed height and width"),
        (not_a_number, "kernel holds NaN or infinity; train the model again"),
    ],
)
def test_model_that_is_not_an_image_classifier_is_refused_in_one_line(build, words, here, command, tmp_path):
    import keras

    build(here, keras).save(tmp_path / "bad.keras")
    code, out, err = command("export", tmp_path / "bad.keras", "--data", here.path("animals.npz"), "-o", tmp_path / "b")
    assert (code, out, err.count("\n")) == (4, "", 1)
    assert words in err
    assert "output of the tools" not in err  # it is refused before any tool runs
    assert [path.name for path in tmp_path.iterdir()] == ["bad.keras"]


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        ({"--labels": "four.txt"}, 2, "has 5 classes, but there are 4 labels"),
        ({"--labels": "nowhere.txt"}, 2, "nowhere.txt: cannot be read as labels (No such file"),
        ({"--calibration-data": "empty"}, 2, "empty: holds no pictures"),
        ({"--calibration-data": "nowhere"}, 2, "nowhere: no such folder"),
        ({"--data": "small.npz"}, 6, "x_train is uint8 (256, 16, 16, 3); expected uint8 (N, 32, 32, 3)"),
        ({"--data": "empty"}, 2, "no sub-folders of pictures"),
        ({"--data": "nowhere"}, 2, "nowhere"),
        ({"--input-range": "-1..1"}, 2, "scales its input itself (rescaling), from 0..255; leave out --input-range"),
        ({"--input-range": "0..2"}, 2, "--input-range 0..2: expected 0..1, 0..255, -1..1"),
        ({"--io": "int8"}, 2, "--io int8: int8 onnx takes uint8 or float32; onnxruntime's fast kernels"),
        ({"--precision": "int16x8", "--format": "onnx"}, 2, "there is no int16x8 onnx file: onnxruntime has no int16"),
        ({"--calibration-method": "entropy"}, 2, "TensorFlow's converter supports only minmax; choose --format onnx"),
        ({"--opset": "12"}, 2, "--opset must be 13..18, not 12"),
    ],
    ids=lambda value: " ".join(f"{name} {given}" for name, given in value.items()) if isinstance(value, dict) else "",
)
def test_bad_option_for_a_foreign_model_is_refused_in_one_line(options, code, words, here, command, monkeypatch):
    monkeypatch.chdir(here.folder)
    before = sorted(path.name for path in here.folder.iterdir())
    given = {"--data": "animals.npz", "--output": "other", **options}
    found, out, err = command("export", "animals.keras", *(part for option in given.items() for part in option))
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert err.startswith("edge-mnist: error: ")
    assert words in err
    assert sorted(path.name for path in here.folder.iterdir()) == before


def test_foreign_model_without_images_is_refused_with_a_hint(here, command, monkeypatch, tmp_path):
    monkeypatch.delenv("EDGE_MNIST_DATA", raising=False)
    code, _, err = command("export", here.path("animals.keras"), "-o", tmp_path / "bundle")
    assert code == 2
    assert (
        "reads images of (32, 32, 3) in 5 classes, not digits; name such images, an .npz file or a folder: --data or"
        in err
    )
