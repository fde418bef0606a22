"""The request that a converter receives: model, file kind, calibration images, settings."""

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
"""A quoted name of an operation or tensor, with its layers in front. The first match names the refused operation."""

REASON: Final = re.compile(r"'tf\.\w+' op [^\n]+")
"""The reason in a message of TensorFlow's converter. It follows a location of up to hundreds of characters."""

Made = TypeVar("Made")

Mixer = Callable[[tuple[str, ...]], bytes]
"""Takes the names of the layers that stay in float; returns a file that computes all others in int8."""


@dataclass(frozen=True)
class ConversionRequest:
    """One file to convert."""

    source: SourceModel
    """The Keras model."""
    kind: Kind
    """Format, precision and input dtype."""
    contract: ModelContract
    """Metadata to store in the file."""
    calibration: Pixels
    """Images, uint8, shape (N, H, W, C), that set the ranges of quantized tensors."""
    config: ConversionConfig
    """Conversion settings."""
    made: dict[tuple[str, ConversionConfig], Any] = field(default_factory=dict, repr=False, compare=False)
    """Intermediate results that requests of the same network and images share; see `make_once`."""

    @property
    def calibration_values(self) -> npt.NDArray[np.float32]:
        """The calibration images as a file with an 8-bit input reads them, float32, shape (N, H, W, C).

        The zero-point is the mean rounded to a whole grey level. These values use the rounded mean too, so that every
        converter finds the same zero-point, however it rounds halves.
        """
        _, zero_point = self.source.input_quantization
        return replace(self.source.input_range, mean=(float(zero_point),)).apply(self.calibration)

    def make_once(self, what: str, make: Callable[[], Made]) -> Made:
        """Make an intermediate result once for all requests that share `made`.

        Args:
            what: Its name. The result may depend on network, images and all settings except `float_layers`.
            make: Makes it.
        """
        key = what, replace(self.config, float_layers=())
        if key not in self.made:
            self.made[key] = make()
        made: Made = self.made[key]
        return made

    def refused(self, converter: str, error: Exception) -> ConversionError:
        """The ConversionError for a converter's exception: one line with the layer that its message names."""
        text = str(error)
        operation = SCOPED_NAME.search(text)
        at = f" at {self.locate(operation['name'])}" if operation else ""
        reason = REASON.search(text)
        said = reason[0] if reason else first_line(error)
        return ConversionError(f"{self.source.origin}: {converter} refused it{at} ({said})")

    def locate(self, *names: str) -> str:
        """Describe an operation for messages, from its name and those of its tensors: by its layer, else by itself."""
        layer = find_layer(names, list_layers(self.source.keras_model))
        return f"the layer {layer}" if layer else f"the operation {'/'.join(names[0].split('/')[-2:])}"
