"""Draw how many wrong predictions a confidence threshold lets through for what it rejects."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from edge_mnist_exporter.evaluate.rejection import CurvePoint
from edge_mnist_trainer.report.curves import Curve, draw_curve


def draw_threshold_curve(points: Sequence[CurvePoint]) -> Curve | None:
    """Draw the curve of a report; None if fewer than two thresholds reject anything.

    Args:
        points: Its thresholds. Those that reject nothing are left out, because the axis is logarithmic.
    """
    shown = [point for point in points if point.rejected]
    if len(shown) < 2:
        return None

    def draw(axes: Axes) -> None:
        axes.plot([100 * point.rejected for point in shown], [100 * point.wrong for point in shown], marker=".")
        for point in shown:
            if point.name:
                axes.annotate(
                    point.name,
                    (100 * point.rejected, 100 * point.wrong),
                    xytext=(4, 6),
                    textcoords="offset points",
                )
        axes.set_xscale("log")
        axes.set(xlabel="rejected", ylim=(0, None))
        axes.xaxis.set_major_formatter("{x:g}%")
        axes.yaxis.set_major_formatter("{x:g}%")
        axes.set_title("wrong among accepted", loc="left")
        axes.grid(alpha=0.4)

    named = "; ".join(f"{point.name}: {point.rejected:.2%}, {point.wrong:.2%}" for point in shown if point.name)
    return draw_curve(draw, f"Wrong among accepted by rejected validation images ({named})")
