"""Programs that run in Node.js or a browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.conformance.debian_packages import find_program
from benchmarks.conformance.environments import install_npm_packages
from benchmarks.conformance.subject import WORKERS, Command, Subject


def _in_node(worker: str, folder: Path, *options: str) -> Command:
    # Node.js looks for packages beside the worker.
    shutil.copy(WORKERS / worker, folder / worker)
    return Command(("node", worker), options, cwd=folder)


def _onnxruntime(package: str) -> Callable[[Path], Command]:
    return lambda root: _in_node("onnxruntime_worker.mjs", install_npm_packages(root, package), package)


def _litert_js(root: Path) -> Command:
    folder = install_npm_packages(root, "@litertjs/core", "playwright-core")
    return _in_node("litert_js_worker.mjs", folder, find_program(root, "chromium"))


JAVASCRIPT_PROGRAMS: Final = (
    Subject("onnxruntime-node", "onnxruntime-node", "default options", ("onnx",), _onnxruntime("onnxruntime-node")),
    Subject("onnxruntime-web", "onnxruntime-web", "wasm, in Node.js", ("onnx",), _onnxruntime("onnxruntime-web")),
    Subject("litert-js", "LiteRT.js", "wasm, in Chromium", ("tflite",), _litert_js),
)
