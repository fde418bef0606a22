"""TensorFlow Lite Micro's interpreter, the one of microcontrollers, with its reference kernels."""

from importlib.metadata import version

from exchange import read_arguments, write_answers
from tflite_micro.python.tflite_micro import runtime

model, images, output, _ = read_arguments()
interpreter = runtime.Interpreter.from_file(model)
answers = []
for at in range(len(images)):
    interpreter.set_input(images[at : at + 1], 0)
    interpreter.invoke()
    answers.append(interpreter.get_output(0))
write_answers(output, answers, version("tflite-micro"))
