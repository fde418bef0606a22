"""Render pictures that a classifier should reject: no digit, several digits, or an unreadable one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from PIL import Image

from benchmarks.rendering.papers import Floats, clouds, encode_jpeg, encode_png, look_at_page
from benchmarks.rendering.photographs import draw_own_shape, draw_width, photograph_ink
from benchmarks.rendering.picture_kinds import KINDS, PictureKind
from benchmarks.rendering.rows import choose_own_writer, take_row

PAGES: Final[tuple[str, ...]] = tuple(kind for kind in KINDS if kind not in ("tiny", "off centre", "filling the frame"))
"""Keys of `KINDS` that describe the page, not the size of its digit."""


@dataclass(frozen=True)
class UnreadablePicture:
    """One rendered picture."""

    data: bytes
    """The picture file: PNG or JPEG."""
    kind: str
    """A key of `UNREADABLE`."""
    page: str | None
    """One of `PAGES`; None if the kind shows no page."""


def take_unreadable(per_kind: int, *, seed: int, kinds: tuple[str, ...] = ()) -> Iterator[UnreadablePicture]:
    """Render unreadable pictures. Those with a page cycle through `PAGES`.

    Args:
        per_kind: Pictures of each kind.
        seed: Seed of all random choices.
        kinds: Keys of `UNREADABLE`; all if empty.
    """
    for kind in kinds or tuple(UNREADABLE):
        for number in range(per_kind):
            rng = np.random.default_rng((seed, 1000 + list(UNREADABLE).index(kind), number))
            page = PAGES[number % len(PAGES)]
            data = UNREADABLE[kind](KINDS[page], rng)
            yield UnreadablePicture(data, kind, None if kind in WITHOUT_PAGE else page)


def _blank_page(page: PictureKind, rng: np.random.Generator) -> bytes:
    size = _draw_size(rng)
    view = look_at_page(size, (size[0] / 2, size[1] / 2), 0.4 * min(size), rng, tilt_degrees=page.tilt_degrees)
    return photograph_ink(np.zeros(size, np.float32), view, page, rng)


def _noise(_: PictureKind, rng: np.random.Generator) -> bytes:
    size = tuple(int(side) for side in np.exp(rng.uniform(np.log(30), np.log(900), 2)))
    shape = size if rng.random() < 0.5 else (*size, 3)
    is_normal = rng.random() >= 0.3
    values = rng.normal(rng.uniform(60, 200), rng.uniform(3, 80), shape) if is_normal else rng.random(shape) * 256
    return encode_png(Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)))


def _gradient(_: PictureKind, rng: np.random.Generator) -> bytes:
    size = _draw_size(rng)
    rows, columns = (np.linspace(-1, 1, n, dtype=np.float32) for n in size)
    angle = rng.uniform(0, 2 * np.pi)
    ramp = np.cos(angle) * rows[:, np.newaxis] + np.sin(angle) * columns
    if rng.random() < 0.4:
        ramp = np.hypot(rows[:, np.newaxis] - rng.uniform(-1, 1), columns - rng.uniform(-1, 1))
    return _save(ramp, rng)


def _texture(_: PictureKind, rng: np.random.Generator) -> bytes:
    size = _draw_size(rng)
    scale = np.exp(rng.uniform(np.log(2), np.log(min(size) / 2)))
    return _save(clouds(size, rng, scale) + 0.4 * clouds(size, rng, max(1.0, scale / 4)), rng)


def _save(field: Floats, rng: np.random.Generator) -> bytes:
    """Colour a smooth field, shape (H, W), between two colours and encode it as JPEG."""
    part = (field - field.min()) / (field.max() - field.min())
    colours = rng.uniform(0, 255, (2, 3))
    picture = colours[0] + part[..., np.newaxis] * (colours[1] - colours[0]) + rng.normal(0, 2, (*field.shape, 3))
    return encode_jpeg(Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)), int(rng.integers(60, 95)))


def _two_digits(page: PictureKind, rng: np.random.Generator) -> bytes:
    return take_row(rng.integers(0, 10, 2), page, (0.15, 0.6), rng, make_shape=choose_own_writer(rng))


def _three_digits(page: PictureKind, rng: np.random.Generator) -> bytes:
    return take_row(rng.integers(0, 10, 3), page, (0.15, 0.6), rng, make_shape=choose_own_writer(rng))


def _touching_digits(page: PictureKind, rng: np.random.Generator) -> bytes:
    return take_row(rng.integers(0, 10, 2), page, (-0.06, 0.0), rng, make_shape=choose_own_writer(rng))


def _cut_off(page: PictureKind, rng: np.random.Generator) -> bytes:
    """Render a digit of which a quarter to a half is cut off at one edge."""
    size = _draw_size(rng)
    return _digit_at_edge(page, size, min(size) * rng.uniform(0.3, 0.65), rng.uniform(0.25, 0.5), rng)


def _digit_at_edge(
    page: PictureKind, size: tuple[int, int], pixels: float, lost: float, rng: np.random.Generator
) -> bytes:
    shape = draw_own_shape(int(rng.integers(10)), rng, page.pen == "pen")
    width = draw_width(page.pen, shape, rng)
    rows, columns = (np.flatnonzero((shape.distance < width / 2).any(axis)) for axis in (1, 0))
    half = {"row": (rows[-1] - rows[0]) / 320, "column": (columns[-1] - columns[0]) / 320}
    centre = [side * rng.uniform(0.35, 0.65) for side in size]
    edge = int(rng.integers(4))
    axis = edge % 2
    inside = (half["column" if axis else "row"] * (1 - 2 * lost)) * pixels
    centre[axis] = inside if edge < 2 else size[axis] - inside
    view = look_at_page(size, (centre[0], centre[1]), pixels, rng, tilt_degrees=page.tilt_degrees)
    ink = shape.coverage(view.u, view.v, width=width, pixels=pixels)
    return photograph_ink(ink, view, page, rng)


def _too_small(page: PictureKind, rng: np.random.Generator) -> bytes:
    """Render a digit 3 to 6 pixels high."""
    size = (int(rng.integers(60, 300)), int(rng.integers(60, 300)))
    return photograph_digit(page, size, rng.uniform(3, 6), rng)[0]


def photograph_digit(
    page: PictureKind, size: tuple[int, int], pixels: float, rng: np.random.Generator
) -> tuple[bytes, int]:
    """Render a digit `pixels` high near the middle of a picture; return the file and the digit."""
    digit = int(rng.integers(10))
    shape = draw_own_shape(digit, rng, page.pen == "pen")
    centre = (size[0] * rng.uniform(0.35, 0.65), size[1] * rng.uniform(0.35, 0.65))
    view = look_at_page(size, centre, pixels, rng, tilt_degrees=page.tilt_degrees)
    ink = shape.coverage(view.u, view.v, width=draw_width(page.pen, shape, rng), pixels=pixels)
    return photograph_ink(ink, view, page, rng), digit


def _draw_size(rng: np.random.Generator) -> tuple[int, int]:
    height, width = (int(side) for side in np.exp(rng.uniform(np.log(150), np.log(1000), 2)))
    return height, width


UNREADABLE: Final[dict[str, Callable[[PictureKind, np.random.Generator], bytes]]] = {
    "blank page": _blank_page,
    "noise": _noise,
    "gradient": _gradient,
    "texture": _texture,
    "two digits": _two_digits,
    "three digits": _three_digits,
    "two touching digits": _touching_digits,
    "cut off": _cut_off,
    "too small": _too_small,
}
"""Every kind by name."""

WITHOUT_PAGE: Final = ("noise", "gradient", "texture")
"""Kinds that show no page."""
