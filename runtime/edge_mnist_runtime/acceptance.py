"""When a network's answers are relied on: never below its least confidence; below certainty after a second look.

Noise, of which no training shows enough, now and then resembles a digit, and the network takes it for one, though it is
seldom certain. Most of that noise differs from a digit in a way that needs no network: it is in several parts, and goes
on beyond the frame in several places.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from edge_mnist_runtime.tensor import Pixels

CERTAIN: Final = 0.98
"""From this confidence on nobody looks twice: 97 of 100 of MNIST's digits."""

EDGE_PIXELS: Final = 4
"""So many pixels of the frame's edge, of 108, are ink where it goes on beyond..."""
EDGE_RUNS: Final = 2
"""...in so many places: a line along one edge is one."""
EDGE_BRIGHTNESS: Final = 0.7
"""Part of the brightest pixel: what is ink at the edge, and neither grain nor a printed line."""
PART_BRIGHTNESS: Final = 0.5
"""Part of the brightest pixel: what is ink anywhere. Less than at the edge, or faint strokes would fall into parts."""

BLACK_EDGE: Final = bytes(108)

_PLACES: Final = np.arange(784).reshape(28, 28)
_AROUND: Final = np.concatenate([_PLACES[0], _PLACES[1:, -1], _PLACES[-1, -2::-1], _PLACES[-2:0:-1, 0]])
"""Where the pixels of the frame's edge lie, one beside the other all around."""


def describe_rule(least_confidence: float) -> str:
    """The rule as a sentence, for reports and cards."""
    return (
        f"Answers whose highest probability is below {least_confidence:.3f} are rejected, and those below {CERTAIN:g} "
        "to images of several things that the frame cuts."
    )


def accept_predictions(
    probabilities: npt.NDArray[np.floating], images: Pixels, least_confidence: float
) -> npt.NDArray[np.bool_]:
    """Which answers are to be relied on.

    Args:
        probabilities: Of N images, shape (N, 10).
        images: What the network read, uint8, shape (N, 28, 28, 1).
        least_confidence: The model's, in 0..1; 0 accepts everything.

    Returns:
        Shape (N,).
    """
    return accept_confidences(find_highest(probabilities)[1], images, least_confidence)


def accept_confidences(
    confidences: npt.NDArray[np.floating], images: Pixels, least_confidence: float
) -> npt.NDArray[np.bool_]:
    """As `accept_predictions` of answers whose highest probabilities are known, shape (N,)."""
    accepted: npt.NDArray[np.bool_] = confidences >= least_confidence
    doubtful = np.flatnonzero(confidences < CERTAIN)
    if doubtful.size:  # behind a black edge nothing goes on: `is_accepted` would say the same, one by one
        goes_on = images.reshape(len(images), -1)[doubtful[:, np.newaxis], _AROUND].any(1)
        for row in doubtful[goes_on].tolist():
            accepted[row] = is_accepted(confidences.item(row), images[row].tobytes(), least_confidence)
    return accepted


def find_highest(
    probabilities: npt.NDArray[np.floating],
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.floating]]:
    """The likeliest class of N answers, shape (N, K), and its probability; each of shape (N,)."""
    likeliest = probabilities.argmax(1)
    return likeliest, probabilities[np.arange(len(likeliest)), likeliest]  # max takes twice as long as argmax and this


def is_accepted(confidence: float, image: bytes, least_confidence: float) -> bool:
    """As `accept_predictions` of one image, 784 grey levels, whose answer has its highest probability given."""
    if not least_confidence or confidence >= CERTAIN:
        return confidence >= least_confidence
    return confidence >= least_confidence and not shows_several_objects(image)


def shows_several_objects(image: bytes) -> bool:
    """Whether an image, 784 grey levels, shows several things, and the frame's edge cuts some of them.

    One thing alone may touch the edge: a digit that fills the frame.
    """
    if image[:28] + image[756:] + image[28:756:28] + image[55:756:28] == BLACK_EDGE:  # of nearly every digit
        return False
    pixels = np.frombuffer(image, np.uint8)
    brightest = int(pixels.max())
    is_ink = pixels[_AROUND] >= EDGE_BRIGHTNESS * brightest
    begins = is_ink & ~np.roll(is_ink, 1)
    if np.count_nonzero(is_ink) < EDGE_PIXELS or np.count_nonzero(begins) < EDGE_RUNS:
        return False
    from edge_mnist_runtime.reading.components import label_components  # what hardly any caller ever needs

    return len(label_components(pixels.reshape(28, 28) >= PART_BRIGHTNESS * brightest)) > 1
