"""Decide which predictions are accepted: by a minimum confidence, and below 0.98 by a check of the image.

The network sometimes takes noise, or two digits, for one digit, though seldom with high confidence. Most of these can
be told from a digit without the network: noise has several components, and the frame cuts several of its strokes; two
digits have an empty column between them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from edge_mnist_runtime.tensor import count_lit_border

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels

CERTAIN: Final = 0.98
"""Confidence from which on the image is not checked. 97 of 100 MNIST digits reach it."""

EDGE_PIXELS: Final = 4
"""Minimum number of the frame's 108 edge pixels that are ink, if the frame cuts something."""
EDGE_RUNS: Final = 2
"""Minimum number of separate runs of these pixels. A line along one edge is a single run."""
EDGE_BRIGHTNESS: Final = 0.7
"""Fraction of the brightest pixel from which an edge pixel is ink, and neither noise nor a printed line."""
PART_BRIGHTNESS: Final = 0.5
"""Fraction of the brightest pixel from which any pixel is ink. Lower than at the edge, to keep faint strokes whole."""
PART_PIXELS: Final = 6
"""Minimum number of pixels of a connected part that counts, at the edge and elsewhere. Smaller parts are specks on a
digit: dust, or defective pixels. Of the specks in impulse noise 97 % are smaller."""
GAP_BRIGHTNESS: Final = 0.15
"""Fraction of the brightest pixel below which a column is empty, and lies between two digits. At 0.5 it would be empty
in 8 % of digits in relief, whose strokes are two bright edges."""
SIDE_BY_SIDE_HEIGHT: Final = 0.5
"""Minimum height of ink on one side of an empty column, as a fraction of the other side's, for two digits."""
SIDE_BY_SIDE_INK: Final = 0.3
"""Minimum number of ink pixels on one side, as a fraction of the other side's. None of MNIST's 5,000 validation digits
reaches both limits; of pairs of digits 87 % do, and others touch."""

ACCEPTANCE_VERSION: Final = 2
"""Raised with every change of the rule or a threshold."""

THRESHOLDS: Final = {
    "certain": CERTAIN,
    "edge_pixels": EDGE_PIXELS,
    "edge_runs": EDGE_RUNS,
    "edge_brightness": EDGE_BRIGHTNESS,
    "part_brightness": PART_BRIGHTNESS,
    "part_pixels": PART_PIXELS,
    "gap_brightness": GAP_BRIGHTNESS,
    "side_by_side_height": SIDE_BY_SIDE_HEIGHT,
    "side_by_side_ink": SIDE_BY_SIDE_INK,
}
"""The thresholds of the rule, for its hash. It is not the hash of picture reading: a model's minimum confidence was
chosen under this rule, and stays valid if pictures are read in another way."""

WHITE_INK: Final = bytes(level >= GAP_BRIGHTNESS * 255 for level in range(256))
"""For each grey level, whether it is ink beside a white pixel: a table for `bytes.translate`."""

_POSITIONS: Final = np.arange(784).reshape(28, 28)
_AROUND: Final = np.concatenate([_POSITIONS[0], _POSITIONS[1:, -1], _POSITIONS[-1, -2::-1], _POSITIONS[-2:0:-1, 0]])
"""Flat indices of the frame's edge pixels, in order around the frame."""


def acceptance_definition() -> dict[str, Any]:
    """Version and SHA-256 of the rule, for the command line's JSON output."""
    import hashlib  # loads OpenSSL, which a cold start does without
    import json

    thresholds = {"version": ACCEPTANCE_VERSION, **THRESHOLDS}
    return {
        "version": ACCEPTANCE_VERSION,
        "sha256": hashlib.sha256(json.dumps(thresholds, sort_keys=True).encode()).hexdigest(),
    }


def describe_rule(least_confidence: float) -> str:
    """Describe the rule in a sentence for reports and model cards."""
    return (
        f"Predictions whose highest probability is below {least_confidence:.3f} are rejected. So are those below "
        f"{CERTAIN:g} if the image shows several objects and its frame cuts some of them, or two digits side by side."
    )


def accept_predictions(
    probabilities: npt.NDArray[np.floating], images: Pixels, least_confidence: float
) -> npt.NDArray[np.bool_]:
    """Decide which predictions are accepted.

    Args:
        probabilities: Probabilities of N images, shape (N, 10).
        images: The N tensors, uint8, shape (N, 28, 28, 1).
        least_confidence: The model's minimum confidence, 0..1; 0 accepts everything.

    Returns:
        Bool, shape (N,).
    """
    confidences = find_highest(probabilities)[1]
    accepted: npt.NDArray[np.bool_] = confidences >= least_confidence
    if least_confidence:
        for row in np.flatnonzero(accepted & (confidences < CERTAIN)).tolist():
            accepted[row] = is_accepted(confidences.item(row), images[row].tobytes(), least_confidence)
    return accepted


def find_highest(
    probabilities: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.floating]]:
    """The most probable class of each row, shape (N, K), and its probability; each of shape (N,)."""
    likeliest = probabilities.argmax(1)
    return likeliest, probabilities[np.arange(len(likeliest)), likeliest]  # twice as fast as another max


def is_accepted(confidence: float, image: bytes, least_confidence: float) -> bool:
    """Like `accept_predictions` for one image, 784 grey levels, with its highest probability."""
    if not least_confidence or confidence >= CERTAIN:
        return confidence >= least_confidence
    return confidence >= least_confidence and not (shows_several_objects(image) or shows_two_digits(image))


def shows_several_objects(image: bytes) -> bool:
    """Whether an image, 784 grey levels, shows several objects and the frame cuts some of them.

    A single object may touch the edge: a digit that fills the frame.
    """
    if count_lit_border(image) < EDGE_PIXELS:  # true of nearly every digit
        return False
    pixels = np.frombuffer(image, np.uint8)
    brightest = int(pixels.max())
    is_ink = pixels[_AROUND] >= EDGE_BRIGHTNESS * brightest
    if not _leaves_frame(is_ink):
        return False
    from edge_mnist_runtime.reading.components import label_components  # seldom needed, so imported late

    parts = label_components(pixels.reshape(28, 28) >= PART_BRIGHTNESS * brightest)
    is_large = parts.areas >= PART_PIXELS
    if np.count_nonzero(is_large) < 2:
        return False
    return _leaves_frame(is_ink & parts.mask_of(is_large).reshape(-1)[_AROUND])


def shows_two_digits(image: bytes) -> bool:
    """Whether an image, 784 grey levels, shows two parts of similar size with an empty column between them."""
    if b"\0" not in _find_columns_with_ink(image).strip(b"\0"):  # true of nearly every digit
        return False
    pixels = np.frombuffer(image, np.uint8).reshape(28, 28)
    least = max(1.0, GAP_BRIGHTNESS * float(pixels.max()))
    is_ink = pixels >= least
    inked = np.flatnonzero(is_ink.any(0))
    before_gap = inked[:-1][np.diff(inked) > 1]
    return any(_are_alike(is_ink[:, : column + 1], is_ink[:, column + 1 :]) for column in before_gap.tolist())


def _find_columns_with_ink(image: bytes) -> bytes:
    """Which of the 28 columns hold ink: 1 or 0 each. Ink that is fainter than a white digit's is not found.

    Takes 2 us; NumPy takes 5, and 17 after a network has filled the caches.
    """
    rows = int.from_bytes(image.translate(WHITE_INK), "little")
    for n_rows in (14, 7, 4, 2, 1):  # lay the rows over each other, until the first holds the ink of all
        rows |= rows >> 8 * 28 * n_rows
    return rows.to_bytes(784, "little")[:28]


def _are_alike(left: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_]) -> bool:
    """Whether the ink of two masks, shape (28, W), is of similar height and amount."""
    heights = [int(np.ptp(np.flatnonzero(side.any(1)))) + 1 for side in (left, right)]
    amounts = [int(np.count_nonzero(side)) for side in (left, right)]
    return min(heights) >= SIDE_BY_SIDE_HEIGHT * max(heights) and min(amounts) >= SIDE_BY_SIDE_INK * max(amounts)


def _leaves_frame(is_ink: npt.NDArray[np.bool_]) -> bool:
    """Whether ink leaves the frame at several positions; `is_ink` is a mask of the edge pixels, shape (108,)."""
    begins = is_ink & ~np.roll(is_ink, 1)
    return bool(np.count_nonzero(is_ink) >= EDGE_PIXELS and np.count_nonzero(begins) >= EDGE_RUNS)
