"""Measure what confidence thresholds reject and let through: writes docs/results/thresholds.md and .svg.

    python -m benchmarks.thresholds [--per-kind N] [--processes N] [MODEL ...]

MODEL is what `edge-mnist classify --model` takes. The digits are MNIST's test images and the pictures of
`strangers.py`, development seed; what is no digit is from there, too. `EDGE_MNIST_DATA` must name MNIST.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import cache, partial
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.rendering.strange_signs import SIGNS, take_signs
from benchmarks.rendering.strangers import DEVELOPMENT, KINDS, Shown, take_strangers
from benchmarks.strangers import find_shape
from benchmarks.subjects import load_mnist, open_classifier
from edge_mnist_runtime.bundles.bundled_models import BUNDLED_MODELS
from edge_mnist_runtime.inputs import NetworkInput, to_input
from edge_mnist_runtime.predictions import Predictor
from edge_mnist_runtime.thresholds import MAX_REJECTED

LOWEST: Final = 0.001
"""The lowest threshold measured: at 0 every answer is accepted, without a check of the image."""

WIDEST: Final = {"MNIST": 5, "strangers": 30}
"""Greatest rejected percentage on the plot of each set of digits."""

GRID: Final = (LOWEST, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)

CURVE: Final = (*np.linspace(LOWEST, 0.99, 40).tolist(), *(1 - np.geomspace(0.01, 0.0005, 16)).tolist())
"""The thresholds of the plot's curves."""

HEAD: Final = """# Thresholds: rejected against wrong

Written by `benchmarks/thresholds.py` with the int8 ONNX files inside the package, in the default mode.

A prediction whose confidence is below the threshold is rejected. Each model's file records three thresholds, which
`edge-mnist classify --least-confidence` and `DigitClassifier(least_confidence=...)` take by name. They were chosen on
MNIST's 5,000 validation images:

| name | rejects at most | for |
|---|---|---|
| `lenient` | 0.1 % of the digits | when a person looks at the answers anyway |
| `balanced` (default) | 0.25 % | most uses |
| `strict` | 1 % | when a wrong answer costs more than asking again |

- **rejected**: of the digits, those without an answer. **wrong**: of the accepted digits, those read wrong.
- MNIST: its 10,000 test images. Strangers: {n_strangers:,} pictures, {per_kind} of each kind in
  [strangers.md](strangers.md), development seed. Some are rejected before the network, at any threshold.
- No digit: what is rejected of {n_signs:,} pictures without a digit, from the same page.

![Wrong among accepted against rejected, for each model](thresholds.svg)
"""


@dataclass(frozen=True)
class Counts:
    """What one model makes of one set of pictures, at each threshold that is measured."""

    n: int
    """Number of pictures."""
    rejected: dict[float, int]
    """Number of pictures without an answer, by threshold."""
    wrong: dict[float, int]
    """Number of accepted pictures whose digit is wrong, by threshold."""

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.n + other.n,
            {value: self.rejected[value] + other.rejected[value] for value in self.rejected},
            {value: self.wrong[value] + other.wrong[value] for value in self.wrong},
        )

    def at(self, threshold: float) -> tuple[float, float]:
        """Fraction of the pictures that a threshold rejects, and of the accepted ones that are wrong; both in 0..1."""
        rejected = self.rejected[threshold]
        return rejected / self.n, self.wrong[threshold] / max(1, self.n - rejected)


Results = dict[str, dict[str, Counts]]
"""By set, then by model."""


def main() -> None:
    """Render, read, write page and plot."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=[*BUNDLED_MODELS])
    parser.add_argument("--per-kind", type=int, default=100)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--results", type=Path, default=Path("docs/results"))
    options = parser.parse_args()
    test = load_mnist("test")
    results: Results = {"MNIST": read(test.images, test.labels, options.models)}
    with ProcessPoolExecutor(options.processes) as pool:
        digits = pool.map(partial(read_strangers, per_kind=options.per_kind, models=options.models), KINDS)
        signs = pool.map(partial(read_signs, per_kind=options.per_kind, models=options.models), SIGNS)
        results["strangers"], results["no digit"] = join(digits), join(signs)
    write_page(results, options.results, per_kind=options.per_kind)


def write_page(results: Results, folder: Path, *, per_kind: int) -> None:
    """Write page and plot."""
    folder.mkdir(parents=True, exist_ok=True)
    draw(results, folder / "thresholds.svg")
    page = HEAD.format(n_strangers=len(KINDS) * per_kind, n_signs=len(SIGNS) * per_kind, per_kind=per_kind)
    (folder / "thresholds.md").write_text("\n".join([page, *tables(results)]), encoding="utf-8")


def read(pictures: Iterable[Shown], labels: Sequence[int], models: Sequence[str]) -> dict[str, Counts]:
    """Read each picture once, and classify it with each model at each threshold: a second look may depend on it."""
    inputs = [to_input(picture, "auto") for picture in pictures]
    return {model: count(inputs, np.asarray(labels), model) for model in models}


def count(inputs: Sequence[NetworkInput], labels: npt.NDArray[np.integer], model: str) -> Counts:
    """Count what a model rejects and reads wrong at each threshold."""
    rejected, wrong = {}, {}
    for value in sorted({*GRID, *CURVE, *thresholds_of(model).values()}):
        predictions = Predictor(open_classifier(model).engine, "auto", value).predict_inputs(inputs)
        accepted = np.array([one.accepted for one in predictions])
        is_right = np.array([one.digit for one in predictions]) == labels
        rejected[value], wrong[value] = int(np.sum(~accepted)), int(np.sum(accepted & ~is_right))
    return Counts(len(inputs), rejected, wrong)


def read_strangers(kind: str, *, per_kind: int, models: Sequence[str]) -> dict[str, Counts]:
    """Read the digits of one kind."""
    seed, split = DEVELOPMENT
    shown = [*take_strangers(per_kind, seed=seed, split=split, find_shape=partial(find_shape, split), kinds=(kind,))]
    return read([one.picture for one in shown], [one.label for one in shown], models)


def read_signs(kind: str, *, per_kind: int, models: Sequence[str]) -> dict[str, Counts]:
    """Read what is no digit, of one kind. No answer is right."""
    seed, split = DEVELOPMENT
    signs = take_signs(per_kind, seed=seed, split=split, digits=load_mnist(split), kinds=(kind,))
    pictures = [picture for picture, _ in signs]
    return read(pictures, [-1] * len(pictures), models)


def join(kinds: Iterable[dict[str, Counts]]) -> dict[str, Counts]:
    """Put the pictures of all kinds together."""
    first, *others = kinds
    return {model: sum((part[model] for part in others), first[model]) for model in first}


@cache
def thresholds_of(model: str) -> dict[str, float]:
    """The named thresholds of a model, as its file records them."""
    recorded = open_classifier(model).engine.contract.thresholds
    if recorded is None:
        raise SystemExit(f"{model} records no thresholds; export it again")
    return asdict(recorded)


def tables(results: Results) -> list[str]:
    """A table for each model, a row for each threshold."""
    lines = []
    for model in results["MNIST"]:
        named = {value: name for name, value in thresholds_of(model).items()}
        lines += [
            f"## `{model}`",
            "| threshold | | MNIST: rejected | wrong | strangers: rejected | wrong | no digit: rejected |",
            "|---|---|---|---|---|---|---|",
        ]
        for value in sorted({*GRID, *named}):
            cells = [f"{part:.2%}" for name in ("MNIST", "strangers") for part in results[name][model].at(value)]
            rejected, _ = results["no digit"][model].at(value)
            name = f"**{named[value]}**" if value in named else ""
            lines.append(f"| {value:.3f} | {name} | {' | '.join(cells)} | {rejected:.1%} |")
        lines.append("")
    return lines


def draw(results: Results, path: Path) -> None:
    """Draw the curves of both sets of digits, with a mark at each named threshold."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    marks = dict(zip(MAX_REJECTED, "v.^", strict=True))
    with mpl.rc_context({"svg.hashsalt": "edge-mnist", "svg.fonttype": "none", "font.family": "sans-serif"}):
        figure = Figure(figsize=(9, 4), layout="constrained")
        for axes, name in zip(figure.subplots(1, 2), WIDEST, strict=True):
            for model, found in results[name].items():
                curve = 100 * np.array([found.at(value) for value in sorted({*CURVE})])
                (line,) = axes.plot(curve[:, 0], curve[:, 1], label=model)
                for point, value in thresholds_of(model).items():
                    rejected, wrong = found.at(value)
                    axes.plot(100 * rejected, 100 * wrong, marks[point], color=line.get_color(), markersize=9)
            axes.set(
                xlabel="rejected, %",
                ylabel="wrong among accepted, %",
                title=name,
                ylim=(0, None),
                xlim=(0, WIDEST[name]),
            )
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        for point, mark in marks.items():
            axes.plot([], [], mark, color="grey", label=point)
        axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
