"""The layers of every network, and the options of `custom`."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_mnist_runtime.errors import UsageError
from edge_mnist_trainer.networks.architectures import (
    ARCHITECTURES,
    DEFAULT_ARCHITECTURE,
    custom_architecture,
    find_architecture,
)
from edge_mnist_trainer.networks.builders import build_normalised, last, pooled, separable
from edge_mnist_trainer.networks.size import measure_network

PUBLISHED_LAYERS = {
    "conv64-32": ["conv 64 3x3 relu", "conv 32 3x3 relu", "pool 2", "flatten", "dense 10 softmax"],
    "conv32-64-64": [
        *("conv 32 3x3 relu", "pool 2", "conv 64 3x3 relu", "pool 2", "conv 64 3x3 relu", "flatten"),
        *("dense 64 relu", "dense 10 softmax"),
    ],
    "conv3-dense2": [
        *("conv 32 3x3 relu same", "pool 2", "conv 64 3x3 relu same", "pool 2", "conv 64 3x3 relu same", "pool 2"),
        *("flatten", "dense 128 relu", "dense 64 relu", "dense 10 softmax"),
    ],
    "dropout-augment": [
        *("conv 32 3x3 relu", "conv 32 3x3 relu", "pool 2", "dropout 0.25"),
        *("conv 64 3x3 relu", "conv 64 3x3 relu", "pool 2", "dropout 0.25"),
        *("flatten", "dense 128 relu", "dropout 0.5", "dense 10 softmax"),
    ],
}
PUBLISHED_EPOCHS = {"conv64-32": 10, "conv32-64-64": 5, "conv3-dense2": 5, "dropout-augment": 12}
OWN = ("edge", "nano", "pico", "tiny", "small", "micro", "robust", "teacher", "teacher-mnist")


def describe(layer) -> str:
    """Describe a layer in a few words, with all settings that are not Keras's defaults."""
    match type(layer).__name__:
        case "Conv2D":
            assert (layer.strides, layer.dilation_rate, layer.groups, layer.use_bias) == ((1, 1), (1, 1), 1, True)
            size = "x".join(map(str, layer.kernel_size))
            padding = "" if layer.padding == "valid" else f" {layer.padding}"
            return f"conv {layer.filters} {size} {layer.activation.__name__}{padding}"
        case "MaxPooling2D":
            assert (layer.pool_size, layer.strides, layer.padding) == ((2, 2), (2, 2), "valid")
            return "pool 2"
        case "Dense":
            assert layer.use_bias
            return f"dense {layer.units} {layer.activation.__name__}"
        case "Dropout":
            return f"dropout {layer.rate}"
        case kind:
            return kind.lower()


def layers_of(model) -> list[str]:
    """Every layer behind the input; the networks here are plain sequences."""
    first, *others = model.layers
    assert type(first).__name__ == "InputLayer"
    return [describe(layer) for layer in others]


@pytest.fixture(params=sorted(ARCHITECTURES))
def architecture(request):
    return ARCHITECTURES[request.param]


@pytest.mark.slow
def test_every_network_follows_the_tensor_contract(architecture):
    model = architecture.build()
    assert (model.input_shape, model.output_shape) == ((None, 28, 28, 1), (None, 10))
    assert (model.input.name, model.input.dtype, model.output.dtype) == ("image", "float32", "float32")
    probabilities = np.asarray(model(np.random.default_rng(0).random((4, 28, 28, 1), np.float32)))
    assert np.allclose(probabilities.sum(1), 1, atol=1e-5)
    assert probabilities.min() >= 0


@pytest.mark.slow
def test_every_build_makes_a_new_network_with_its_own_name(architecture):
    first, second = architecture.build(), architecture.build()
    assert first.name == second.name == architecture.name
    assert first.layers[-1] is not second.layers[-1]


def test_networks_are_found_by_unique_names():
    for name, architecture in ARCHITECTURES.items():
        assert find_architecture(name) is architecture
        assert architecture.name == name
    assert DEFAULT_ARCHITECTURE in ARCHITECTURES


def test_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(UsageError, match="`architecture` lenet") as caught:
        find_architecture("lenet")
    assert all(name in str(caught.value) for name in ARCHITECTURES)


@pytest.mark.slow
@pytest.mark.parametrize("name", PUBLISHED_LAYERS)
def test_baseline_has_the_layers_that_were_published(name):
    assert layers_of(find_architecture(name).build()) == PUBLISHED_LAYERS[name]


@pytest.mark.parametrize("name", PUBLISHED_LAYERS)
def test_baseline_is_trained_as_it_was_published(name):
    config = find_architecture(name).config
    assert (config.optimizer, config.schedule, config.peak_learning_rate) == ("adam", "constant", 1e-3)
    assert (config.longest_average_steps, config.patience) == (0, None)
    assert config.epochs == PUBLISHED_EPOCHS[name]


def test_published_batch_of_128_is_kept():
    assert find_architecture("conv32-64-64").config.batch_size == 128


@pytest.mark.parametrize("name", PUBLISHED_LAYERS)
def test_only_the_augmenting_baseline_distorts_its_images(name):
    augmentation = find_architecture(name).config.augmentation
    assert (augmentation is not None) == (name == "dropout-augment")


def test_augmenting_baseline_uses_the_published_distortions():
    augmentation = find_architecture("dropout-augment").config.augmentation
    assert asdict(augmentation.affine) == {
        "rotation_degrees": 10,
        "log_scale": 0.1,
        "shear": 0,
        "shift_pixels": pytest.approx(2.8),
    }
    assert (augmentation.elastic_pixels, augmentation.corrupted_part, augmentation.printed_part) == (0, 0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_project_s_networks_end_in_an_average_and_one_small_dense_layer(name):
    kinds = [type(layer).__name__ for layer in find_architecture(name).build().layers]
    assert kinds[-2:] == ["GlobalAveragePooling2D", "Dense"]
    assert kinds.count("Dense") == 1
    assert kinds.count("Conv2D") == kinds.count("BatchNormalization") == kinds.count("ReLU")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "n_bytes"), [("pico", 2000), ("nano", 4096), ("tiny", 4040), ("small", 11_264)])
def test_small_network_fits_into_the_bytes_of_its_summary(name, n_bytes):
    assert measure_network(find_architecture(name).build()).int8_weights_bytes <= n_bytes


@pytest.mark.slow
def test_separable_convolution_reads_each_channel_alone_and_then_mixes_them():
    model = build_normalised("two", pooled(3), separable(4, 5, pooled=True), last(6, separable=True))
    layers = {layer.name: layer for layer in model.layers}
    assert [layers[name].kernel.shape for name in ("conv1", "depthwise2", "conv2", "depthwise3", "conv3")] == [
        *((3, 3, 1, 3), (5, 5, 3, 1), (1, 1, 3, 4), (3, 3, 4, 1), (1, 1, 4, 6)),
    ]
    assert [layers[name].output.shape[1] for name in ("pool1", "depthwise2", "pool2", "depthwise3")] == [14, 14, 7, 5]
    assert "depthwise1" not in layers
    assert layers["norm2"].input is layers["conv2"].output


@pytest.mark.slow
def test_micro_fits_into_twelve_kilobytes_of_int8_weights_and_eight_hundred_thousand_products():
    size = measure_network(find_architecture("micro").build())
    assert size.int8_weights_bytes <= 12 * 1024
    assert size.macs <= 800_000


@pytest.mark.slow
def test_edge_takes_at_most_two_million_multiply_accumulates():
    assert measure_network(find_architecture("edge").build()).macs <= 2_000_000


@pytest.mark.slow
def test_custom_has_the_layers_of_its_options():
    architecture = custom_architecture(filters=(3, 5, 7), kernel_size=5, pool=2, dense=(11, 6))
    model = architecture.build()
    assert model.name == "custom"
    assert layers_of(model) == [
        *("conv 3 5x5 relu same", "pool 2", "conv 5 5x5 relu same", "pool 2", "conv 7 5x5 relu same", "pool 2"),
        *("flatten", "dense 11 relu", "dense 6 relu", "dense 10 softmax"),
    ]
    assert architecture.options == {"filters": [3, 5, 7], "kernel_size": 5, "pool": 2, "dense": [11, 6]}


@pytest.mark.slow
def test_custom_can_omit_pooling_and_hidden_layers():
    architecture = custom_architecture(filters=(2,), kernel_size=1, pool=1, dense=())
    assert layers_of(architecture.build()) == ["conv 2 1x1 relu same", "flatten", "dense 10 softmax"]


@pytest.mark.slow
@pytest.mark.parametrize(("n_filters", "pool"), [(1, 28), (2, 5), (3, 3), (4, 2)])
def test_custom_pools_at_most_to_one_pixel(n_filters, pool):
    model = custom_architecture(filters=(1,) * n_filters, pool=pool, dense=()).build()
    assert min(layer.output.shape[1] for layer in model.layers if len(layer.output.shape) == 4) == 1
    with pytest.raises(UsageError, match=rf"`pool` {pool + 1} .*at most {pool} fits"):
        custom_architecture(filters=(1,) * n_filters, pool=pool + 1)


@given(n_filters=st.integers(1, 8), pool=st.integers(1, 40))
def test_custom_refuses_poolings_that_leave_no_pixel(n_filters, pool):
    side = 28
    for _ in range(n_filters):
        side //= pool
    if side:
        assert custom_architecture(filters=(1,) * n_filters, pool=pool).name == "custom"
    else:
        with pytest.raises(UsageError, match="leaves nothing of 28 pixels"):
            custom_architecture(filters=(1,) * n_filters, pool=pool)


@pytest.mark.parametrize(
    ("option", "sizes"),
    [
        ("`filters`", {"filters": (8, 0)}),
        ("`filters`", {"filters": (-1,)}),
        ("`filters`", {"filters": ()}),
        ("`dense`", {"dense": (0,)}),
        ("`kernel_size`", {"kernel_size": 0}),
        ("`pool`", {"pool": 0}),
        ("`pool`", {"pool": -2}),
    ],
)
def test_size_below_one_is_refused_by_the_name_of_its_option(option, sizes):
    with pytest.raises(UsageError, match=f"^{option} "):
        custom_architecture(**sizes)
