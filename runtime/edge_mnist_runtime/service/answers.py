"""The answers of the service: their schemas for OpenAPI, and the JSON of predictions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from edge_mnist_runtime.errors import InputError
from edge_mnist_runtime.prediction import Prediction, Reason
from edge_mnist_runtime.predictions import Outcome


class QualityAnswer(BaseModel):
    """How well a picture shows its digit."""

    side_pixels: float = Field(description="The digit's longer side, in the picture's own pixels.")
    contrast: float = Field(description="Fraction 0..1 of the background's light that the ink takes away.")


class PredictionAnswer(BaseModel):
    """The result for one picture."""

    digit: int | None = Field(ge=0, le=9, description="Null if the picture is rejected.")
    likeliest: int | None = Field(ge=0, le=9, description="The most probable digit, also of a rejected picture.")
    confidence: float = Field(ge=0, le=1, description="The highest probability.")
    accepted: bool
    reason: Reason | None = Field(description="Why the picture is rejected.")
    quality: QualityAnswer | None = Field(description="Null for tensors and blank pictures.")
    probabilities: list[float] | None = Field(
        default=None, min_length=10, max_length=10, description="Only with ?probabilities=true."
    )


class UnreadableAnswer(BaseModel):
    """A picture of a batch that cannot be read; the others are still classified."""

    error: str


class ClassifyAnswer(BaseModel):
    """One result for each picture, in the order of the request."""

    predictions: list[PredictionAnswer | UnreadableAnswer]


class ProblemAnswer(BaseModel):
    """Why a request was refused, in one line."""

    detail: str


class HealthAnswer(BaseModel):
    """The process runs and answers."""

    status: str


class ReadinessAnswer(BaseModel):
    """Whether requests are taken, and which model answers them."""

    status: str
    model: str
    precision: str
    sha256: str | None = Field(description="SHA-256 of the model file.")
    version: str = Field(description="Version of edge-mnist.")


def write_predictions(outcomes: Sequence[Outcome], *, probabilities: bool) -> bytes:
    """Write results as the JSON of `ClassifyAnswer`.

    Each prediction is `Prediction.to_dict()`, without `probabilities` unless they are asked for: ten numbers take
    longer to write than the network takes to compute them.
    """
    items = [_write_item(outcome, probabilities=probabilities) for outcome in outcomes]
    return f'{{"predictions":[{",".join(items)}]}}'.encode()


def _write_item(outcome: Outcome, *, probabilities: bool) -> str:
    if isinstance(outcome, InputError):
        return json.dumps({"error": str(outcome)})
    if probabilities:
        return json.dumps(outcome.to_dict())
    digit = outcome.digit
    if digit is not None and outcome.quality is None:  # an accepted tensor: a third of the time of `json.dumps`
        return (
            f'{{"digit":{digit},"likeliest":{digit},"confidence":{outcome.confidence!r},"accepted":true,'
            '"reason":null,"quality":null}'
        )
    return json.dumps(_without_probabilities(outcome))


def _without_probabilities(prediction: Prediction) -> dict[str, Any]:
    return {
        "digit": prediction.digit,
        "likeliest": prediction.likeliest,
        "confidence": prediction.confidence,
        "accepted": prediction.accepted,
        "reason": prediction.reason,
        "quality": prediction.quality and prediction.quality.to_dict(),
    }
