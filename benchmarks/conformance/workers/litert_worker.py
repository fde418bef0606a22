"""Predict with LiteRT's interpreter. The option is an OpResolverType, which chooses the kernels; AUTO is XNNPACK."""

from importlib.metadata import version

from ai_edge_litert.interpreter import Interpreter, OpResolverType
from exchange import read_arguments, write_predictions

model, images, output, (kernels,) = read_arguments()
interpreter = Interpreter(model_path=model, experimental_op_resolver_type=OpResolverType[kernels], num_threads=1)
interpreter.allocate_tensors()
image, probabilities = (
    details[0]["index"] for details in (interpreter.get_input_details(), interpreter.get_output_details())
)
predictions = []
for at in range(len(images)):
    interpreter.set_tensor(image, images[at : at + 1])
    interpreter.invoke()
    predictions.append(interpreter.get_tensor(probabilities))
write_predictions(output, predictions, version("ai-edge-litert"))
