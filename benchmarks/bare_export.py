"""Convert and evaluate `edge` without edge-mnist: the baseline for `bench_export.py`.

    python bare_export.py FOLDER PRECISION ...

It does the same conversions and evaluations as `edge-mnist export`. It has no audit, gates or comparison, and writes
only the model files.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import ai_edge_litert.interpreter
import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.transformers.float16 import convert_float_to_float16

from edge_mnist_trainer.data.sources import load_export_digits


class Reader(CalibrationDataReader):
    """Calibration images for onnxruntime, in batches of 100."""

    def __init__(self, images: np.ndarray) -> None:
        self._batches = iter(np.array_split(images, 5))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the next batch, or None."""
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch / np.float32(255)}


def to_tflite(model: Any, precision: str, calibration: np.ndarray) -> bytes:
    """Convert a model as TensorFlow's guide shows."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if precision == "fp32":
        return converter.convert()
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if precision == "fp16":
        converter.target_spec.supported_types = [tf.float16]
    if precision in ("int8", "int16x8"):
        converter.representative_dataset = lambda: ([image[np.newaxis] / np.float32(255)] for image in calibration)
    if precision == "int8":
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    if precision == "int16x8":
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    return converter.convert()


def to_onnx(model: Any, precisions: list[str], calibration: np.ndarray, folder: Path) -> Iterator[Path]:
    """Trace a model once, and write a file for each precision that ONNX has."""
    signature = (tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image"),)
    traced = tf.function(lambda image: {"probabilities": model(image, training=False)}, input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(traced, signature, opset=17)
    onnx.save(proto, folder / "edge_fp32.onnx")
    if "fp32" in precisions:
        yield folder / "edge_fp32.onnx"
    if "fp16" in precisions:
        onnx.save(convert_float_to_float16(proto, keep_io_types=True), folder / "edge_fp16.onnx")
        yield folder / "edge_fp16.onnx"
    if "int8" in precisions:
        quantize_static(
            folder / "edge_fp32.onnx", folder / "edge_int8.onnx", Reader(calibration), quant_format=QuantFormat.QDQ,
            per_channel=True, reduce_range=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
        )  # fmt: skip
        yield folder / "edge_int8.onnx"


def run_tflite(data: bytes, images: np.ndarray) -> np.ndarray:
    """Predict the digits, one image at a time."""
    interpreter = ai_edge_litert.interpreter.Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0], interpreter.get_output_details()[0]["index"]
    values = images if entry["dtype"] == np.uint8 else images / np.float32(255)
    predictions = []
    for value in values:
        interpreter.set_tensor(entry["index"], value[np.newaxis])
        interpreter.invoke()
        predictions.append(interpreter.get_tensor(result)[0].argmax())
    return np.array(predictions)


def run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    """Predict the digits, in batches."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    batches = [images[start : start + 256] / np.float32(255) for start in range(0, len(images), 256)]
    return np.concatenate([session.run(None, {"image": batch})[0].argmax(1) for batch in batches])


def main() -> None:
    """Convert the model, evaluate it and print its accuracies."""
    folder, precisions = Path(sys.argv[1]), sys.argv[2:]
    source = load_export_digits()
    calibration, images, labels = source.calibration.images[:500], source.evaluation.images, source.evaluation.labels
    model = keras.models.load_model(resources.files("edge_mnist_trainer") / "models" / "edge.keras", compile=False)
    predictions = {"keras": model.predict(images / np.float32(255), batch_size=1000, verbose=0).argmax(1)}
    for precision in precisions:
        data = to_tflite(model, precision, calibration)
        (folder / f"edge_{precision}.tflite").write_bytes(data)
        predictions[f"{precision} tflite"] = run_tflite(data, images)
    for path in to_onnx(model, precisions, calibration, folder):
        predictions[path.name] = run_onnx(path, images)
    for name, found in predictions.items():
        print(name, (found == labels).mean())


if __name__ == "__main__":
    main()
