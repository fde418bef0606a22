"""Decide which predictions are accepted: by a minimum confidence, and below 0.98 by a check of the image.

The network sometimes takes noise for a digit, though seldom with high confidence. Most of that noise can be told from a
digit without the network: it has several components, and the frame cuts several of its strokes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

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

ACCEPTANCE_VERSION: Final = 1
"""Raised with every change of the rule or a threshold."""

THRESHOLDS: Final = {
    "certain": CERTAIN,
    "edge_pixels": EDGE_PIXELS,
    "edge_runs": EDGE_RUNS,
    "edge_brightness": EDGE_BRIGHTNESS,
    "part_brightness": PART_BRIGHTNESS,
}
"""The thresholds of the rule, for its hash. It is not the hash of picture reading: a model's minimum confidence was
chosen under this rule, and stays valid if pictures are read in another way."""

BLACK_EDGE: Final = bytes(108)

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
        f"{CERTAIN:g} if the image shows several objects and its frame cuts some of them."
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
    return accept_confidences(find_highest(probabilities)[1], images, least_confidence)


def accept_confidences(
    confidences: npt.NDArray[np.floating], images: Pixels, least_confidence: float
) -> npt.NDArray[np.bool_]:
    """Like `accept_predictions`, with the highest probability of each image, shape (N,)."""
    accepted: npt.NDArray[np.bool_] = confidences >= least_confidence
    doubtful = np.flatnonzero(confidences < CERTAIN)
    if doubtful.size:  # check only images whose edge is not black: `is_accepted` passes the others
        has_edge_ink = images.reshape(len(images), -1)[doubtful[:, np.newaxis], _AROUND].any(1)
        for row in doubtful[has_edge_ink].tolist():
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
    return confidence >= least_confidence and not shows_several_objects(image)


def shows_several_objects(image: bytes) -> bool:
    """Whether an image, 784 grey levels, shows several objects and the frame cuts some of them.

    A single object may touch the edge: a digit that fills the frame.
    """
    if image[:28] + image[756:] + image[28:756:28] + image[55:756:28] == BLACK_EDGE:  # true of nearly every digit
        return False
    pixels = np.frombuffer(image, np.uint8)
    brightest = int(pixels.max())
    is_ink = pixels[_AROUND] >= EDGE_BRIGHTNESS * brightest
    begins = is_ink & ~np.roll(is_ink, 1)
    if np.count_nonzero(is_ink) < EDGE_PIXELS or np.count_nonzero(begins) < EDGE_RUNS:
        return False
    from edge_mnist_runtime.reading.components import label_components  # seldom needed, so imported late

    return len(label_components(pixels.reshape(28, 28) >= PART_BRIGHTNESS * brightest)) > 1
