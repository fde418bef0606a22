"""Predict with onnxruntime and default options, in batches."""

import onnxruntime
from exchange import read_arguments, write_predictions

BATCH = 100

model, images, output, _ = read_arguments()
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
predictions = [session.run(None, {name: images[at : at + BATCH]})[0] for at in range(0, len(images), BATCH)]
write_predictions(output, predictions, onnxruntime.__version__)
