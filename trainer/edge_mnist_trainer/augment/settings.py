"""Settings of the augmentation of training images."""

from __future__ import annotations

from dataclasses import astuple, dataclass, field, replace

from edge_mnist_runtime.errors import UsageError


@dataclass(frozen=True)
class AffineRange:
    """How far a digit may be distorted; every quantity is drawn uniformly and independently for each image."""

    rotation_degrees: float = 12.0
    """Rotation about the centre, +- this many degrees."""
    log_scale: float = 0.13
    """Natural logarithm of the scale of each axis, +- this much."""
    shear: float = 0.18
    """Horizontal shear: columns moved for each row, +- this much."""
    shift_pixels: float = 2.4
    """Translation along each axis, +- this many pixels."""

    def scaled(self, part: float) -> AffineRange:
        """This part of each range."""
        return AffineRange(*(part * limit for limit in astuple(self)))


@dataclass(frozen=True)
class Augmentation:
    """How training images are augmented; drawn again for each image in each epoch."""

    affine: AffineRange = field(default_factory=AffineRange)
    """Rotation, scale, shear and shift."""
    elastic_pixels: float = 0.0
    """Standard deviation of a smooth displacement field, in pixels; 0 for none."""
    corrupted_part: float = 0.0
    """Part of the images, 0..1, that undergo one corruption each (`corruptions.py`) after the distortion."""
    printed_part: float = 0.0
    """Part of an epoch's images, 0 to below 1, that are digits in the training families of `fonts.py`."""
    drawn_part: float = 0.0
    """Fraction of digits drawn in other handwriting styles (`strokes.py`)."""
    no_digit_part: float = 0.0
    """Fraction of negatives (`negatives.py`), trained to the same probability for each digit."""

    def __post_init__(self) -> None:
        if not 0 <= self.printed_part + self.drawn_part + self.no_digit_part < 1:
            raise UsageError("what is printed, drawn or no digit must leave a part of an epoch to what is to be learnt")

    def weakened(self, strength: float) -> Augmentation:
        """Return a copy with affine and elastic distortions scaled by `strength`, 0..1."""
        return replace(self, affine=self.affine.scaled(strength), elastic_pixels=strength * self.elastic_pixels)
