"""Convert the model with MNN's converter and predict with its module interface.

The converter's command line sends statistics and installs packages for that, so its function is called directly.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import MNN
import numpy as np
from exchange import read_arguments, write_predictions
from MNN import expr, nn

CONVERT = "import sys, MNN, _tools; _tools.mnnconvert(['mnnconvert', *sys.argv[1:]])"

model, images, output, _ = read_arguments()
kind = {".onnx": "ONNX", ".tflite": "TFLITE"}[Path(model).suffix]
with tempfile.TemporaryDirectory() as folder:
    converted = Path(folder) / "model.mnn"
    options = ["-f", kind, "--modelFile", model, "--MNNModel", str(converted), "--bizCode", "x"]
    done = subprocess.run([sys.executable, "-c", CONVERT, *options], capture_output=True, text=True, check=False)
    if not converted.exists():
        sys.exit(f"the converter made no file: {(done.stderr.strip() or done.stdout.strip()).splitlines()[-1]}")
    network = nn.load_module_from_file(str(converted), ["image"], ["probabilities"])
    predictions = []
    for at in range(len(images)):
        image = expr.const(images[at : at + 1], [1, 28, 28, 1], expr.NHWC, expr.uint8)
        predictions.append(np.array(network.forward([image])[0].read()))
write_predictions(output, predictions, MNN.version())
