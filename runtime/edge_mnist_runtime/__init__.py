"""Classify handwritten digits on a device with onnxruntime, NumPy and Pillow, without TensorFlow.

    >>> from edge_mnist_runtime import DigitClassifier
    >>> DigitClassifier().predict("digit.png").digit  # doctest: +SKIP
    7

Importing this package loads nothing else: a module is imported when one of its names is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from edge_mnist_runtime.lazy_names import load_when_used

if TYPE_CHECKING:
    from edge_mnist_runtime.box import Box
    from edge_mnist_runtime.bundles.model_files import open_model
    from edge_mnist_runtime.classifier import DigitClassifier
    from edge_mnist_runtime.classifier_info import ClassifierInfo
    from edge_mnist_runtime.errors import (
        ContractError,
        CorruptModelError,
        EdgeMnistError,
        HashMismatchError,
        InputDtypeError,
        InputError,
        InputRangeError,
        InputShapeError,
        IntegrityError,
        ManifestError,
        MissingExtraError,
        PictureError,
        SignatureError,
        UsageError,
    )
    from edge_mnist_runtime.prediction import Prediction, Quality
    from edge_mnist_runtime.rows.reader import RowDigit, RowReading

__version__ = "0.1.0"

_HOME_OF: Final = {
    "Box": "box",
    "DigitClassifier": "classifier",
    "ClassifierInfo": "classifier_info",
    "Prediction": "prediction",
    "Quality": "prediction",
    "RowDigit": "rows.reader",
    "RowReading": "rows.reader",
    "ContractError": "errors",
    "CorruptModelError": "errors",
    "EdgeMnistError": "errors",
    "HashMismatchError": "errors",
    "InputDtypeError": "errors",
    "InputError": "errors",
    "InputRangeError": "errors",
    "InputShapeError": "errors",
    "IntegrityError": "errors",
    "ManifestError": "errors",
    "MissingExtraError": "errors",
    "PictureError": "errors",
    "SignatureError": "errors",
    "UsageError": "errors",
    "open_model": "bundles.model_files",
}

__all__ = [
    "Box",
    "ClassifierInfo",
    "ContractError",
    "CorruptModelError",
    "DigitClassifier",
    "EdgeMnistError",
    "HashMismatchError",
    "InputDtypeError",
    "InputError",
    "InputRangeError",
    "InputShapeError",
    "IntegrityError",
    "ManifestError",
    "MissingExtraError",
    "PictureError",
    "Prediction",
    "Quality",
    "RowDigit",
    "RowReading",
    "SignatureError",
    "UsageError",
    "__version__",
    "open_model",
]


__getattr__ = load_when_used(__name__, _HOME_OF)


def __dir__() -> list[str]:
    return sorted(__all__)
