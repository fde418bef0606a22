"""Make the files of `edge-mnist doctor`: golden vectors of the bundled models, and the int8 saturation model.

    make golden      (python -m benchmarks.tools.device_checks)

This writes both into the runtime package. Run it after every change of a bundled model.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from edge_mnist_exporter.bundle.golden import make_golden_vectors
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_GOLDEN, BUNDLED_MODELS
from edge_mnist_runtime.contract import METADATA_KEY, UNIT_RANGE, ModelContract
from edge_mnist_runtime.doctor.saturation import (
    ACTIVATION,
    CHANNELS,
    FILTERS,
    KERNEL,
    LAYERS,
    SATURATION_MODEL,
    SIDE,
    STEPS,
    WEIGHT,
)
from edge_mnist_runtime.engines.opening import open_engine

OPSET: Final = 13
IR_VERSION: Final = 8
ZERO_POINT: Final = 128
"""Zero-point of the layers' outputs, which have both signs."""


def make_bundled_golden() -> bytes:
    """Make golden.npz for the models inside the runtime package, as for a bundle, plus `sha256/FILE` of each."""
    engines = {
        path.name: open_engine(path.read_bytes(), file_name=path.name) for path in map(Path, BUNDLED_MODELS.values())
    }
    contract = next(iter(engines.values())).contract
    vectors = dict(np.load(io.BytesIO(make_golden_vectors(engines, contract)), allow_pickle=False))
    hashes = {f"sha256/{file}": np.array(engine.sha256) for file, engine in engines.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **vectors, **hashes)
    return buffer.getvalue()


def make_saturation_model() -> bytes:
    """Make the model described in `edge_mnist_runtime.doctor.saturation`. The same versions give the same bytes."""
    graph = _Graph()
    graph.constant("unit", np.array(1 / 255, np.float32))
    graph.constant("zero", np.array(0, np.uint8))
    channels_first = graph.node("Transpose", ["image"], perm=[0, 3, 1, 2])
    real = graph.node("DequantizeLinear", [channels_first, "unit", "zero"])
    flat = graph.node("DequantizeLinear", [graph.node("Flatten", [channels_first], axis=1), "unit", "zero"])
    shapes: dict[str, tuple[int, ...]] = {
        "3 x 3 convolution": (FILTERS, CHANNELS, KERNEL, KERNEL),
        "1 x 1 convolution": (FILTERS, CHANNELS, 1, 1),
        "3 x 3 depthwise convolution": (FILTERS, 1, KERNEL, KERNEL),
        "dense layer": (SIDE * SIDE * CHANNELS, FILTERS),
    }
    sums = []
    for (layer, products), shape in zip(LAYERS.items(), shapes.values(), strict=True):
        weights = graph.weights(layer, shape)
        if layer == "dense layer":
            sums.append(graph.requantize(layer, graph.node("MatMul", [flat, weights]), products))
            continue
        group = CHANNELS if shape[1] == 1 else 1
        maps = graph.requantize(layer, graph.node("Conv", [real, weights], group=group), products)
        sums.append(graph.node("ReduceMean", [maps], axes=[2, 3], keepdims=0))
    graph.node("Concat", sums, output="sums", axis=1)
    return graph.serialise()


class _Graph:
    """Builder of an ONNX graph."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: npt.NDArray[Any]) -> str:
        self._constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, inputs: list[str], output: str | None = None, **attributes: Any) -> str:
        output = output or f"{operator}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def weights(self, layer: str, shape: tuple[int, ...]) -> str:
        """Add weights of 127 for the first half of the filters and -127 for the rest, dequantized to 1 and -1."""
        values = np.full(shape, WEIGHT, np.int8)
        if len(shape) == 2:
            values[:, FILTERS // 2 :] = -WEIGHT
        else:
            values[FILTERS // 2 :] = -WEIGHT
        stored = self.constant(f"{layer} weights", values)
        scale = self.constant(f"{layer} weight scale", np.array(1 / WEIGHT, np.float32))
        zero = self.constant(f"{layer} weight zero-point", np.array(0, np.int8))
        return self.node("DequantizeLinear", [stored, scale, zero])

    def requantize(self, layer: str, values: str, products: int) -> str:
        """Quantize a layer's sums to 8 bits, and dequantize them as a fraction of the largest sum, `products`."""
        scale = self.constant(f"{layer} scale", np.array(products / STEPS, np.float32))
        fraction = self.constant(f"{layer} part", np.array(1 / STEPS, np.float32))
        zero = self.constant(f"{layer} zero-point", np.array(ZERO_POINT, np.uint8))
        return self.node("DequantizeLinear", [self.node("QuantizeLinear", [values, scale, zero]), fraction, zero])

    def serialise(self) -> bytes:
        size = len(LAYERS) * FILTERS
        image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", SIDE, SIDE, CHANNELS])
        sums = helper.make_tensor_value_info("sums", TensorProto.FLOAT, ["N", size])
        graph = helper.make_graph(self._nodes, "saturation", [image], [sums], self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "edge-mnist"
        contract = ModelContract(
            name="saturation",
            precision="int8",
            labels=tuple(f"{layer} {index}" for layer in LAYERS for index in range(FILTERS)),
            image_shape=(SIDE, SIDE, CHANNELS),
            input_range=UNIT_RANGE,
            preprocess_version=None,
            preprocess_sha256=None,
            source_sha256="",
            input_scale=1 / ACTIVATION,
            input_zero_point=0,
            can_saturate=True,
        )
        helper.set_model_props(model, {METADATA_KEY: contract.to_json()})
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString(deterministic=True))


def main() -> None:
    """Write both files into the runtime package."""
    for path, data in ((Path(BUNDLED_GOLDEN), make_bundled_golden()), (SATURATION_MODEL, make_saturation_model())):
        path.write_bytes(data)
        print(f"{path}: {len(data):,} bytes")


if __name__ == "__main__":
    main()
