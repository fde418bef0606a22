"""Draw curves, once for light and once for dark pages: those of a training run, and those of other reports."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from edge_mnist_trainer.run_record import Epoch, RunRecord

SIZE_INCHES: Final = (5.0, 3.3)
"""Size of one curve. Its letters are as large as the page's on a phone, and two fit side by side on a screen."""

MAX_MARKED_EPOCHS: Final = 15
"""Curves of more epochs have no dot at each epoch."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A plot, as SVG files with transparent background."""

    text: str
    """Alternative text."""
    light_svg: bytes
    """For light pages."""
    dark_svg: bytes
    """For dark pages."""


def draw_curves(record: RunRecord) -> list[Curve]:
    """Draw loss and accuracy by epoch.

    Args:
        record: The record of a run with at least one finished epoch.
    """
    epochs, kept = record.epochs, record.best.epoch if record.best else 0
    training = _name_training(record)
    numbers = [epoch.epoch for epoch in epochs]

    def draw(key: str, axes: Axes) -> None:
        for prefix, name in (("", training), ("val_", "validation")):
            _plot(axes, numbers, _to_height(epochs, prefix + key), name)
        axes.axvline(kept, linestyle=":", linewidth=1.5, color=mpl.rcParams["grid.color"], label="kept")
        axes.set(xlabel="epoch")

    def draw_loss(axes: Axes) -> None:
        draw("loss", axes)
        _finish(axes, "loss", "{:g}".format)

    def draw_accuracy(axes: Axes) -> None:
        draw("accuracy", axes)
        # Drawn as the error on an inverted logarithmic axis: 99 to 99.5 % is as long as 98 to 99 %.
        _finish(axes, "accuracy", lambda error: f"{100 - error:g}%")
        axes.invert_yaxis()

    last = epochs[-1]
    return [
        draw_curve(draw_loss, f"Loss by epoch: finally {last.loss:.3g} in training, {last.val_loss:.3g} in validation"),
        draw_curve(
            draw_accuracy,
            f"Accuracy by epoch: finally {last.accuracy:.2%} in training, {last.val_accuracy:.2%} in validation",
        ),
    ]


def _name_training(record: RunRecord) -> str:
    if record.transfer_set:
        return "training (teachers' predictions)"
    return "training (distorted)" if record.config.augmentation else "training"


def _to_height(epochs: Sequence[Epoch], key: str) -> Floats:
    """Heights of a curve: losses as they are, accuracies as errors in percent."""
    values = np.array([getattr(epoch, key) for epoch in epochs])
    return 100 * (1 - values) if key.endswith("accuracy") else values


def _plot(axes: Axes, epochs: list[int], heights: Floats, name: str) -> None:
    axes.plot(epochs, heights, label=name, marker="." if len(epochs) <= MAX_MARKED_EPOCHS else "")


def _finish(axes: Axes, title: str, name_height: Callable[[float], str]) -> None:
    heights = np.concatenate([np.asarray(line.get_ydata(), float) for line in axes.lines[:2]])
    if np.all(heights > 0):  # an error of 0 has no logarithm
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=20))
        axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda height, _position: name_height(round(height, 6))))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_title(title, loc="left")
    axes.grid(alpha=0.4)
    axes.legend()


def draw_curve(draw: Callable[[Axes], None], text: str) -> Curve:
    """Draw a plot by a function that fills its axes; `text` is the alternative text."""
    light, dark = (
        _draw_svg(draw, ink=ink, lines=lines) for ink, lines in (("#33373e", "#9aa0a8"), ("#d6dae0", "#777d86"))
    )
    return Curve(text, light, dark)


def _draw_svg(draw: Callable[[Axes], None], *, ink: str, lines: str) -> bytes:
    names = ("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor")
    style: Any = {
        **dict.fromkeys(names, ink),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color", "grid.color"), lines),
        "axes.prop_cycle": cycler(color=["#e08a1e", "#3987cf"]),
        "axes.spines.top": False,
        "axes.spines.right": False,
        "font.size": 11,
        "legend.frameon": False,
        "lines.linewidth": 2,
        "svg.hashsalt": "edge-mnist",  # the same bytes each time
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=SIZE_INCHES, layout="constrained")
        draw(figure.subplots())
        buffer = io.BytesIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return buffer.getvalue()
