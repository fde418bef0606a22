"""Convert the model with pnnx, whose path is the option, and predict with ncnn."""

import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

import ncnn
from exchange import read_arguments, write_predictions

model, images, output, (pnnx,) = read_arguments()
with tempfile.TemporaryDirectory() as folder:
    shutil.copy(model, Path(folder) / "model.onnx")
    command = [pnnx, "model.onnx", "inputshape=[1,28,28,1]u8"]
    subprocess.run(command, cwd=folder, capture_output=True, check=False)
    network = ncnn.Net()
    if network.load_param(f"{folder}/model.ncnn.param") or network.load_model(f"{folder}/model.ncnn.bin"):
        lines = Path(folder, "model.ncnn.param").read_text().splitlines()[2:]
        foreign = sorted(
            {line.split()[0] for line in lines} & {"pnnx.Expression", "QuantizeLinear", "DequantizeLinear"}
        )
        sys.exit(f"pnnx writes layers that ncnn does not have: {', '.join(foreign)}")
    predictions = []
    for image in images:
        with network.create_extractor() as extractor:
            extractor.input("in0", ncnn.Mat(image[..., 0].astype("float32")))
            predictions.append(extractor.extract("out0")[1].numpy())
write_predictions(output, predictions, version("ncnn"))
