"""All exceptions that edge-mnist raises on purpose, with the exit codes of the command line.

    EdgeMnistError                  1  base class; never raised itself
    ├── UsageError                  2  an argument or option is invalid or not supported
    │   ├── DataNotFoundError       2  the requested digits cannot be found
    │   └── OutputError             2  the output cannot be written (in the way, not permitted, disk full)
    ├── MissingExtraError           3  a needed optional dependency is not installed
    ├── ConversionError             4  a model could not be converted
    │   ├── UnsupportedModelError   4  the Keras model breaks the tensor contract
    │   ├── PrecisionProofError     4  a converted file does not have the precision in its name
    │   └── SaturationError         4  a converted file's int8 sums can saturate
    ├── GateError                   5  accuracy or parity fell short; no bundle was written
    ├── DivergedError               5  a training run's loss is NaN or infinite
    ├── IntegrityError              6  a file is not what it should be
    │   ├── CorruptModelError       6  a model file cannot be read
    │   ├── ContractError           6  a model or bundle was made for another preprocessing or tensor contract
    │   │   └── NoContractError     6  a model file has no contract: others made it
    │   ├── ManifestError           6  a bundle's manifest is missing or malformed
    │   ├── HashMismatchError       6  a file's SHA-256 differs from the recorded one
    │   ├── SignatureError          6  a bundle is not signed as required
    │   ├── DataError               6  a data file is damaged or not MNIST's
    │   └── UnfitDeviceError        6  this device does not give the recorded or exact results
    ├── RegressionError             7  a model became slower than the limit allows
    ├── UndecidedError              9  the measurements are too few or too noisy for a verdict
    └── InputError                  8  an input cannot be classified
        ├── PictureError            8  a picture cannot be opened
        │   └── EmptyFolderError    8  a folder holds no pictures; exit code 2 if `classify` finds no picture at all
        ├── InputShapeError         8  an array has the wrong shape
        ├── InputDtypeError         8  an array has the wrong dtype
        └── InputRangeError         8  an array's values are out of range

A message says in one line what is wrong, where, and what to do. It is written for callers of the library and names
parameters in backticks, as in "add `unsafe=True`". The command line prints the option instead: see
`commands/option_names.py`.
"""

from __future__ import annotations

from typing import ClassVar, Final

INTERRUPTED_EXIT_CODE: Final = 130
"""Exit code of a command that Ctrl-C ended: 128 + SIGINT, as in shells."""

CLOSED_PIPE_EXIT_CODE: Final = 141
"""Exit code of a command whose reader ended first, as with `head -1`: 128 + SIGPIPE, as in shells."""

LONGEST_REASON: Final = 200
"""Maximum length of another library's message, in characters."""

CUT: Final = "... (the error's cause says all)"
"""The end of a longer message that was cut."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, cut if it is too long; the name of its class if there is no message."""
    text = str(error).strip()
    line = text.splitlines()[0] if text else type(error).__name__
    return line if len(line) <= LONGEST_REASON else line[:LONGEST_REASON] + CUT


class EdgeMnistError(Exception):
    """Base class of all exceptions that edge-mnist raises on purpose."""

    exit_code: ClassVar[int] = 1


class UsageError(EdgeMnistError):
    """An argument or option is invalid or not supported."""

    exit_code = 2


class DataNotFoundError(UsageError):
    """The requested digits are in no folder and no cache, and cannot be downloaded."""


class OutputError(UsageError):
    """The output cannot be written: something is in the way, permission is missing, or the disk is full."""


class MissingExtraError(EdgeMnistError):
    """An optional dependency is not installed.

    Args:
        extra: Name of the extra that installs it. The message says `pip install "edge-mnist[extra]"`, or names the
            clone or wheel that this package was installed from.
        purpose: What needs the dependency, as the subject of the message.
    """

    exit_code = 3

    def __init__(self, extra: str, purpose: str) -> None:
        from edge_mnist_runtime.machine.versions import installed_from, requirement_with

        requirement = requirement_with(extra, installed_from())
        super().__init__(f'{purpose} needs an extra that is not installed: pip install "{requirement}"')
        self.extra, self._purpose = extra, purpose

    def __reduce__(self) -> tuple[type[MissingExtraError], tuple[str, str]]:
        return MissingExtraError, (self.extra, self._purpose)


class ConversionError(EdgeMnistError):
    """A model could not be converted."""

    exit_code = 4


class UnsupportedModelError(ConversionError):
    """The Keras model does not follow the tensor contract (inputs, outputs, layers)."""


class PrecisionProofError(ConversionError):
    """A converted file's graph does not have the precision that its name claims."""


class SaturationError(ConversionError):
    """A converted file's weights are so large that int8 sums can saturate on some processors."""


class GateError(EdgeMnistError):
    """Accuracy or parity fell short of a limit; no bundle was written."""

    exit_code = 5


class DivergedError(EdgeMnistError):
    """A training run's loss is NaN or infinite; the last good model is kept."""

    exit_code = 5


class IntegrityError(EdgeMnistError):
    """A file is not what it should be."""

    exit_code = 6


class CorruptModelError(IntegrityError):
    """A model file cannot be read."""


class ContractError(IntegrityError):
    """A model or bundle has no contract, or one that this version does not know."""


class NoContractError(ContractError):
    """A model file has no contract: it was not made by `edge-mnist export`."""


class ManifestError(IntegrityError):
    """A bundle's manifest is missing or malformed."""


class HashMismatchError(IntegrityError):
    """A file's SHA-256 differs from the recorded one."""


class SignatureError(IntegrityError):
    """A bundle's signature is missing, wrong, expired or of another key, or its version is too low."""


class DataError(IntegrityError):
    """A data file is damaged, or not the file that it should be."""


class UnfitDeviceError(IntegrityError):
    """This device computes other results than those recorded, or than the exact ones."""


class RegressionError(EdgeMnistError):
    """A model became slower by more than the limit, and by more than the measurements vary."""

    exit_code = 7


class UndecidedError(EdgeMnistError):
    """The measurements are too few or too noisy to say whether a model became slower."""

    exit_code = 9


class InputError(EdgeMnistError):
    """An input cannot be classified."""

    exit_code = 8


class PictureError(InputError):
    """A picture cannot be opened: it is missing, empty, truncated, too large, or not a picture."""


class EmptyFolderError(PictureError):
    """A folder holds no pictures."""


class InputShapeError(InputError):
    """An array does not have the shape of a digit image."""


class InputDtypeError(InputError):
    """An array's dtype cannot hold grey levels."""


class InputRangeError(InputError):
    """An array has values outside the range of its dtype, or NaN."""
