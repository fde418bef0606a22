"""Predict with LiteRT's newer interface, CompiledModel, on the CPU."""

from importlib.metadata import version

import numpy as np
from ai_edge_litert.compiled_model import CompiledModel
from exchange import read_arguments, write_predictions

model, images, output, _ = read_arguments()
compiled = CompiledModel.from_file(model)
inputs, outputs = compiled.create_input_buffers(0), compiled.create_output_buffers(0)
predictions = []
for at in range(len(images)):
    inputs[0].write(images[at : at + 1].copy())
    compiled.run_by_index(0, inputs, outputs)
    predictions.append(outputs[0].read(10, np.uint8).copy())
write_predictions(output, predictions, version("ai-edge-litert"))
