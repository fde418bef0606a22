"""What a page holds of a model: its WebAssembly with and without vectors, and the figures that the page shows."""

from __future__ import annotations

import base64
import gzip
import json
import os
from dataclasses import asdict, dataclass
from typing import Final

from edge_mnist_runtime.bundles.bundled_models import MODELS_FOLDER, read_package_file
from edge_mnist_runtime.errors import CorruptModelError

SUFFIX: Final = "_int8.page.json"
"""How the files of the models inside this package end."""


@dataclass(frozen=True)
class PageModel:
    """A model for a page. The two builds share most bytes, such as the weights, and these are stored once."""

    name: str
    version: str
    """Of edge-mnist, which wrote the WebAssembly."""
    lengths: tuple[int, int, int, int]
    """Bytes of the common start, of what simd128 and plain have between, and of the common end, in this order."""
    weights: str
    """These bytes one after the other, gzipped, in base64."""
    top1: float = 0.0
    """Measured accuracy, 0..1."""
    images: int = 0
    """Number of images that it was measured on."""
    dataset: str = ""
    """The data set that they are from."""

    @classmethod
    def pack(cls, name: str, version: str, simd: bytes, plain: bytes) -> PageModel:
        """Pack the two WebAssembly builds of a model, without figures."""
        start = _count_common(simd, plain)
        end = _count_common(simd[start:][::-1], plain[start:][::-1])
        parts = (simd[:start], simd[start : len(simd) - end], plain[start : len(plain) - end], simd[len(simd) - end :])
        packed = gzip.compress(b"".join(parts), 9, mtime=0)
        lengths = (len(parts[0]), len(parts[1]), len(parts[2]), len(parts[3]))
        return cls(name, version, lengths, base64.b64encode(packed).decode("ascii"))

    def unpack(self) -> tuple[bytes, bytes]:
        """The two builds: with simd128, and plain."""
        start, simd, plain, end = self.lengths
        data = gzip.decompress(base64.b64decode(self.weights))
        first, last = data[:start], data[len(data) - end :]
        return first + data[start : start + simd] + last, first + data[start + simd : start + simd + plain] + last

    def to_json(self) -> str:
        """The text of its file."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> PageModel:
        """Parse the text of its file.

        Raises:
            ValueError: It is no such text.
        """
        try:
            record = json.loads(text)
            return cls(**{**record, "lengths": tuple(record["lengths"])})
        except (KeyError, TypeError) as error:
            raise ValueError(f"malformed ({error})") from error


def read_bundled_page_model(name: str) -> PageModel:
    """Read a model inside this package: robust, edge, micro or nano.

    Raises:
        CorruptModelError: Its file is missing or malformed.
    """
    path = os.path.join(MODELS_FOLDER, f"{name}{SUFFIX}")  # noqa: PTH118
    try:
        return PageModel.from_json(read_package_file(path).decode("utf-8"))
    except (OSError, ValueError) as error:
        raise CorruptModelError(f"{path}: cannot be read ({error}); install edge-mnist again") from error


def _count_common(one: bytes, other: bytes) -> int:
    """How many bytes two texts have in common at their start."""
    different = (at for at, (left, right) in enumerate(zip(one, other, strict=False)) if left != right)
    return next(different, min(len(one), len(other)))
