"""What the network sees while it learns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_mnist_runtime.dataset import LabelledDigits
from edge_mnist_trainer.augment import batches
from edge_mnist_trainer.augment.batches import DistortedBatches, distort
from edge_mnist_trainer.augment.fonts import render_digits
from edge_mnist_trainer.augment.negatives import NO_DIGIT
from edge_mnist_trainer.augment.pen_drawings import draw_school_digits
from edge_mnist_trainer.augment.settings import AffineRange, Augmentation
from edge_mnist_trainer.augment.strokes import draw_digits, draw_other_hands

pytestmark = pytest.mark.slow

STILL = AffineRange(rotation_degrees=0, log_scale=0, shear=0, shift_pixels=0)


@pytest.fixture(scope="module")
def numbered() -> LabelledDigits:
    """100 images of noise whose label is their number."""
    images = np.random.default_rng(0).integers(0, 256, (100, 28, 28, 1), np.uint8)
    return LabelledDigits("numbered", "train", images, np.arange(100, dtype=np.uint8))


@pytest.fixture(scope="module")
def labelled(numbered) -> LabelledDigits:
    """The same images, labelled as digits."""
    return replace(numbered, labels=numbered.labels % 10)


@pytest.fixture(scope="module")
def drawn() -> np.ndarray:
    return draw_digits(20, seed=0)[0]


def labels_of(fed: DistortedBatches) -> list[int]:
    return [int(label) for index in range(len(fed)) for label in fed.pixels(index).labels]


def images_and_labels(fed: DistortedBatches, index: int) -> tuple[np.ndarray, np.ndarray]:
    batch = fed.pixels(index)
    return batch.images, batch.labels


@pytest.mark.parametrize("augmentation", [None, Augmentation()])
def test_every_epoch_shows_every_image_once_in_another_order(numbered, augmentation):
    fed = DistortedBatches(numbered, augmentation, batch_size=30, seed=0)
    first = labels_of(fed)
    fed.on_epoch_end()
    second = labels_of(fed)
    assert sorted(first) == sorted(second) == list(range(100))
    assert first != second


def test_last_batch_holds_what_is_left(labelled):
    fed = DistortedBatches(labelled, None, batch_size=30, seed=0)
    assert [len(fed[index][1]) for index in range(len(fed))] == [30, 30, 30, 10]
    assert fed.n_images == 100


def test_batches_are_floats_from_0_to_1_and_repeatable_by_seed(labelled):
    first, again, other = (
        DistortedBatches(labelled, Augmentation(), batch_size=30, seed=seed)[3][0] for seed in (0, 0, 1)
    )
    assert (first.shape, first.dtype) == ((10, 28, 28, 1), np.float32)
    assert 0 <= first.min() < first.max() <= 1
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_batches_hold_whole_grey_levels_as_a_device_sees_them(labelled):
    fed = DistortedBatches(labelled, Augmentation(elastic_pixels=0.8), batch_size=30, seed=0)
    assert np.array_equal(np.rint(fed[0][0] * 255).astype(np.uint8), fed.pixels(0).images)
    assert np.array_equal(fed[0][0], fed.pixels(0).images / np.float32(255))


def test_batches_bring_the_probabilities_to_be_learnt(labelled):
    fed = DistortedBatches(labelled, None, batch_size=30, seed=0)
    for index in range(len(fed)):
        assert np.array_equal(fed[index][1], np.eye(10, dtype=np.float32)[fed.pixels(index).labels])


def test_no_augmentation_gives_the_images_themselves(numbered):
    fed = DistortedBatches(numbered, None, batch_size=30, seed=0)
    for index in range(len(fed)):
        images, labels = images_and_labels(fed, index)
        assert np.array_equal(images, numbered.images[labels])


def test_distortions_without_any_strength_give_the_images_themselves(numbered):
    fed = DistortedBatches(numbered, Augmentation(STILL), batch_size=100, seed=0)
    images, labels = images_and_labels(fed, 0)
    assert np.array_equal(images, numbered.images[labels])


def test_image_is_distorted_otherwise_in_the_next_epoch(numbered):
    fed = DistortedBatches(numbered, Augmentation(), batch_size=100, seed=0)
    by_label = []
    for _ in range(2):
        images, labels = images_and_labels(fed, 0)
        by_label.append(images[np.argsort(labels)])
        fed.on_epoch_end()
    assert (by_label[0] != by_label[1]).any(axis=(1, 2, 3)).all()


@settings(max_examples=20)
@given(n_epochs=st.integers(0, 12), seed=st.integers(0, 2**31 - 1))
def test_skipping_epochs_leads_where_going_through_them_leads(numbered, n_epochs, seed):
    skipping, going = (DistortedBatches(numbered, Augmentation(), batch_size=30, seed=seed) for _ in range(2))
    skipping.skip_epochs(n_epochs)
    for _ in range(n_epochs):
        going.on_epoch_end()
    assert labels_of(skipping) == labels_of(going)
    assert np.array_equal(skipping.pixels(2).images, going.pixels(2).images)


@pytest.fixture(scope="module")
def with_printed(numbered) -> DistortedBatches:
    """A fifth of every epoch is printed; the written ones bear numbers from 10 on."""
    written = replace(numbered, labels=numbered.labels + np.uint8(10))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "PRINTED_VARIANTS", 1)  # more take seconds to render
        return DistortedBatches(written, Augmentation(STILL, printed_part=0.2), batch_size=30, seed=0)


def test_printed_part_is_that_part_of_an_epoch(with_printed):
    labels = labels_of(with_printed)
    assert sorted(label for label in labels if label >= 10) == list(range(10, 110))
    assert sum(label < 10 for label in labels) == 25  # 25 of 125 are a fifth
    assert with_printed.n_images == len(labels) == 125


def test_printed_digits_are_those_of_the_training_families(with_printed):
    known = render_digits("train", variants=1, varied=True)
    by_pixels = dict(zip((image.tobytes() for image in known.images), known.labels.tolist(), strict=True))
    found = [
        (image.tobytes(), int(label))
        for index in range(len(with_printed))
        for image, label in zip(*images_and_labels(with_printed, index), strict=True)
        if label < 10
    ]
    assert len(found) == 25
    assert all(by_pixels[pixels] == label for pixels, label in found)


def test_other_printed_digits_come_in_the_next_epoch(with_printed):
    def printed() -> set[bytes]:
        return {
            image.tobytes()
            for index in range(len(with_printed))
            for image, label in zip(*images_and_labels(with_printed, index), strict=True)
            if label < 10
        }

    first = printed()
    with_printed.on_epoch_end()
    assert len(first & printed()) < 5


def test_drawn_part_is_of_the_other_hands_and_school_forms(numbered, monkeypatch):
    monkeypatch.setattr(batches, "DRAWN_VARIANTS", 1)
    monkeypatch.setattr(batches, "SCHOOL_DIGITS", 20)
    written = replace(numbered, labels=numbered.labels + np.uint8(10))
    fed = DistortedBatches(written, Augmentation(STILL, drawn_part=0.2), batch_size=200, seed=0)
    known = {
        image.tobytes(): int(label)
        for drawn in (draw_other_hands(1, seed=0), draw_school_digits(20, seed=0))
        for image, label in zip(*drawn, strict=True)
    }
    images, labels = images_and_labels(fed, 0)
    found = [(image.tobytes(), int(label)) for image, label in zip(images, labels, strict=True) if label < 10]
    assert (len(found), fed.n_images) == (25, 125)
    assert all(known[pixels] == label for pixels, label in found)


def test_made_digits_are_told_from_written_ones(numbered, monkeypatch):
    monkeypatch.setattr(batches, "DRAWN_VARIANTS", 1)
    monkeypatch.setattr(batches, "SCHOOL_DIGITS", 20)
    written = replace(numbered, labels=numbered.labels + np.uint8(10))
    fed = DistortedBatches(written, Augmentation(STILL, drawn_part=0.2), batch_size=200, seed=0)
    assert np.array_equal(fed.made(0), fed.pixels(0).labels < 10)


def test_printed_and_drawn_parts_are_parts_of_the_same_epoch(numbered, monkeypatch):
    monkeypatch.setattr(batches, "DRAWN_VARIANTS", 1)
    monkeypatch.setattr(batches, "SCHOOL_DIGITS", 20)
    monkeypatch.setattr(batches, "PRINTED_VARIANTS", 1)
    both = Augmentation(printed_part=0.3, drawn_part=0.2)
    assert DistortedBatches(numbered, both, batch_size=200, seed=0).n_images == 200  # 60 printed, 40 drawn


@pytest.mark.parametrize("part", [0.0, 0.25, 1.0])
def test_corrupted_part_is_changed_and_no_other(drawn, part):
    augmentation = Augmentation(STILL, corrupted_part=part)
    changed = (distort(drawn, augmentation, np.random.default_rng(0)) != drawn).any(axis=(1, 2, 3))
    # Within four standard deviations of a binomial distribution over 200 images; a dark line may miss the ink.
    deviation = 4 * (part * (1 - part) / len(drawn)) ** 0.5
    assert 0.93 * part - deviation <= changed.mean() <= part + deviation


def test_corruption_spares_the_others_distortion(drawn):
    clean, spoiled = (
        distort(drawn, Augmentation(elastic_pixels=0.8, corrupted_part=part), np.random.default_rng(0))
        for part in (0.0, 0.25)
    )
    alike = (clean == spoiled).all(axis=(1, 2, 3))
    assert 0.6 < alike.mean() < 0.9


def test_disturbed_images_are_kept_without_their_disturbance_too(numbered):
    bent = Augmentation(elastic_pixels=0.8)
    fed, still = (
        DistortedBatches(numbered, replace(bent, corrupted_part=part), batch_size=100, seed=3) for part in (0.5, 0.0)
    )
    batch = fed.pixels(0)
    assert np.array_equal(batch.undisturbed, still.pixels(0).images)
    assert np.array_equal(still.pixels(0).undisturbed, still.pixels(0).images)
    assert 0.2 < (batch.images != batch.undisturbed).any(axis=(1, 2, 3)).mean() < 0.8


def test_distorting_leaves_the_input_alone(drawn):
    before = drawn.copy()
    everything = Augmentation(elastic_pixels=0.8, corrupted_part=0.5)
    distorted = distort(drawn, everything, np.random.default_rng(0))
    assert np.array_equal(drawn, before)
    assert (distorted.shape, distorted.dtype) == (drawn.shape, np.uint8)


def test_elastic_field_bends_what_an_affine_map_does_not(drawn):
    plain, bent = (distort(drawn, Augmentation(STILL, pixels), np.random.default_rng(0)) for pixels in (0.0, 0.8))
    assert np.array_equal(plain, drawn)
    assert (bent != drawn).any(axis=(1, 2, 3)).all()


@pytest.fixture(scope="module")
def with_no_digits(labelled) -> DistortedBatches:
    """A fifth of every epoch is no digit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "NO_DIGIT_PICTURES", 60)  # more take seconds to draw
        return DistortedBatches(labelled, Augmentation(STILL, no_digit_part=0.2), batch_size=200, seed=0)


def test_no_digit_part_is_that_part_of_an_epoch(with_no_digits):
    labels = labels_of(with_no_digits)
    assert (labels.count(NO_DIGIT), len(labels)) == (25, 125)


def test_no_digits_are_to_be_learnt_as_every_digit_alike(with_no_digits):
    labels = with_no_digits.pixels(0).labels
    learnt = with_no_digits[0][1]
    assert np.array_equal(learnt[labels == NO_DIGIT], np.full((25, 10), 0.1, np.float32))
    assert np.array_equal(with_no_digits.made(0), labels == NO_DIGIT)
