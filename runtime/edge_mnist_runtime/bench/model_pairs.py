"""Find which model files of two folders or files to compare with each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from edge_mnist_runtime.bench.subjects import find_models
from edge_mnist_runtime.bundles.bundled_models import find_bundled
from edge_mnist_runtime.engines import MODEL_SUFFIXES
from edge_mnist_runtime.engines.options import Backend
from edge_mnist_runtime.errors import UsageError
from edge_mnist_runtime.paths import is_folder

ModelPair: TypeAlias = tuple[str, str]
"""Old and new: paths of model files or names of bundled models."""


def names_model(path: Path) -> bool:
    """Whether `path` names a model file, a bundle folder or a bundled model, and not a report."""
    return find_bundled(path) is not None or path.suffix in MODEL_SUFFIXES or is_folder(path)


def pair_models(old: Path, new: Path, *, backend: Backend | None = None) -> tuple[list[ModelPair], list[str]]:
    """Pair the model files of two bundles, files or names.

    Args:
        old: Model file, bundle folder or name of a bundled model.
        new: The same.
        backend: Use only the files of bundles that this back end runs; None: all.

    Returns:
        The pairs, and a sentence about each file that has no partner or cannot run here.

    Raises:
        As `find_models`.
        UsageError: No file has a partner.
    """
    sides, remarks = [], []
    for path in (old, new):
        found, skipped = find_models([path], backend=backend)
        sides.append([str(model) for model in found])
        remarks += [f"{item['model']}: {item['reason']}" for item in skipped]
    pairs, alone = pair_files(*sides)
    if not pairs:
        raise UsageError(f"{old} and {new} have no model in common; name two model files")
    return pairs, remarks + [f"{model} has no partner" for model in alone]


def pair_files(before: Sequence[str], after: Sequence[str]) -> tuple[list[ModelPair], list[str]]:
    """Pair the files of two sides; return the pairs, and the files without a partner.

    Two single files are a pair. Others are paired by file name, else by what follows the last `_`, such as `int8.onnx`,
    if that is unique on both sides.
    """
    if len(before) == len(after) == 1:
        return [(before[0], after[0])], []
    pairs: list[ModelPair] = []
    for key in (_file_name, _kind):
        pairs += _pair_by(key, _without(before, pairs, 0), _without(after, pairs, 1))
    return pairs, [*_without(before, pairs, 0), *_without(after, pairs, 1)]


def _file_name(model: str) -> str:
    return Path(model).name


def _kind(model: str) -> str:
    return Path(find_bundled(model) or model).name.rpartition("_")[2]


def _pair_by(key: Callable[[str], str], before: Sequence[str], after: Sequence[str]) -> list[ModelPair]:
    old_count, new_count = Counter(map(key, before)), Counter(map(key, after))
    partners = {key(model): model for model in after}
    return [(model, partners[key(model)]) for model in before if old_count[key(model)] == new_count[key(model)] == 1]


def _without(models: Sequence[str], pairs: Sequence[ModelPair], side: int) -> list[str]:
    paired = {pair[side] for pair in pairs}
    return [model for model in models if model not in paired]
