"""What a converter is asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

from edge_mnist_exporter.config import ConversionConfig
from edge_mnist_exporter.formats.layer_names import find_layer, list_layers
from edge_mnist_exporter.kinds import Kind
from edge_mnist_exporter.source.source_model import SourceModel
from edge_mnist_runtime.contract import ModelContract
from edge_mnist_runtime.errors import ConversionError, first_line
from edge_mnist_runtime.tensor import Pixels

SCOPED_NAME: Final = re.compile(r"""["'](?P<name>[^"'@\s]*/[^"'@\s]*)["'@]""")
"""A quoted name of an operation or tensor with the names of layers in front of it; the first one is the culprit's."""

REASON: Final = re.compile(r"'tf\.\w+' op [^\n]+")
"""What TensorFlow's converter says behind the place, which may take hundreds of characters."""

Made = TypeVar("Made")

Mixer = Callable[[tuple[str, ...]], bytes]
"""From the layers that are to stay in float to the bytes of a file that computes all others in int8."""


@dataclass(frozen=True)
class ConversionRequest:
    """One file to be made."""

    source: SourceModel
    """The Keras model."""
    kind: Kind
    """Format, precision and input dtype."""
    contract: ModelContract
    """What the file must carry about itself."""
    calibration: Pixels
    """Images, uint8, shape (N, H, W, C), that fix the ranges of quantized tensors."""
    config: ConversionConfig
    """How it is to be made."""
    made: dict[tuple[str, ConversionConfig], Any] = field(default_factory=dict, repr=False, compare=False)
    """What converters made on the way to other files of the same network and images: see `make_once`."""

    @property
    def calibration_values(self) -> npt.NDArray[np.float32]:
        """The calibration images as a file with an 8-bit input reads them, float32, shape (N, H, W, C).

        Where the mean is no whole grey level, the file's zero-point is off by a part of one. Values that are off alike
        let a converter find that zero-point and no other, however it rounds halves.
        """
        _, zero_point = self.source.input_quantization
        return replace(self.source.input_range, mean=(float(zero_point),)).apply(self.calibration)

    def make_once(self, what: str, make: Callable[[], Made]) -> Made:
        """What `make` gives, made once for all requests that share `made`.

        Args:
            what: Its name. It may depend on the network, the images and the settings but for `float_layers`.
            make: Makes it.
        """
        key = what, replace(self.config, float_layers=())
        if key not in self.made:
            self.made[key] = make()
        made: Made = self.made[key]
        return made

    def refused(self, converter: str, error: Exception) -> ConversionError:
        """The error that says so in one line, with the layer that the converter's own message is about."""
        text = str(error)
        operation = SCOPED_NAME.search(text)
        at = f" at {self.locate(operation['name'])}" if operation else ""
        reason = REASON.search(text)
        said = reason[0] if reason else first_line(error)
        return ConversionError(f"{self.source.origin}: {converter} refused it{at} ({said})")

    def locate(self, *names: str) -> str:
        """The layer that names of an operation and its tensors are about, else the operation, in words."""
        layer = find_layer(names, list_layers(self.source.keras_model))
        return f"the layer {layer}" if layer else f"the operation {'/'.join(names[0].split('/')[-2:])}"
