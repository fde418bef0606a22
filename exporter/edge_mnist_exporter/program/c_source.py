"""Write an integer program as C99 without libraries and floats: NAME_int8.c and NAME_int8.h.

The operations are copied from `pieces/`, which has one C file for each kind of operation.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.program.arena import Arena, plan_arena
from edge_mnist_exporter.program.c_layers import write_layer
from edge_mnist_exporter.program.c_text import array, comment, rule, show_shape
from edge_mnist_exporter.program.program import Program, list_sources
from edge_mnist_runtime.errors import ConversionError, UsageError

LARGEST_SIZE: Final = 2**15 - 1
"""What an int16_t holds: heights, widths and outputs do."""

IDENTIFIER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

PIECES: Final = (
    *("scaling", "convolution", "depthwise", "convolve", "pool", "mean", "add"),
    *("concatenate", "pad", "lookup", "softmax"),
)
"""Files of `pieces/`, in the order in which they stand in a source file."""

LIBRARY: Final = """\
/* What a freestanding compiler itself may call. Declared here (C99, 7.1.4), where <string.h> need not exist. */
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
int memcmp(const void *, const void *, size_t);
"""

LABELS_COLUMNS: Final = 80
"""Names of classes that are longer together are only counted."""


@dataclass(frozen=True, eq=False)
class GoldenVectors:
    """Images with the scores that they must get."""

    images: npt.NDArray[np.uint8]
    """Shape (N, H, W, C)."""
    scores: npt.NDArray[np.uint8]
    """Shape (N, K)."""


@dataclass(frozen=True)
class Provenance:
    """What the files say of themselves."""

    name: str
    """Of the model: every name that the header declares begins with it."""
    version: str
    """Of edge-mnist."""
    tflite_sha256: str
    """Of the int8 TFLite file that the program was read from."""
    labels: tuple[str, ...]
    least_confidence: float
    """From which probability on an answer is relied on, 0..1."""


@dataclass(frozen=True)
class CSource:
    """The two files, and what they need."""

    source: str
    header: str
    arena_bytes: int
    """RAM that the caller gives."""
    constant_bytes: int
    """Weights and tables, without code and without golden vectors."""


def check_c_name(name: str) -> None:
    """Raise `UsageError` unless C's names can begin with a model's name."""
    if not IDENTIFIER.fullmatch(name):
        raise UsageError(
            f"{name}: no identifier of C, which NAME_predict must be; rename the model's file or folder to letters, "
            "digits and _"
        )


def write_c(program: Program, golden: GoldenVectors, about: Provenance) -> CSource:
    """The C files of a program.

    Args:
        program: What they compute.
        golden: What NAME_self_test() replays.
        about: What they say of themselves.

    Raises:
        UsageError: The name is no C identifier.
        ConversionError: A layer is too large for the program's numbers.
    """
    check_c_name(about.name)
    for operation in program.operations:
        sizes = [size for value in list_sources(operation) for size in value.shape[:2]]
        if max(*operation.target.shape, *sizes) > LARGEST_SIZE:
            raise ConversionError(f"{operation.target.name}: larger than {LARGEST_SIZE:,}, which C's int16_t holds")
    arena = plan_arena(program)
    own = {program.pixels.name: "pixels", program.scores.name: "scores"}
    bands = {f"band {operation.target.name}": "NULL" for operation in program.operations}
    bands |= {name: f"arena + {offset}" for name, offset in arena.offsets.items() if name in bands}
    # With an ending, because a layer may be called as a function or a keyword of C is.
    values = {operation.target.name: f"{operation.target.name}_out" for operation in program.operations}
    layers = [write_layer(operation, {**values, **own, **bands}) for operation in program.operations]
    name = about.name
    arguments = (
        f"uint8_t arena[{name}_arena_bytes], const uint8_t pixels[{name}_pixels],\n    uint8_t scores[{name}_classes]"
    )
    places = "".join(
        f"    uint8_t *const {values[value.name]} = arena + {arena.offsets[value.name]}; /* {show_shape(value)} */\n"
        for value in dict.fromkeys(operation.target for operation in program.operations)
        if value.name in arena.offsets
    )
    calls = "".join(f"    {call};\n" for layer in layers for call in layer.calls)
    titles = [layer.title for layer in layers]
    needed = {piece for layer in layers for piece in layer.pieces}
    source = "\n".join(
        [
            comment([*_synopsis(about), "", *_memory_map(program, arena, titles)]),
            f'#include "{name}_int8.h"\n',
            "#include <stddef.h>\n",
            LIBRARY,
            "#if -1 >> 1 != -1",
            '#error "shifting a negative number to the right must keep its sign"',
            "#endif\n",
            f'const char {name}_version[] = "{about.version}";',
            f'const char {name}_sha256[] = "{about.tflite_sha256}";\n',
            *(["#define HAS_DEPTHWISE\n"] if "depthwise" in needed else []),
            *(_read_piece(piece) for piece in PIECES if piece in needed),
            rule("The network"),
            *(layer.constants for layer in layers if layer.constants),
            f"void {name}_predict({arguments})\n{{\n{places}\n{calls}}}\n",
            _write_self_test(name, golden),
        ]
    )
    header = _write_header(program, about, arguments, arena.size_bytes, len(golden.images))
    return CSource(source, header, arena.size_bytes, sum(layer.constant_bytes for layer in layers))


def pack_zeros(data: bytes) -> bytes:
    """Runs of zeros as 0 and their length, 1 to 255; all other bytes as they are."""
    return re.sub(rb"\0{1,255}", lambda run: bytes((0, len(run[0]))), data)


def _write_header(program: Program, about: Provenance, arguments: str, arena_bytes: int, n_golden: int) -> str:
    name, guard = about.name, f"{about.name.upper()}_INT8_H"
    least = int(np.ceil(about.least_confidence / program.output_scale - 1e-9))
    return f"""{comment(_synopsis(about))}
#ifndef {guard}
#define {guard}

#include <stdint.h>

#ifdef __cplusplus
extern "C" {{
#endif

enum {{
    {name}_pixels = {program.pixels.size_bytes}, /* {show_shape(program.pixels)}, row by row */
    {name}_classes = {program.scores.size_bytes},
    {name}_arena_bytes = {arena_bytes},
    {name}_least_confidence = {least}, /* an answer whose score is below it is not to be relied on */
    {name}_golden_vectors = {n_golden}
}};

extern const char {name}_version[]; /* of edge-mnist, which wrote this */
extern const char {name}_sha256[];  /* of the int8 TFLite file that this computes */

/* Scores of an image: probabilities in 256ths. The class of the largest one is the answer.
 *
 *   arena    memory to work in, of any alignment; what it holds before and after does not matter
 *   pixels   bright ink on black, 0..255; left as they are
 *   scores   {_list_labels(about.labels)}
 *
 * The three must not overlap. Any number of threads may call it at once, each with an arena of its own. */
void {name}_predict({arguments});

#ifndef EDGE_MNIST_NO_SELF_TEST
/* Replays the golden vectors of the source file, and returns how many of them got other scores than they must: 0 if
 * this build is right. Both arguments are memory to work in. */
int {name}_self_test(uint8_t arena[{name}_arena_bytes], uint8_t pixels[{name}_pixels]);
#endif

#ifdef __cplusplus
}}
#endif
#endif
"""


def _synopsis(about: Provenance) -> list[str]:
    name = about.name
    return [
        f"{name}: an int8 neural network, as integers alone",
        f"Written by edge-mnist {about.version} from {name}_int8.tflite",
        f"SHA-256 {about.tflite_sha256}",
        "",
        "Synopsis",
        "",
        f'    #include "{name}_int8.h"',
        "",
        f"    static uint8_t arena[{name}_arena_bytes];",
        f"    uint8_t pixels[{name}_pixels], scores[{name}_classes];",
        "",
        f"    {name}_predict(arena, pixels, scores);",
        "",
        "It gives the scores of TensorFlow Lite's reference kernels, bit by bit, on every processor. It is C99 for",
        "a freestanding compiler: no library, no malloc, no floating point, no state. Processors with AVX-512 VNNI,",
        "AVX2, SSE2, NEON, Arm's DSP instructions or wasm's simd128 multiply in vectors, if the compiler may use",
        "them.",
        "",
        "    -DEDGE_MNIST_PORTABLE      plain loops on every processor",
        "    -DEDGE_MNIST_NO_SELF_TEST  leave the golden vectors out",
    ]


def _memory_map(program: Program, arena: Arena, titles: Sequence[str]) -> list[str]:
    """What lies where in the arena while each operation runs."""

    def span(name: str) -> str:
        offset = arena.offsets.get(name)
        return "" if offset is None else f"{offset}..{offset + arena.lives[name][0] - 1}"

    lines = [
        f"Memory: an arena of {arena.size_bytes:,} bytes. A convolution copies the rows that it works on into its",
        "band, so its output may lie over its input. From byte to byte:",
        "",
        f"    {'':3}{'operation':34}{'band':>13}{'output':>13}  shape",
    ]
    for number, (operation, title) in enumerate(zip(program.operations, titles, strict=True), 1):
        name = operation.target.name
        places = f"{span(f'band {name}'):>13}{span(name) or 'scores':>13}"
        lines.append(f"    {number:<3}{title:34}{places}  {show_shape(operation.target)}")
    return lines


def _write_self_test(name: str, golden: GoldenVectors) -> str:
    packed = b"".join(pack_zeros(image.tobytes()) for image in golden.images)
    n_images, n_classes = golden.scores.shape
    images = array(
        "uint8_t", "golden_images", np.frombuffer(packed, np.uint8), f"{n_images} of them; 0 n stands for n zeros"
    )
    scores = array("uint8_t", "golden_scores", golden.scores, f"[{n_images}][{n_classes}]")
    return f"""#ifndef EDGE_MNIST_NO_SELF_TEST
{rule("Golden vectors: images that edge-mnist draws, and what the reference kernels answer")}
{images}{scores}
int {name}_self_test(uint8_t arena[{name}_arena_bytes], uint8_t pixels[{name}_pixels])
{{
    const uint8_t *packed = golden_images;
    int wrong = 0;

    for (int image = 0; image < {name}_golden_vectors; image++) {{
        for (int i = 0; i < {name}_pixels;) {{
            if (*packed) {{
                pixels[i++] = *packed++;
            }} else {{
                memset(pixels + i, 0, packed[1]);
                i += packed[1];
                packed += 2;
            }}
        }}
        uint8_t scores[{name}_classes];
        {name}_predict(arena, pixels, scores);
        wrong += memcmp(scores, golden_scores + image * {name}_classes, sizeof scores) != 0;
    }}
    return wrong;
}}
#endif
"""


def _read_piece(name: str) -> str:
    return (files("edge_mnist_exporter.program") / "pieces" / f"{name}.c").read_text("utf-8")


def _list_labels(labels: Sequence[str]) -> str:
    """What the scores are of, as far as a comment has room and characters for it."""
    text = ", ".join(labels)
    plain = text.isascii() and text.isprintable() and "*/" not in text
    return f"of {text}" if plain and len(text) <= LABELS_COLUMNS else f"of the {len(labels)} classes, in their order"
