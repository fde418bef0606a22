"""onnxruntime and LiteRT on emulated x86 and ARM64 processors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.conformance.emulation import emulate_arm64, emulate_x86
from benchmarks.conformance.environments import make_venv
from benchmarks.conformance.subject import WORKERS, Command, Subject


def _onnxruntime_on_x86(processor: str) -> Callable[[Path], Command]:
    def prepare(root: Path) -> Command:
        python = make_venv(root, "onnxruntime", "onnxruntime")
        return Command((*emulate_x86(root, processor, python), str(WORKERS / "onnxruntime_worker.py")))

    return prepare


def _on_arm64(worker: str, processor: str, package: str, *options: str) -> Callable[[Path], Command]:
    def prepare(root: Path) -> Command:
        start, env = emulate_arm64(root, processor, package)
        return Command((*start, str(WORKERS / worker)), options, env)

    return prepare


EMULATED_PROGRAMS: Final = (
    Subject(
        "onnxruntime-nehalem",
        "onnxruntime",
        "x86 without AVX (Nehalem), emulated",
        ("onnx",),
        _onnxruntime_on_x86("Nehalem"),
        emulated=True,
    ),
    Subject(
        "onnxruntime-haswell",
        "onnxruntime",
        "x86 with AVX2, no VNNI (Haswell), emulated",
        ("onnx",),
        _onnxruntime_on_x86("Haswell"),
        emulated=True,
    ),
    *(
        Subject(
            f"onnxruntime-{processor}",
            "onnxruntime",
            f"ARM64 {condition} ({processor}), emulated",
            ("onnx",),
            _on_arm64("onnxruntime_worker.py", processor, "onnxruntime"),
            emulated=True,
        )
        for processor, condition in (("cortex-a72", "without dot products"), ("cortex-a76", "with dot products"))
    ),
    *(
        Subject(
            f"litert-{processor}",
            "LiteRT, Interpreter",
            f"XNNPACK, ARM64 {condition} ({processor}), emulated",
            ("tflite",),
            _on_arm64("litert_worker.py", processor, "ai-edge-litert", "AUTO"),
            emulated=True,
        )
        for processor, condition in (("cortex-a72", "without dot products"), ("cortex-a76", "with dot products"))
    ),
    Subject(
        "litert-reference-cortex-a72",
        "LiteRT, Interpreter",
        "reference kernels, ARM64 (cortex-a72), emulated",
        ("tflite",),
        _on_arm64("litert_worker.py", "cortex-a72", "ai-edge-litert", "BUILTIN_REF"),
        emulated=True,
    ),
)
