"""What anyone would write without edge-mnist: the same two conversions and the same evaluations, and nothing else.

The peer of `bench_export.py`; it audits nothing, gates nothing and writes two files.
"""

from __future__ import annotations

import sys
from importlib import resources
from pathlib import Path

import ai_edge_litert.interpreter
import keras
import numpy as np
import onnx
import onnxruntime
import tensorflow as tf
import tf2onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from edge_mnist_trainer.sources import load_export_digits


class Reader(CalibrationDataReader):
    """Calibration images for onnxruntime, in batches of 100."""

    def __init__(self, images: np.ndarray) -> None:
        self._batches = iter(np.array_split(images, 5))

    def get_next(self) -> dict[str, np.ndarray] | None:
        """The next batch, or None."""
        batch = next(self._batches, None)
        return None if batch is None else {"image": batch / np.float32(255)}


def main() -> None:
    """Convert, evaluate, write into the folder that the command line names."""
    folder = Path(sys.argv[1])
    source = load_export_digits()
    calibration, images, labels = source.calibration.images[:500], source.evaluation.images, source.evaluation.labels
    model = keras.models.load_model(resources.files("edge_mnist_trainer") / "models" / "edge.keras", compile=False)

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image[np.newaxis] / np.float32(255)] for image in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.uint8
    tflite = converter.convert()
    (folder / "edge_int8.tflite").write_bytes(tflite)

    signature = (tf.TensorSpec((None, 28, 28, 1), tf.float32, name="image"),)
    traced = tf.function(lambda image: {"probabilities": model(image, training=False)}, input_signature=signature)
    proto, _ = tf2onnx.convert.from_function(traced, signature, opset=17)
    onnx.save(proto, folder / "float.onnx")
    quantize_static(
        folder / "float.onnx", folder / "edge_int8.onnx", Reader(calibration), quant_format=QuantFormat.QDQ,
        per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8,
    )  # fmt: skip

    reference = model.predict(images / np.float32(255), batch_size=1000, verbose=0).argmax(1)
    interpreter = ai_edge_litert.interpreter.Interpreter(model_content=tflite, num_threads=1)
    interpreter.allocate_tensors()
    entry, result = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    lite = []
    for image in images:
        interpreter.set_tensor(entry, image[np.newaxis])
        interpreter.invoke()
        lite.append(interpreter.get_tensor(result)[0].argmax())
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(folder / "edge_int8.onnx", options, providers=["CPUExecutionProvider"])
    batches = [images[start : start + 256] / np.float32(255) for start in range(0, len(images), 256)]
    onnx_answers = np.concatenate([session.run(None, {"image": batch})[0].argmax(1) for batch in batches])
    for name, answers in (("keras", reference), ("tflite", np.array(lite)), ("onnx", onnx_answers)):
        print(name, (answers == labels).mean())


if __name__ == "__main__":
    main()
