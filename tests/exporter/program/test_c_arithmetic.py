"""The C program gives the integers of TFLite's reference kernels: every operator, in plain loops and in vectors."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest


def square(f):
    f.quantize()
    f.conv(8, (3, 3))


def strided(f):
    f.quantize()
    f.conv(20, (5, 5), (2, 2), activation=f.RELU)
    f.conv(13, (3, 3), (2, 2), zero=17)


def valid_after_valid(f):
    f.quantize()
    f.conv(10, (3, 3), padding=f.VALID, activation=f.RELU6, zero=-128)
    f.conv(17, (2, 2), padding=f.VALID, zero=-60)
    f.conv(3, (1, 1), zero=5)


def uneven(f):
    f.quantize()
    f.conv(9, (3, 1), (1, 2), zero=-100)
    f.conv(1, (1, 4), (3, 1), zero=100)
    f.conv(12, (2, 5), padding=f.VALID, per_channel=False)


def steps_over_pixels(f):
    f.quantize()
    f.conv(6, (2, 2), (3, 3), padding=f.VALID)
    f.conv(16, (1, 1), (2, 2), zero=9)


def pooled(f):
    f.quantize()
    f.conv(16, (3, 3), activation=f.RELU)
    f.pool("MAX", (2, 2), (2, 2))
    f.conv(24, (3, 3), (2, 1), zero=-7)
    f.pool("MAX", (2, 2), (2, 2))


def pooled_oddly(f):
    f.quantize()
    f.conv(5, (4, 4), padding=f.VALID)
    f.pool("MAX", (2, 2), (2, 2), f.SAME)
    f.pool("MAX", (3, 3), (2, 2), f.SAME)
    f.pool("MAX", (2, 3), (1, 2))


def averaged(f):
    f.quantize(scale=1 / 200, zero=-90)
    f.pool("AVERAGE", (3, 3), (2, 2), f.SAME)
    f.pool("AVERAGE", (2, 2), (1, 1))
    f.conv(11, (3, 3), zero=3)
    f.mean()


def depthwise(f):
    f.quantize()
    f.conv(0, (3, 3), depth=6, zero=-10)
    f.conv(0, (3, 2), (2, 2), depth=1, activation=f.RELU, zero=-128)
    f.conv(0, (2, 2), padding=f.VALID, depth=2, per_channel=False)


def channels_alone(f):
    """Fewer channels than vectors work on together, more, and more than a multiple of them; with pooling."""
    f.quantize()
    f.conv(6, (3, 3), zero=-90)
    f.conv(0, (5, 5), depth=1, activation=f.RELU, zero=-128)
    f.conv(10, (1, 1), zero=20)
    f.conv(0, (3, 3), depth=1, zero=30)
    f.pool("MAX", (2, 2), (2, 2))
    f.conv(21, (1, 1), zero=-5)
    f.conv(0, (3, 4), (2, 1), padding=f.VALID, depth=1)
    f.conv(0, (1, 1), depth=1, per_channel=False)


def one_channel_alone(f):
    f.quantize()
    f.conv(0, (3, 3), (2, 2), depth=4, zero=-20)
    f.conv(2, (1, 1))
    f.conv(0, (2, 2), depth=1)


def dense(f):
    f.quantize()
    f.conv(4, (3, 3), (4, 4), zero=11)
    f.reshape(1, 4 * 7 * 7)
    f.dense(31, activation=f.RELU, zero=-128)
    f.dense(10, per_channel=True)
    f.softmax()


def residual(f):
    f.quantize()
    first = f.conv(8, (3, 3), (2, 2), zero=-20)
    f.conv(8, (3, 3), zero=40)
    f.add(first, activation=f.RELU, zero=-128)
    f.mean(zero=-128)


def joined(f):
    f.quantize()
    f.conv(7, (3, 3), (2, 2), zero=-128, activation=f.RELU)
    first = f.pool("MAX", (3, 3), (1, 1), f.SAME)
    second = f.pool("AVERAGE", (3, 3), (1, 1), f.SAME)
    f.last = first
    f.concatenate(second, first)


def ever_narrower(f):
    """Widths 12 to 1: the last windows of a row are fewer than those that vectors work on together."""
    f.quantize()
    for _ in range(12):
        f.conv(17, (1, 2), padding=f.VALID)


def hardly_scaled(f):
    """Multipliers of 0.5 and above, whose shift is 0, beside smaller ones."""
    f.quantize()
    f.conv(18, (1, 1), zero=-40, gain=20)


def padded(f):
    f.quantize(zero=-40)
    f.pad(1, 2, 0, 3)
    f.conv(9, (3, 3), padding=f.VALID)
    f.relu("RELU")
    f.relu("RELU6", scale=1.7, zero=-128)


def rescaled(f):
    f.quantize(scale=1 / 130, zero=-128)
    f.quantize(scale=1 / 100, zero=31)


def sure(f):
    f.quantize()
    f.mean(scale=20, zero=-3)
    f.dense(10, zero=38)
    f.softmax(beta=2.5)


def everywhere_else(f):
    f.quantize()
    f.conv(2, (28, 28), padding=f.VALID)
    f.reshape(1, 2)
    f.softmax()


GREY, COLOUR = (28, 28, 1), (27, 29, 3)

NETWORKS = [
    *((network, GREY) for network in (square, strided, pooled, pooled_oddly, dense, joined, sure, everywhere_else)),
    *((network, GREY) for network in (channels_alone, one_channel_alone)),
    *((network, COLOUR) for network in (square, valid_after_valid, uneven, steps_over_pixels, pooled_oddly)),
    *((network, COLOUR) for network in (averaged, depthwise, residual, padded, rescaled)),
    (ever_narrower, (1, 13, 1)),
    (hardly_scaled, (5, 5, 1)),
]


def list_builds():
    """Options for the compiler by the way of multiplying: what this processor can run of it."""
    builds = {"plain loops": "-DEDGE_MNIST_PORTABLE", "as the compiler likes": "-DNOTHING"}
    if platform.machine() == "x86_64":
        flags = Path("/proc/cpuinfo").read_text("utf-8").split() if Path("/proc/cpuinfo").exists() else []
        builds |= {"AVX2": "-mavx2"} if "avx2" in flags else {}
        builds |= {"VNNI": "-march=icelake-client"} if "avx512_vnni" in flags else {}
    return builds


@pytest.mark.parametrize(("network", "image_shape"), NETWORKS, ids=lambda value: getattr(value, "__name__", None))
def test_c_gives_the_integers_of_the_reference_kernels(network, image_shape, tiny_file, c_program, reference_kernels):
    file = tiny_file(*image_shape)
    network(file)
    model, images = file.build(), file.draw(30)
    expected = reference_kernels(model, images)
    assert len({*map(bytes, expected)}) > 1
    for build, flag in list_builds().items():
        assert (c_program(model, images, flag) != expected).sum() == 0, build


IN_WASM = (strided, pooled_oddly, dense, ever_narrower, hardly_scaled)


@pytest.mark.parametrize(
    ("network", "image_shape"),
    [case for case in NETWORKS if case[0] in IN_WASM],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_webassembly_gives_the_same_integers(network, image_shape, tiny_file, wasm_program, reference_kernels):
    file = tiny_file(*image_shape)
    network(file)
    model, images = file.build(), file.draw(30)
    assert (wasm_program(model, images) == reference_kernels(model, images)).all()


def test_layers_may_be_called_as_c_s_keywords_and_functions_are(tiny_file, c_program, reference_kernels):
    file = tiny_file(28, 28, 1)
    file.quantize()
    for name in ("float", "convolve", "gr\u00f6\u00dfe", "arena", "pixels", "9 lives", "9 lives", "*/", "scores"):
        file.name(file.conv(8, (2, 2), (2, 2) if name == "float" else (1, 1)), name)
    model, images = file.build(), file.draw(5)
    assert (c_program(model, images) == reference_kernels(model, images)).all()
