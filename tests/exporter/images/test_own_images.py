"""The user's own images for classifiers of anything but digits are read from arrays and folders, or refused."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from edge_mnist_exporter.images.own_images import load_calibration_images, load_export_images, picture_reader
from edge_mnist_runtime.dataset import DATA_VARIABLE, encode_idx
from edge_mnist_runtime.errors import DataError, DataNotFoundError, PictureError

pytestmark = pytest.mark.slow

LABELS = ("red", "green", "blue", "grey", "black")


@pytest.fixture(scope="module")
def source(blob_source):
    return replace(blob_source, labels=LABELS)


@pytest.fixture(scope="module")
def arrays(draw_blobs):
    x_train, y_train = draw_blobs((16, 16, 3), 5, 50, seed=0)
    x_test, y_test = draw_blobs((16, 16, 3), 5, 20, seed=1)
    return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}


@pytest.fixture
def save_arrays(tmp_path, arrays):
    """Save some of the arrays, or replacements for them, as an .npz file."""

    def save(*names, **others):
        np.savez(tmp_path / "set.npz", **{name: arrays[name] for name in names}, **others)
        return tmp_path / "set.npz"

    return save


def save_pictures(folder, images, labels, *, size=(16, 16)):
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        (folder / LABELS[label]).mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize(size).save(folder / LABELS[label] / f"{number:03}.png")


def test_arrays_with_a_test_split_are_read(source, save_arrays, arrays):
    found = load_export_images(source, save_arrays("x_train", "y_train", "x_test", "y_test"))
    assert np.array_equal(found.calibration.images, arrays["x_train"])
    assert np.array_equal(found.evaluation.images, arrays["x_test"])
    assert np.array_equal(found.evaluation.labels, arrays["y_test"])
    assert [part.split for part in (found.calibration, found.evaluation)] == ["train", "test"]
    assert found.notice == "Own images (set.npz): 50 to calibrate on, 20 to evaluate on."


def test_arrays_without_a_test_split_keep_a_tenth_of_each_class(source, save_arrays, arrays):
    found = load_export_images(source, save_arrays(images=arrays["x_train"], labels=arrays["y_train"]))
    assert sorted(found.evaluation.labels) == [0, 1, 2, 3, 4]
    calibrated = {image.tobytes() for image in found.calibration.images}
    assert len(calibrated) == 45
    assert calibrated.isdisjoint(image.tobytes() for image in found.evaluation.images)


def test_grey_arrays_may_lack_the_channel_axis(source, save_arrays):
    grey = replace(source, image_shape=(6, 8, 1))
    images = np.random.default_rng(0).integers(0, 256, (20, 6, 8), np.uint8)
    found = load_export_images(grey, save_arrays(images=images, labels=np.arange(20) % 5))
    assert found.calibration.images.shape == (15, 6, 8, 1)


def test_more_than_256_classes_are_supported(source, save_arrays):
    many = replace(source, labels=tuple(map(str, range(300))))
    images = np.random.default_rng(0).integers(0, 256, (600, 16, 16, 3), np.uint8)
    found = load_export_images(many, save_arrays(images=images, labels=np.arange(600) % 300))
    assert found.evaluation.labels.max() == 299


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"x_train": np.zeros((4, 28, 28), np.uint8)}, r"x_train is uint8 (4, 28, 28); expected uint8 (N, 16, 16, 3)"),
        ({"x_train": np.zeros((4, 3, 16, 16), np.uint8)}, "x_train is uint8 (4, 3, 16, 16)"),
        ({"x_train": np.zeros((4, 16, 16, 3), np.float32)}, "x_train is float32"),
        ({"y_train": np.array([0, 1, 2, 5])}, "1 of 4 labels are outside 0..4, the first 5 at index 3"),
        ({"y_train": np.array([0, 1, 2])}, "4 images but 3 labels"),
        ({"y_train": np.eye(4)}, "expected integers (N,), 0..4"),
    ],
)
def test_arrays_of_another_kind_are_refused(others, words, source, save_arrays):
    arrays = {"x_train": np.zeros((4, 16, 16, 3), np.uint8), "y_train": np.arange(4), **others}
    with pytest.raises(DataError) as refused:
        load_export_images(source, save_arrays(**arrays))
    assert words in str(refused.value)
    assert "set.npz" in str(refused.value)


def test_test_split_of_another_shape_is_refused(source, save_arrays, arrays):
    wrong = np.zeros((20, 32, 32, 3), np.uint8)
    with pytest.raises(DataError, match=r"x_test is uint8 \(20, 32, 32, 3\); expected uint8 \(N, 16, 16, 3\)"):
        load_export_images(source, save_arrays("x_train", "y_train", "y_test", x_test=wrong))


def test_folders_for_training_and_test_are_read(source, arrays, tmp_path):
    save_pictures(tmp_path / "set" / "train", arrays["x_train"], arrays["y_train"])
    save_pictures(tmp_path / "set" / "test", arrays["x_test"], arrays["y_test"])
    found = load_export_images(source, tmp_path / "set")
    by_label = np.argsort([LABELS[label] for label in arrays["y_test"]], kind="stable")
    assert np.array_equal(found.evaluation.images, arrays["x_test"][by_label])
    assert np.array_equal(found.evaluation.labels, arrays["y_test"][by_label])
    assert (len(found.calibration), found.notice) == (
        50,
        "Own images (set): 50 to calibrate on, 20 to evaluate on.",
    )


@pytest.mark.parametrize("inner", ["", "train"])
def test_folder_without_a_test_split_keeps_a_tenth_of_each_class(inner, source, arrays, tmp_path):
    save_pictures(tmp_path / "set" / inner, arrays["x_train"], arrays["y_train"])
    found = load_export_images(source, tmp_path / "set")
    assert (len(found.calibration), len(found.evaluation)) == (45, 5)


def test_pictures_are_converted_to_the_size_and_channels_of_the_model(source, arrays, tmp_path):
    save_pictures(tmp_path / "set", arrays["x_train"], arrays["y_train"], size=(40, 48))
    found = load_export_images(source, tmp_path / "set")
    assert found.calibration.images.shape == (45, 16, 16, 3)
    grey = load_export_images(replace(source, image_shape=(10, 12, 1)), tmp_path / "set")
    assert grey.calibration.images.shape == (45, 10, 12, 1)


def test_every_picture_mode_gives_the_same_tensor(source, tmp_path):
    colour = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    picture = Image.fromarray(colour)
    read = picture_reader(source)
    for name, saved in {
        "plain.png": picture,
        "plain.bmp": picture,
        "opaque.png": picture.convert("RGBA"),
    }.items():
        saved.save(tmp_path / name)
        assert np.array_equal(read(tmp_path / name, name), colour)


def test_transparency_is_dropped_as_keras_drops_it(source, tmp_path):
    tf = pytest.importorskip("tensorflow")
    clear = np.random.default_rng(0).integers(0, 256, (16, 16, 4), np.uint8)
    Image.fromarray(clear).save(tmp_path / "clear.png")
    found = picture_reader(source)(tmp_path / "clear.png", "clear.png")
    assert np.array_equal(found, clear[..., :3])
    assert np.array_equal(found, tf.io.decode_image((tmp_path / "clear.png").read_bytes(), channels=3))


def test_palette_with_a_transparent_colour_is_read_without_a_warning(source, tmp_path):
    palette = Image.fromarray(np.arange(256, dtype=np.uint8).reshape(16, 16)).convert("P")
    palette.save(tmp_path / "palette.png", transparency=bytes(range(256)))
    assert picture_reader(source)(tmp_path / "palette.png", "palette.png").shape == (16, 16, 3)


def test_picture_of_32_bits_is_refused(source, tmp_path):
    Image.fromarray(np.zeros((16, 16), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(PictureError, match=r"^float.tif: 32 bits a pixel"):
        picture_reader(source)(tmp_path / "float.tif", "float.tif")


def test_pictures_of_16_bits_keep_their_greys(source, tmp_path):
    deep = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = picture_reader(replace(source, image_shape=(16, 16, 1)))(tmp_path / "deep.png", "deep.png")
    assert np.abs(found[..., 0].astype(int) - (deep >> 8)).max() <= 1


def test_sub_folder_with_an_unknown_label_is_refused(source, arrays, tmp_path):
    save_pictures(tmp_path / "set", arrays["x_train"], arrays["y_train"])
    (tmp_path / "set" / "violet").mkdir()
    with pytest.raises(
        DataNotFoundError, match=r"set: sub-folder violet is not a label; .*\(red, green, blue, \.\.\.\)"
    ):
        load_export_images(source, tmp_path / "set")


def test_hidden_folders_are_ignored(source, arrays, tmp_path):
    save_pictures(tmp_path / "set", arrays["x_train"], arrays["y_train"])
    (tmp_path / "set" / ".thumbnails").mkdir()
    (tmp_path / "set" / "red" / ".DS_Store").write_bytes(b"x")
    assert len(load_export_images(source, tmp_path / "set").calibration) == 45


def test_folder_without_pictures_is_refused(source, tmp_path):
    with pytest.raises(DataNotFoundError, match=r"no sub-folders of pictures; expected one sub-folder a class"):
        load_export_images(source, tmp_path)
    (tmp_path / "red").mkdir()
    with pytest.raises(DataError, match=r"sub-folder red holds no picture"):
        load_export_images(source, tmp_path)


def test_unreadable_files_are_counted_and_the_first_is_named(source, arrays, tmp_path):
    save_pictures(tmp_path / "set", arrays["x_train"], arrays["y_train"])
    (tmp_path / "set" / "red" / "letter.png").write_text("Dear model,")
    notice = load_export_images(source, tmp_path / "set").notice
    assert "1 file was left out" in notice
    assert "red/letter.png: not a picture" in notice


def test_class_with_a_single_image_is_refused_by_name(source, arrays, tmp_path):
    save_pictures(tmp_path / "set", arrays["x_train"][:6], arrays["y_train"][:6])
    with pytest.raises(DataError, match=r"set: a single image of green"):
        load_export_images(source, tmp_path / "set")


def test_other_model_without_images_is_refused_with_advice(source, monkeypatch):
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    with pytest.raises(
        DataNotFoundError,
        match=r"images of \(16, 16, 3\) in 5 classes, not digits; .*an .npz file or a folder: `data` or",
    ):
        load_export_images(source, None)


def test_mnist_is_refused_for_another_model(source, mnist_folder):
    with pytest.raises(DataError, match=r"train-images.*expected uint8 \(N, 16, 16, 3\)"):
        load_export_images(source, None)


def test_calibration_pictures_may_be_in_nested_folders(source, arrays, tmp_path):
    save_pictures(tmp_path / "set" / "deep" / "deeper", arrays["x_train"][:10], arrays["y_train"][:10])
    assert load_calibration_images(source, tmp_path / "set").shape == (10, 16, 16, 3)


def test_digit_pictures_use_the_shared_preprocessing(reference_source, tmp_path):
    from edge_mnist_runtime.bench.sample_digits import read_samples

    for name, data in read_samples().items():
        (tmp_path / name).write_bytes(data)
    images = load_calibration_images(reference_source, tmp_path)
    assert images.shape == (10, 28, 28, 1)
    shutil.rmtree(tmp_path)


def test_emnist_with_as_many_classes_as_the_model_is_read(source, tmp_path):
    labels = np.arange(94, dtype=np.uint8) % 47
    images = np.random.default_rng(0).integers(0, 256, (94, 28, 28), np.uint8)
    for half in ("train", "test"):
        stem = tmp_path / f"emnist-balanced-{half}"
        stem.with_name(f"{stem.name}-images-idx3-ubyte").write_bytes(encode_idx(images.swapaxes(1, 2)))
        stem.with_name(f"{stem.name}-labels-idx1-ubyte").write_bytes(encode_idx(labels))
    letters = replace(source, labels=tuple(map(str, range(47))), image_shape=(28, 28, 1))
    found = load_export_images(letters, tmp_path)
    assert np.array_equal(found.evaluation.images[..., 0], images)
    assert found.evaluation.labels.max() == 46
    with pytest.raises(DataError, match=r"outside 0\.\.36"):
        load_export_images(replace(letters, labels=letters.labels[:37]), tmp_path)


def test_folders_named_training_and_testing_are_read(source, arrays, tmp_path):
    save_pictures(tmp_path / "set" / "training", arrays["x_train"], arrays["y_train"])
    save_pictures(tmp_path / "set" / "testing", arrays["x_test"], arrays["y_test"])
    found = load_export_images(source, tmp_path)
    assert (len(found.calibration), len(found.evaluation)) == (50, 20)
