"""Programs that run in Python on this machine's processor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.conformance.environments import call, make_venv
from benchmarks.conformance.subject import WORKERS, Command, Format, Subject

BOTH: Final[tuple[Format, ...]] = ("onnx", "tflite")


def in_venv(worker: str, name: str, *packages: str, options: tuple[str, ...] = ()) -> Callable[[Path], Command]:
    """Make a function that prepares a worker in a virtual environment with packages."""

    def prepare(root: Path) -> Command:
        return Command((str(make_venv(root, name, *packages)), str(WORKERS / worker)), options)

    return prepare


def _prepare_ncnn(root: Path) -> Command:
    python = make_venv(root, "ncnn", "ncnn")
    # --no-deps: the package requires PyTorch, but pnnx reads ONNX files without it.
    call([python, "-m", "pip", "install", "--quiet", "--no-deps", "pnnx"], "pip cannot install pnnx")
    find = "import importlib.util as util; print(util.find_spec('pnnx').submodule_search_locations[0])"
    pnnx = Path(call([python, "-c", find], "pnnx").strip()) / "pnnx"
    pnnx.chmod(0o755)
    return Command((str(python), str(WORKERS / "ncnn_worker.py")), (str(pnnx),))


def _litert(kernels: str) -> Callable[[Path], Command]:
    return in_venv("litert_worker.py", "litert", "ai-edge-litert", options=(kernels,))


def _openvino(precision: str) -> Callable[[Path], Command]:
    return in_venv("openvino_worker.py", "openvino", "openvino", options=(precision,))


PYTHON_PROGRAMS: Final = (
    Subject(
        "onnxruntime",
        "onnxruntime",
        "default options, this processor",
        ("onnx",),
        in_venv("onnxruntime_worker.py", "onnxruntime", "onnxruntime"),
    ),
    Subject("litert", "LiteRT, Interpreter", "XNNPACK (the default), this processor", ("tflite",), _litert("AUTO")),
    Subject(
        "litert-compiled",
        "LiteRT, CompiledModel",
        "CPU, this processor",
        ("tflite",),
        in_venv("compiled_model_worker.py", "litert", "ai-edge-litert"),
    ),
    Subject("litert-reference", "LiteRT, Interpreter", "reference kernels", ("tflite",), _litert("BUILTIN_REF")),
    Subject(
        "litert-builtin",
        "LiteRT, Interpreter",
        "optimized kernels without XNNPACK",
        ("tflite",),
        _litert("BUILTIN_WITHOUT_DEFAULT_DELEGATES"),
    ),
    Subject(
        "tflite-micro",
        "TensorFlow Lite Micro",
        "x86 build, reference kernels",
        ("tflite",),
        in_venv("tflite_micro_worker.py", "tflite-micro", "tflite-micro"),
    ),
    Subject("openvino", "OpenVINO", "default options, this processor", BOTH, _openvino("default")),
    Subject("openvino-f32", "OpenVINO", "INFERENCE_PRECISION_HINT f32", BOTH, _openvino("f32")),
    Subject(
        "opencv",
        "OpenCV dnn",
        "version 5, default engine",
        BOTH,
        in_venv("opencv_worker.py", "opencv", "opencv-python-headless>=5"),
    ),
    Subject(
        "opencv-4",
        "OpenCV dnn",
        "version 4",
        BOTH,
        in_venv("opencv_worker.py", "opencv-4", "opencv-python-headless<5"),
    ),
    Subject(
        "tvm",
        "Apache TVM",
        "Relax importers, LLVM",
        BOTH,
        in_venv("tvm_worker.py", "tvm", "apache-tvm", "onnx", "tflite"),
    ),
    Subject("mnn", "MNN", "its own converter", BOTH, in_venv("mnn_worker.py", "mnn", "MNN")),
    Subject("ncnn", "ncnn", "converted by pnnx", ("onnx",), _prepare_ncnn),
)
