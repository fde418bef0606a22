"""Predict with Apache TVM: its own importers, compiled for this processor by LLVM."""

import tvm
from exchange import read_arguments, write_predictions
from tvm import relax

model, images, output, _ = read_arguments()
if model.endswith(".onnx"):
    import onnx
    from tvm.relax.frontend.onnx import from_onnx

    module = from_onnx(onnx.load(model), {"image": (1, 28, 28, 1)})
else:
    from pathlib import Path

    import tflite
    from tvm.relax.frontend.tflite import from_tflite

    module = from_tflite(tflite.Model.GetRootAsModel(Path(model).read_bytes(), 0))
device = tvm.cpu()
machine = relax.VirtualMachine(tvm.compile(module, target="llvm"), device)
predictions = []
for at in range(len(images)):
    result = machine["main"](tvm.runtime.tensor(images[at : at + 1], device))
    predictions.append((result if hasattr(result, "numpy") else result[0]).numpy())
write_predictions(output, predictions, tvm.__version__)
