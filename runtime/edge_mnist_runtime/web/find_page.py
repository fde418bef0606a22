"""Find or make the page of a model: one inside this package, or a bundle's."""

from __future__ import annotations

from pathlib import Path

from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS, DEFAULT_MODEL, find_bundled
from edge_mnist_runtime.bundles.manifest import Manifest, read_proved
from edge_mnist_runtime.bundles.program_formats import PAGE_FORMAT
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import describe_missing, exists
from edge_mnist_runtime.web.page import make_page
from edge_mnist_runtime.web.page_model import read_bundled_page_model


def find_page(model: Path | None) -> bytes:
    """The page of a model, as UTF-8.

    Args:
        model: Name of a model inside this package, or a bundle's folder. None means the default model.

    Raises:
        UsageError: There is no such model, or its bundle has no page.
        IntegrityError: The bundle or this package is damaged.
    """
    if find_bundled(model):
        return make_page(read_bundled_page_model(DEFAULT_MODEL if model is None else str(model)))
    if model is None or not exists(model):
        named = ", ".join(BUNDLED_MODELS)
        raise UsageError(f"{describe_missing(model or '', 'model')}; expected {named}, or the folder of a bundle")
    manifest = Manifest.load(model)
    page = next((artifact for artifact in manifest.artifacts if artifact.format == PAGE_FORMAT), None)
    if page is None:
        raise UsageError(f"{model}: this bundle has no page; export its model again, with a page")
    return read_proved(model / page.file, page.sha256)
