"""Predict with OpenVINO on the CPU. The option is INFERENCE_PRECISION_HINT, or `default`."""

from importlib.metadata import version

import openvino
from exchange import read_arguments, write_predictions

model, images, output, (precision,) = read_arguments()
settings = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
core = openvino.Core()
request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
predictions = [request.infer([images[at : at + 1]])[0].copy() for at in range(len(images))]
write_predictions(output, predictions, version("openvino"))
