"""Digits that something surrounds, that are hardly darker than their ground, or that are made of grain."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter
from scipy import ndimage

from benchmarks.rendering.papers import encode_png
from benchmarks.rendering.stranger_drawing import Shown, Stranger, cover, draw_place, draw_sides, paint, paint_picture


def draw_pale_pencil(digit: int, by: Stranger) -> Shown:
    """Thin strokes that differ by an eighth to a quarter of the range from an even ground, some with a little noise."""
    rng, size = by.rng, draw_sides(by.rng, 100, 700)
    centre, pixels = draw_place(size, rng)
    ink = cover(by.shape(digit), size, centre, pixels, max(1.5, pixels * rng.uniform(0.015, 0.05)))
    noise = rng.normal(0, 0.008 * rng.integers(2), size).astype(np.float32)
    return paint(0.04 + ink * np.float32(rng.uniform(0.125, 0.25)) + noise, rng)


def draw_circled(digit: int, by: Stranger) -> Shown:
    """A circle or an ellipse around the digit, by the same pen or a thinner one."""
    rng, size = by.rng, draw_sides(by.rng, 80, 600)
    centre = [side * rng.uniform(0.47, 0.53) for side in size]
    radius = min(size) * rng.uniform(0.36, 0.42)
    pixels = 2 * radius * rng.uniform(0.4, 0.66)
    width = max(1.5, pixels * rng.uniform(0.04, 0.1))
    ink = cover(by.shape(digit), size, (centre[0], centre[1]), pixels, width)
    rows, columns = (np.arange(side) - at for side, at in zip(size, centre, strict=True))
    away = np.abs(np.hypot(rows[:, np.newaxis] * rng.uniform(0.9, 1.1), columns) - radius)
    circle = np.clip(width * rng.uniform(0.4, 1.0) / 2 - away + 0.5, 0, 1).astype(np.float32)
    return paint(np.maximum(ink, circle), rng)


def draw_on_sheet(digit: int, by: Stranger) -> Shown:
    """A sheet, a sticker or a screen with a digit, whole, on something darker, lighter or coloured."""
    rng, size = by.rng, draw_sides(by.rng, 150, 500)
    centre, pixels = draw_place(size, rng, 0.4, 0.7)
    ink = cover(by.shape(digit), size, centre, pixels, pixels * rng.uniform(0.04, 0.1))
    drawn = paint_picture(ink * np.float32(0.85) + np.float32(0.05), rng).convert("RGB")
    is_light = np.asarray(drawn)[0, 0, 0] > 127
    tone = rng.uniform(20, 130) if is_light else rng.uniform(125, 235)
    ground = tuple(int(level) for level in np.clip(tone + rng.normal(0, 15, 3), 0, 255))
    room = round(rng.uniform(0.12, 0.7) * max(size))
    table = Image.new("RGB", (drawn.width + 2 * room, drawn.height + 2 * room), ground)
    table.paste(drawn, (room, room))
    turned = table.rotate(rng.normal(0, 3), Image.Resampling.BICUBIC, fillcolor=ground)
    soft = np.asarray(turned.filter(ImageFilter.GaussianBlur(rng.uniform(0, 1.5))), np.float32)
    noise = rng.normal(0, rng.uniform(0, 4), (*soft.shape[:2], 1))
    return encode_png(Image.fromarray((soft + noise).clip(0, 255).astype(np.uint8)))


def draw_grainy(digit: int, by: Stranger) -> Shown:
    """Strokes of sprayed dots, a halftone, hatching, or a crayon on rough paper."""
    rng, size = by.rng, draw_sides(by.rng, 120, 700)
    centre, pixels = draw_place(size, rng, 0.45, 0.75)
    ink = cover(by.shape(digit), size, centre, pixels, pixels * rng.uniform(0.07, 0.14)) > 0.5
    dot = max(1, round(pixels * rng.uniform(0.004, 0.018)))
    rows, columns = np.mgrid[: size[0], : size[1]]
    kind = rng.integers(4)
    if kind == 0:
        grain = rng.random(size)[rows // dot, columns // dot] < rng.uniform(0.25, 0.6)
    elif kind == 1:
        across = 3 * dot + 1
        grain = np.hypot(columns % across - across / 2, rows % across - across / 2) < across * rng.uniform(0.25, 0.45)
    elif kind == 2:
        grain = (rows + rng.choice((-1, 1)) * columns) % (4 * dot) < dot
    else:
        rough = ndimage.gaussian_filter(rng.normal(0, 1, size), dot)
        grain = rough > np.quantile(rough, rng.uniform(0.25, 0.5))
    return paint((ink & grain).astype(np.float32) * np.float32(rng.uniform(0.6, 1)), rng)
