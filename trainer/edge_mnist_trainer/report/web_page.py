"""Render HTML pages from templates. A page is one self-contained file without scripts; every value is escaped.

The templates are in `templates/` beside this file, but page.css is the runtime's, whose pages look the same.
`page.html` is the frame; `parts.html` has macros for all pages.
"""

from __future__ import annotations

import base64
import io
import math

import numpy as np
import numpy.typing as npt
from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined, select_autoescape
from PIL import Image


def load_templates(*packages: str) -> Environment:
    """Load the templates in `report/templates` of this package and of `packages`, and the runtime's style.

    Values are escaped, except in templates that end in .md. A missing value is an error.
    """
    loaders = [PackageLoader(package, "report/templates") for package in (__name__.partition(".")[0], *packages)]
    loaders.append(PackageLoader("edge_mnist_runtime", "picture_report/templates"))
    templates = Environment(
        loader=ChoiceLoader(loaders),
        autoescape=select_autoescape(disabled_extensions=("md",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters.update(
        percent=format_percent, thousands=format_thousands, svg_data_url=svg_data_url, pixels_data_url=pixels_data_url
    )
    return templates


def format_percent(fraction: float | None, decimals: int = 2) -> str:
    """Format a fraction, 0..1, as a percentage; None and NaN as "-"."""
    return "-" if fraction is None or math.isnan(fraction) else f"{fraction:.{decimals}%}"


def format_thousands(number: float) -> str:
    """Round a number and format it with commas between thousands."""
    return f"{number:,.0f}"


def png_data_url(data: bytes) -> str:
    """Encode a PNG file as a data URL."""
    return f"data:image/png;base64,{base64.b64encode(data).decode()}"


def svg_data_url(data: bytes) -> str:
    """Encode an SVG file as a data URL."""
    return f"data:image/svg+xml;base64,{base64.b64encode(data).decode()}"


def pixels_data_url(pixels: npt.NDArray[np.uint8]) -> str:
    """Encode pixels as the data URL of a PNG file.

    Args:
        pixels: uint8, shape (H, W) or (H, W, C): grey, grey and opacity, or red, green and blue.
    """
    buffer = io.BytesIO()
    one_channel = pixels.ndim == 3 and pixels.shape[2] == 1
    Image.fromarray(pixels[..., 0] if one_channel else pixels).save(buffer, "PNG", optimize=True)
    return png_data_url(buffer.getvalue())
