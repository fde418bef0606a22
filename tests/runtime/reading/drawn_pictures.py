"""Pictures of digits drawn by arithmetic alone, so that they are the same everywhere, and what reading makes of them.

    python -m tests.runtime.reading.drawn_pictures

records the readings anew, after a change of what is found in a picture (a new version in `reading/parameters.py`).
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from edge_mnist_runtime.images.colours import upright_colours
from edge_mnist_runtime.preprocess import normalise_ink
from edge_mnist_runtime.reading.background import measure_darkness
from edge_mnist_runtime.reading.filters import grey_closing
from edge_mnist_runtime.reading.glyphs import find_glyphs
from edge_mnist_runtime.reading.ink import Ink, find_frames, outline_on_edges, peak_of, pick_ink
from edge_mnist_runtime.reading.line_removal import remove_ruling
from edge_mnist_runtime.reading.page import Page
from edge_mnist_runtime.reading.photo import cut_out, reduce_to_working_size, window_for
from edge_mnist_runtime.reading.reader import read_picture
from edge_mnist_runtime.reading.rejection import find_rejection_reason, is_grain
from edge_mnist_runtime.reading.result import Reading
from edge_mnist_runtime.reading.ruled_lines import find_ruling
from edge_mnist_runtime.reading.thumbnail import make_thumbnail

GOLDEN: Final = Path(__file__).with_name("golden_readings.npz")

Floats = np.ndarray

THREE = ((0.1, 0.1), (0.6, 0.0), (0.95, 0.25), (0.4, 0.48), (1.0, 0.75), (0.6, 1.0), (0.0, 0.9))
FOUR = ((0.8, 1.0), (0.75, 0.0), (0.0, 0.65), (1.0, 0.6))
FIVE = ((0.1, 0.12), (0.1, 0.45), (0.7, 0.45), (0.85, 0.75), (0.5, 1.0), (0.0, 0.92))
SEVEN = ((0.0, 0.05), (1.0, 0.0), (0.4, 1.0))
TWO = ((0.0, 0.2), (0.5, 0.0), (0.95, 0.3), (0.0, 1.0), (1.0, 0.98))


def stroke(shape: tuple[int, int], points: Any, box: tuple[float, float, float, float], width: float) -> Floats:
    """A polyline as ink, 0..1, shape (H, W): edges a pixel soft. The box is top, left, height and width."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    places = [(box[0] + y * box[2], box[1] + x * box[3]) for x, y in points]
    nearest = np.full(shape, np.inf)
    for (y0, x0), (y1, x1) in pairwise(places):
        length = max((y1 - y0) ** 2 + (x1 - x0) ** 2, 1e-9)
        along = np.clip(((rows - y0) * (y1 - y0) + (columns - x0) * (x1 - x0)) / length, 0, 1)
        nearest = np.minimum(nearest, np.hypot(rows - y0 - along * (y1 - y0), columns - x0 - along * (x1 - x0)))
    return np.clip(width / 2 - nearest + 0.5, 0, 1)


def ring(shape: tuple[int, int], centre: tuple[float, float], radii: tuple[float, float], width: float) -> Floats:
    """An ellipse as ink, 0..1."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    radius = np.hypot((rows - centre[0]) / radii[0], (columns - centre[1]) / radii[1])
    return np.clip(width / 2 - np.abs(radius - 1) * min(radii) + 0.5, 0, 1)


def grey(levels: Floats) -> Image.Image:
    return Image.fromarray(np.clip(np.rint(levels), 0, 255).astype(np.uint8))


def on_paper(ink: Floats, paper: Floats | float = 235.0, *, takes: float = 0.8, noise: float = 0.0) -> Image.Image:
    """Ink that takes a fraction of the paper's light away."""
    levels = paper * (1 - takes * ink)
    return grey(levels + noise * np.random.default_rng(7).standard_normal(ink.shape))


def lines(shape: tuple[int, int], *, every: int, slope: float = 0.0, thick: int = 2, upright: bool = False) -> Floats:
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    along, across = (rows, columns) if upright else (columns, rows)
    return ((across + slope * along + 11) % every < thick).astype(float)


def draw_pictures() -> dict[str, tuple[Image.Image, str]]:
    """Pictures by name, and the mode in which each is read.

    The function is long because it is the list of the pictures, a line or two for each.
    """
    wide, tall, square = (240, 320), (360, 250), (220, 220)
    rows, columns = np.mgrid[:240, :320] / 240
    three = stroke(wide, THREE, (60, 110, 120, 80), 11)
    four = stroke(tall, FOUR, (90, 70, 180, 110), 13)
    eight = np.maximum(ring(square, (75, 108), (32, 27), 10), ring(square, (142, 110), (36, 34), 10))
    bar_apart = np.maximum(
        stroke(tall, FIVE, (110, 60, 150, 100), 12), stroke(tall, ((0, 0), (1, 0)), (98, 75, 1, 90), 11)
    )
    cross, stem = (
        stroke(tall, part, (90, 70, 180, 110), 13)
        for part in (((0.35, 0.0), (0.0, 0.62), (1.0, 0.62)), ((0.75, 0.3), (0.7, 1.0)))
    )
    thick = stroke(square, SEVEN, (45, 50, 130, 110), 44)
    hair = stroke(wide, TWO, (50, 100, 140, 90), 2)
    small = stroke((700, 1100), TWO, (300, 620, 60, 42), 6)
    tensor = Image.fromarray(normalise_ink(np.rint(255 * three).astype(np.uint8)))
    framed = np.maximum(three, ((rows - 0.5) ** 2 > 0.2) & ((rows - 0.5) ** 2 < 0.21))
    frame = np.zeros(wide)
    frame[18:222, 50:262] = 1
    frame[21:219, 53:259] = 0
    specks = np.zeros(wide)
    specks[30:33, 40:44] = specks[200:202, 290:294] = 1
    spot = 90 + 140 * np.clip(2 - 5 * np.hypot(rows - 0.45, columns - 0.7), 0, 1)
    pair = np.maximum(stroke(wide, TWO, (70, 60, 100, 65), 10), stroke(wide, SEVEN, (75, 190, 95, 60), 10))
    cut = stroke(wide, FOUR, (-40, 100, 150, 100), 12)
    crossing = stroke(wide, THREE, (40, 150, 230, 120), 16)
    grain = np.random.default_rng(3).standard_normal((30, 40)).repeat(8, 0).repeat(8, 1)
    colours = np.stack([240 - 30 * three, 236 - 190 * three, 228 - 170 * three], axis=2)
    yellow = np.stack([225 - 10 * three, 222 - 15 * three, 215 - 150 * three], axis=2)
    fan = np.zeros(wide)
    for line in range(-2, 12):
        fan[np.abs(240 * rows - (20 * line + (0.05 + 0.006 * line) * 240 * columns)) < 1] = 1
    chalk = grey(45 + 150 * four + 4 * np.random.default_rng(1).standard_normal(tall))
    sheet = np.full((300, 300), 70.0)
    sheet[18:282, 18:282] = 225
    sheet[40:260, 40:260] = np.asarray(on_paper(eight, 225))
    small_sheet = np.pad(sheet[18:282, 18:282], 80, constant_values=50)
    figure = np.full((330, 350), 250, np.uint8)
    figure[25:305, 35:315] = 0
    figure[25:305, 35:315] = np.asarray(tensor.resize((280, 280), Image.Resampling.NEAREST))
    return {
        "clean": (on_paper(three), "auto"),
        "clean-light-on-dark": (grey(20 + 200 * eight), "auto"),
        "clean-faint": (on_paper(eight, 180, takes=0.4), "auto"),
        "clean-grey-edges": (on_paper(np.clip(3 * hair + three, 0, 1), 200), "mnist"),
        "clean-large": (on_paper(small[100:660, 300:1000]), "mnist"),
        "drawing-of-few-pixels": (on_paper(stroke((34, 30), SEVEN, (6, 7, 22, 15), 2.5)), "auto"),
        "drawing-as-photo": (on_paper(three), "photo"),
        "ramp": (on_paper(three, 90 + 100 * columns), "auto"),
        "half-in-shadow": (on_paper(three, np.where(rows + 0.3 * columns < 0.6, 220.0, 120.0)), "auto"),
        "shadow-edge-soft": (on_paper(four, 110 + 100 / (1 + np.exp((np.mgrid[:360, :250][1] - 90) / 6))), "auto"),
        "spot-of-light": (on_paper(three, spot), "auto"),
        "noise": (on_paper(three, 200, noise=9), "auto"),
        "pencil": (on_paper(eight, 210, takes=0.22, noise=2), "auto"),
        "very-faint": (on_paper(four, 200, takes=0.09, noise=1), "auto"),
        "hairline": (on_paper(hair, 220, noise=2), "photo"),
        "marker": (on_paper(thick, 200 + 30 * np.mgrid[:220, :220][1] / 220), "auto"),
        "chalk": (chalk, "auto"),
        "chalk-on-uneven-board": (grey(30 + 60 * columns + 130 * three), "auto"),
        "bar-apart": (on_paper(bar_apart, 215, noise=3), "auto"),
        "lined": (on_paper(np.maximum(three, 0.4 * lines(wide, every=31)), 230, noise=1), "auto"),
        "squared-and-tilted": (
            on_paper(
                np.maximum.reduce(
                    [
                        three,
                        0.3 * lines(wide, every=29, slope=0.09, thick=1),
                        0.3 * lines(wide, every=29, slope=-0.09, thick=1, upright=True),
                    ]
                )
            ),
            "auto",
        ),
        "lines-that-fan-out": (on_paper(np.maximum(three, 0.35 * fan), 225), "auto"),
        "margin-line": (on_paper(np.maximum(four, 0.5 * lines(tall, every=200, thick=3, upright=True)), 225), "auto"),
        "two-lines": (on_paper(np.maximum(three, 0.3 * lines(wide, every=120, thick=3)), 220), "photo"),
        "frame-and-specks": (on_paper(np.maximum.reduce([three, frame, specks])), "auto"),
        "line-at-the-edge": (on_paper(framed), "photo"),
        "coloured": (Image.fromarray(np.rint(colours).astype(np.uint8)), "auto"),
        "yellow": (Image.fromarray(np.rint(yellow).astype(np.uint8)), "auto"),
        "small-in-a-large-picture": (on_paper(small, 215, noise=2), "auto"),
        "small-in-shadow": (on_paper(small, 120 + 90 * np.mgrid[:700, :1100][0] / 700), "auto"),
        "sheet-on-a-table": (grey(sheet), "auto"),
        "small-sheet-on-a-table": (grey(small_sheet), "auto"),
        "cut-off": (on_paper(cut), "auto"),
        "fills-the-picture": (on_paper(crossing, 200 + 20 * columns), "auto"),
        "two-digits": (on_paper(pair), "auto"),
        "two-digits-in-shade": (on_paper(pair, 110 + 90 * columns), "auto"),
        "too-small": (on_paper(stroke((80, 90), TWO, (36, 40, 6, 5), 1.5), 210), "auto"),
        "grain": (grey(130 + 18 * grain), "auto"),
        "gradient": (grey(40 + 150 * rows), "auto"),
        "lines-alone": (on_paper(0.5 * lines(wide, every=40)), "auto"),
        "tensor-enlarged": (tensor.resize((280, 280), Image.Resampling.NEAREST), "auto"),
        "tensor-enlarged-smoothly": (tensor.resize((196, 196), Image.Resampling.BICUBIC), "auto"),
        "faint-stroke": (on_paper(np.maximum(cross, 0.4 * stem)), "auto"),
        "grey-ring": (on_paper(np.maximum(eight, 0.4 * ring(square, (105, 108), (88, 88), 8))), "auto"),
        "tensor-on-tilted-paper": (grey((250 - 5.0 * np.arange(28)) * (1 - np.asarray(tensor) / 255)), "auto"),
        "tensor-inverted": (Image.eval(tensor, lambda level: 255 - level), "auto"),
        "tensor-in-a-figure": (Image.fromarray(figure), "auto"),
    }


def photographs() -> dict[str, Image.Image]:
    """Those of the pictures that are worth a closer look."""
    return {name: picture for name, (picture, _) in draw_pictures().items() if not name.startswith(("clean", "tensor"))}


def read(picture: Image.Image, mode: Any) -> Reading:
    return read_picture(picture, mode=mode)


def moments(plane: Floats) -> list[float]:
    """Mean, centre of mass and mean square: a change of nearly any pixel shows in them."""
    levels = plane.astype(np.float64)
    total = max(float(levels.sum()), 1e-9)
    centre = (float(levels.sum(1 - axis) @ np.arange(plane.shape[axis])) / total for axis in (0, 1))
    return [float(levels.mean()), *centre, float((levels**2).mean())]


def look_closely(picture: Image.Image) -> dict[str, list[float]]:
    """What each step of reading a photograph makes of a picture, through three windows."""
    far = reduce_to_working_size(upright_colours(picture, side_pixels=1000))
    thumbnail = make_thumbnail(far)
    found: dict[str, list[float]] = {"polarity": [*map(float, thumbnail.polarity)]}
    for light_on_dark, fraction in ((False, 0.3), (False, 0.08), (True, 0.2)):
        name = f"{'light' if light_on_dark else 'dark'} ink, window {fraction}"
        plane = thumbnail.mix_colours(light_on_dark=light_on_dark)
        window = window_for(fraction, far)
        ground = grey_closing(plane[np.newaxis], window)[0]
        darkness, noise = measure_darkness(plane, ground)
        peak = peak_of(darkness)
        ruling = find_ruling(darkness)
        rest = remove_ruling(darkness, ruling, peak)
        found[f"{name}: ground"] = [*moments(plane), *moments(ground)]
        found[f"{name}: darkness"] = [*moments(darkness), noise, peak]
        found[f"{name}: lines"] = [
            float(ruling.half_width),
            *(float(at) for family in (ruling.level, ruling.upright) for line in family for at in line[[0, -1]]),
        ]
        found[f"{name}: without lines"] = moments(rest)
        ink = pick_ink(rest, noise)
        if ink is not None:
            found |= {f"{name}: {what}": values for what, values in describe_ink(ink, plane).items()}
        look = Page(thumbnail, light_on_dark).find(window)
        if look is not None:
            verdicts = (look.is_alone, look.is_sharp, look.is_clear)
            found[f"{name}: look"] = [look.score, look.outline, float(look.lines), *map(float, verdicts)]
    return found


def describe_ink(ink: Ink, plane: Floats) -> dict[str, list[float]]:
    """The digit's ink in numbers."""
    glyphs = find_glyphs(ink.parts, ink.mass, ink.mask.shape)
    outline = outline_on_edges(plane, ink)
    heaviest = np.argsort(-ink.mass, kind="stable")[:5]
    return {
        "ink": [*map(float, ink.box), ink.level, ink.stroke_pixels, ink.length, *moments(ink.darkness)],
        "parts": [float(len(ink.parts)), *ink.mass[heaviest].tolist(), float(find_frames(ink.parts, ink.mass).sum())],
        "outline": [outline],
        "glyphs": [float(side) for row in (glyphs.main, glyphs.other) for glyph in row for side in glyph.box],
        "verdict": [
            float(is_grain(ink, outline=outline)),
            float(sum(map(ord, find_rejection_reason(ink, float(ink.side_pixels)) or ""))),
        ],
        "cut out": moments(cut_out(ink)),
    }


def record(reading: Reading) -> dict[str, Any]:
    """All but the tensor, without rounding."""
    quality = reading.quality
    return {
        **reading.to_dict(),
        "box": reading.box and [float(side) for side in reading.box],
        "quality": quality and [float(quality.side_pixels), float(quality.contrast)],
        "steps": [[name, step.mode, *step.size] for name, step in reading.steps],
        "step levels": [float(np.asarray(step).mean()) for _, step in reading.steps],
    }


def main() -> None:
    """Record the readings."""
    readings = {name: read(*drawn) for name, drawn in draw_pictures().items()}
    text = json.dumps({name: record(reading) for name, reading in readings.items()})
    tensors = {name: np.asarray(reading.pixels).reshape(28, 28) for name, reading in readings.items()}
    closely = json.dumps({name: look_closely(picture) for name, picture in photographs().items()})
    golden = {"readings": np.array(text), "closely": np.array(closely), **tensors}
    np.savez_compressed(GOLDEN, allow_pickle=False, **golden)
    for name, reading in readings.items():
        print(f"{name:28} {reading.to_dict()}")
    print(f"{GOLDEN}: {GOLDEN.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
