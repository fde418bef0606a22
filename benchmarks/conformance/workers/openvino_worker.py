"""OpenVINO on the CPU; the option is INFERENCE_PRECISION_HINT, `default` leaves it as it is."""

from importlib.metadata import version

import openvino
from exchange import read_arguments, write_answers

model, images, output, (precision,) = read_arguments()
settings = {} if precision == "default" else {"INFERENCE_PRECISION_HINT": precision}
core = openvino.Core()
request = core.compile_model(core.read_model(model), "CPU", settings).create_infer_request()
answers = [request.infer([images[at : at + 1]])[0].copy() for at in range(len(images))]
write_answers(output, answers, version("openvino"))
