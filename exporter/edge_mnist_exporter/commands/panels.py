"""Groups of options, as --help shows them in every command that has them."""

from __future__ import annotations

from typing import Final

FILES: Final = "The files"
CALIBRATION: Final = "Calibration"
MODEL: Final = "The model, where it does not say so itself"
