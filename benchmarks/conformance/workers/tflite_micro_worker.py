"""Predict with TensorFlow Lite Micro, the interpreter for microcontrollers, with reference kernels."""

from importlib.metadata import version

from exchange import read_arguments, write_predictions
from tflite_micro.python.tflite_micro import runtime

model, images, output, _ = read_arguments()
interpreter = runtime.Interpreter.from_file(model)
predictions = []
for at in range(len(images)):
    interpreter.set_input(images[at : at + 1], 0)
    interpreter.invoke()
    predictions.append(interpreter.get_output(0))
write_predictions(output, predictions, version("tflite-micro"))
