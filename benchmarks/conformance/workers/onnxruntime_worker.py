"""onnxruntime with default options, in batches as a program would make them."""

import onnxruntime
from exchange import read_arguments, write_answers

BATCH = 100

model, images, output, _ = read_arguments()
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
name = session.get_inputs()[0].name
answers = [session.run(None, {name: images[at : at + BATCH]})[0] for at in range(0, len(images), BATCH)]
write_answers(output, answers, onnxruntime.__version__)
