"""Every combination of precision, format and input dtype is accepted, or refused with a reason."""

from __future__ import annotations

import itertools

import pytest

from edge_mnist_exporter.config import ConversionConfig, ExportConfig
from edge_mnist_exporter.kinds import (
    ABSENT,
    ALL_FORMATS,
    DTYPES_OF_KIND,
    FORMAT_NAMES,
    PRECISION_NAMES,
    Kind,
    choose_kinds,
)
from edge_mnist_exporter.targets import choose_targets
from edge_mnist_runtime.engines import INPUT_DTYPES
from edge_mnist_runtime.errors import UsageError

IO = ("uint8", "int8", "float32")


@pytest.mark.parametrize(
    ("format_name", "precision", "io"), [*itertools.product(ALL_FORMATS, PRECISION_NAMES, (*IO, None))]
)
def test_each_combination_is_accepted_or_refused_with_a_reason(format_name, precision, io):
    try:
        kinds = choose_kinds((precision,), (format_name,), io)
    except UsageError as refused:
        message = str(refused)
        if (format_name, precision) in ABSENT:
            assert (
                message
                == f"`precisions` {precision}, `formats` {format_name}: there is no {precision} {format_name} file: "
                + (ABSENT[format_name, precision])
            )
        else:
            assert message.startswith(f"`io` {io}: {precision} {format_name} takes ")
            assert io not in DTYPES_OF_KIND[format_name, precision]
            assert "; " in message
        return
    target = choose_targets(None)[0] if format_name == "lib" else None  # the machine of this test
    assert kinds == (Kind(format_name, precision, io or DTYPES_OF_KIND[format_name, precision][0], target),)


@pytest.mark.slow
def test_options_and_converters_list_the_same_files():
    from edge_mnist_exporter.formats import FORMATS

    made = {(name, precision) for name, known in FORMATS.items() for precision in known.converters}
    assert made - {(name, "mixed") for name in FORMAT_NAMES} == DTYPES_OF_KIND.keys()
    assert DTYPES_OF_KIND.keys().isdisjoint(ABSENT)
    assert DTYPES_OF_KIND.keys() | ABSENT.keys() == {*itertools.product(ALL_FORMATS, PRECISION_NAMES)}
    assert {dtype for dtypes in DTYPES_OF_KIND.values() for dtype in dtypes} == {*IO} == {*INPUT_DTYPES}


def list_subsets(names):
    return [chosen for size in range(1, len(names) + 1) for chosen in itertools.combinations(names, size)]


def kinds_or_refusal(*arguments, **options) -> tuple[tuple[Kind, ...], str]:
    try:
        return ExportConfig(*arguments, **options).kinds, ""
    except UsageError as error:
        return (), str(error)


def test_each_precision_is_written_in_every_format_that_has_it():
    """Absent files are listed only if formats were named. A precision without any format is refused."""
    for precisions, formats in itertools.product(list_subsets(PRECISION_NAMES), (*list_subsets(ALL_FORMATS), None)):
        kinds, refusal = kinds_or_refusal(precisions, formats)
        asked = [*itertools.product(precisions, formats or FORMAT_NAMES)]
        existing = [(precision, name) for precision, name in asked if (name, precision) not in ABSENT]
        assert bool(refusal) == ({precision for precision, _ in existing} != {*precisions})
        assert [(kind.precision, kind.format) for kind in kinds] == ([] if refusal else existing)
        if not refusal:
            absent = ExportConfig(precisions, formats).absent
            assert len(absent) == (len(asked) - len(existing) if formats else 0)


def test_absent_files_are_listed_with_the_reason():
    absent = ExportConfig(("fp32", "int8", "int16x8", "dynamic"), ("tflite", "onnx")).absent
    assert [line.partition(": ")[0] for line in absent] == [
        "there is no int16x8 onnx file",
        "there is no dynamic onnx file",
    ]
    assert absent[0].endswith(": onnxruntime has no int16 convolutions")


def test_io_dtype_applies_to_all_files_or_is_refused():
    for precisions, io in itertools.product(list_subsets(PRECISION_NAMES), IO):
        kinds, refusal = kinds_or_refusal(precisions, io=io)
        assert {kind.input_dtype for kind in kinds} == (set() if refusal else {io})
        assert not refusal or refusal.startswith(f"`io` {io}: ")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        (
            {"precisions": ("int4",)},
            "`precisions`: 'int4' is unknown; expected one or more of fp32,fp16,int8,int16x8",
        ),
        ({"precisions": ("int8", "")}, "`precisions`: '' is unknown"),
        ({"precisions": ("mixed",)}, "`precisions`: 'mixed' is unknown"),
        ({"formats": ("onnx", "coreml")}, "`formats`: 'coreml' is unknown; expected one or more of tflite,onnx"),
        ({"io": "float16"}, "`io` float16: int8 tflite takes uint8 or int8 or float32"),
        ({"precisions": ("int16x8",), "formats": ("onnx",)}, "onnxruntime has no int16 convolutions"),
        (
            {"precisions": ("fp32", "dynamic"), "formats": ("onnx",)},
            "`precisions` dynamic, `formats` onnx: there is no dynamic onnx file: onnxruntime's dynamic quantizer",
        ),
        (
            {"io": "int8"},
            "`io` int8: int8 onnx takes uint8 or float32; onnxruntime's fast kernels take uint8 activations; "
            "choose `formats` tflite",
        ),
    ],
)
def test_unknown_file_kind_is_refused_in_one_line(values, words):
    with pytest.raises(UsageError) as refused:
        ExportConfig(**values)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("method", ["entropy", "percentile"])
def test_calibration_method_without_tflite_support_is_refused_with_advice(method):
    conversion = ConversionConfig(calibration_method=method)
    for precisions, formats in ((("int8",), None), (("fp32", "int16x8"), ("tflite",))):
        with pytest.raises(UsageError, match=f"`calibration_method` {method}: .* only minmax; choose `formats` onnx"):
            ExportConfig(precisions, formats, conversion=conversion)
    assert ExportConfig(("int8",), ("onnx",), conversion=conversion).kinds == (Kind("onnx", "int8", "uint8"),)
    assert len(ExportConfig(("fp32",), conversion=conversion).kinds) == 2


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"calibration_method": "kl"}, "`calibration_method` kl: expected minmax, entropy, percentile"),
        ({"opset": 12}, "`opset` must be 13..18, not 12"),
        ({"opset": 19}, "`opset` must be 13..18, not 19"),
    ],
)
def test_unknown_conversion_setting_is_refused(values, words):
    with pytest.raises(UsageError, match=words):
        ConversionConfig(**values)
