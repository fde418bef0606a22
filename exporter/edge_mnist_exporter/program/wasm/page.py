"""Make the page on which anyone draws a digit, and prove the WebAssembly inside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.c_program import CProgram
from edge_mnist_exporter.program.wasm.build import build_wasm, require_wasm_compiler
from edge_mnist_exporter.program.wasm.proof import WasmReport, prove_wasm
from edge_mnist_runtime.errors import UnsupportedModelError
from edge_mnist_runtime.web.page import make_page
from edge_mnist_runtime.web.page_model import PageModel


@dataclass(frozen=True, kw_only=True)
class PageReport(WasmReport):
    """What the WebAssembly inside a page needs, and how it was proved. Sizes: of the build with vectors."""

    def __str__(self) -> str:
        return f"the WebAssembly inside has {super().__str__()}"


def make_page_model(program: CProgram) -> PageModel:
    """Compile a program for a page, with vectors and without.

    Raises:
        UnsupportedModelError: The model does not read digits.
        MissingExtraError: There is neither clang with wasm-ld nor ziglang.
        ConversionError: The compiler fails.
    """
    if not program.kernels.contract.reads_digits:
        raise UnsupportedModelError(f"{program.name}: it does not read digits, and a page shows digits alone")
    return PageModel.pack(program.name, program.version, build_wasm(program), build_wasm(program, simd=False))


def fill_page(model: PageModel, top1: float, images: int, dataset: str) -> bytes:
    """The page, with the figures of the evaluation: accuracy, 0..1, number of images, and name of their data set."""
    return make_page(replace(model, top1=top1, images=images, dataset=dataset))


def prove_page(
    model: PageModel, program: CProgram, images: npt.NDArray[np.uint8], expected: npt.NDArray[np.uint8]
) -> PageReport:
    """Run both builds inside a page on every image in Node, and compare their scores.

    Arguments and errors: as of `prove_wasm`.
    """
    simd, plain = model.unpack()
    compiler = require_wasm_compiler().version
    reports = [prove_wasm(wasm, compiler, program, images, expected) for wasm in (simd, plain)]
    differing = max(report.differing for report in reports)
    return PageReport(**{**asdict(reports[0]), "builds": ("simd128", "plain"), "differing": differing})
