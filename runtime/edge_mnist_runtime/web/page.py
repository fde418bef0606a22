"""Make the page: one HTML file that loads nothing else, under a policy that lets it load nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import asdict
from importlib.resources import files
from string import Template
from typing import Final

from edge_mnist_runtime.acceptance import THRESHOLDS as ACCEPTANCE_RULE
from edge_mnist_runtime.images.files import MAX_PIXELS
from edge_mnist_runtime.prediction import AMBIGUOUS_SHARE
from edge_mnist_runtime.reading.modes import BACKGROUND_PIXELS
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.tensor import DARK
from edge_mnist_runtime.web.page_model import PageModel

MODEL_MODULE: Final = "model.mjs"
"""Loads a WebAssembly file and calls it; an export writes it beside such a file."""

MODULES: Final = (MODEL_MODULE, "weights.mjs", "strokes.mjs", "verdict.mjs", "pictures.mjs", "sheet.mjs", "page.mjs")
"""The JavaScript modules in an order in which each uses only earlier ones."""

BORDER_LIMITS: Final = {
    "uneven_level": 0.2,  # difference from the border's median, as a fraction of the contrast, from which it is uneven
    "max_uneven_border": 0.02,  # fraction of the border that may be
    "edge_ink_level": 0.5,  # the same difference from which it is ink: a digit that the edge cuts...
    "max_edge_ink": 0.2,  # ...up to this fraction of the border, and a shadow beyond it
}
"""When the page reads a picture. Mode `mnist` takes the border's median for the background everywhere, so light must be
even; modes `auto` and `photo` read more."""

POLICY: Final = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; style-src {style}; img-src blob: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""The page's Content-Security-Policy: its own script and style, by their hashes, and pictures of this machine."""


def make_page(model: PageModel) -> bytes:
    """Make the page of a model, as UTF-8."""
    script, style = _read_script(), _without_comments(read_web_file("style.css"))
    about = asdict(model)
    weights = about.pop("weights")
    about["rules"] = {
        "sure_despite_cut": PICTURE_READING.flaws.sure_despite_cut,
        "ambiguous_share": AMBIGUOUS_SHARE,
        "max_pixels": MAX_PIXELS,
        "dark": DARK,
        "background_pixels": BACKGROUND_PIXELS,
        **BORDER_LIMITS,
        **ACCEPTANCE_RULE,
    }
    page = Template(read_web_file("index.html")).substitute(
        policy=POLICY.format(script=_hash_of(script), style=_hash_of(style)),
        version=model.version,
        style=style,
        about=json.dumps(about).replace("<", "\\u003c"),  # a name cannot end the element
        weights=weights,
        script=script,
    )
    return page.encode("utf-8")


def read_web_file(name: str) -> str:
    """The text of a file that a page is made of."""
    return (files(__package__) / "templates" / name).read_text("utf-8")


def _read_script() -> str:
    """All modules as one, without imports and exports of each other."""
    text = "".join(read_web_file(name) for name in MODULES)
    return _without_comments(re.sub(r"^export ", "", re.sub(r"^import .*\n", "", text, flags=re.M), flags=re.M))


def _without_comments(text: str) -> str:
    """Without indentation and without lines that are only comments: the files of the templates explain the page."""
    lines = (line.strip() for line in re.sub(r"^\s*/\*.*?\*/\n", "", text, flags=re.M | re.S).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
