"""Make the page: one HTML file that loads nothing else, under a policy that lets it load nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib.resources import files
from string import Template
from typing import Final

from edge_mnist_runtime.images.files import MAX_PIXELS
from edge_mnist_runtime.prediction import AMBIGUOUS_SHARE
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.web.page_model import PageModel

MODULES: Final = ("model", "weights", "strokes", "verdict", "pictures", "sheet", "page")
"""The JavaScript modules in an order in which each uses only earlier ones."""

MAX_UNEVEN: Final = 0.2
"""How far the border of a photograph may be from its median, as a fraction of the picture's contrast."""

POLICY: Final = (
    "default-src 'none'; script-src {script} 'wasm-unsafe-eval'; style-src {style}; img-src blob: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""The page's Content-Security-Policy: its own script and style, by their hashes, and pictures of this machine."""


def make_page(model: PageModel) -> bytes:
    """Make the page of a model, as UTF-8."""
    script, style = _read_script(), _without_comments(_read("style.css"))
    about = {
        "name": model.name,
        "version": model.version,
        "lengths": model.lengths,
        "top1": model.top1,
        "images": model.images,
        "dataset": model.dataset,
        "rules": {
            "sure_despite_cut": PICTURE_READING.flaws.sure_despite_cut,
            "ambiguous_share": AMBIGUOUS_SHARE,
            "max_uneven": MAX_UNEVEN,
            "max_pixels": MAX_PIXELS,
        },
    }
    page = Template(_read("index.html")).substitute(
        policy=POLICY.format(script=_hash_of(script), style=_hash_of(style)),
        version=model.version,
        style=style,
        about=json.dumps(about).replace("<", "\\u003c"),  # a name cannot end the element
        weights=model.weights,
        script=script,
    )
    return page.encode("utf-8")


def _read(name: str) -> str:
    return (files(__package__) / "templates" / name).read_text("utf-8")


def _read_script() -> str:
    """All modules as one, without imports and exports of each other."""
    text = "".join(_read(f"{name}.mjs") for name in MODULES)
    return _without_comments(re.sub(r"^export ", "", re.sub(r"^import .*\n", "", text, flags=re.M), flags=re.M))


def _without_comments(text: str) -> str:
    """Without indentation and without lines that are only comments: the files of the templates explain the page."""
    lines = (line.strip() for line in re.sub(r"^\s*/\*.*?\*/\n", "", text, flags=re.M | re.S).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def _hash_of(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode('ascii')}'"
