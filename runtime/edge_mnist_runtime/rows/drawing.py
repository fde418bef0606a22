"""Draw the result of a row: a box around each digit, and the digits above the picture."""

from __future__ import annotations

from typing import Final

from PIL import Image, ImageDraw, ImageFont

from edge_mnist_runtime.images.colours import upright_colours, upright_size
from edge_mnist_runtime.reading.parameters import PICTURE_READING
from edge_mnist_runtime.rows.reader import REJECTED, RowReading

READ_COLOUR: Final = (0, 140, 60)
REJECTED_COLOUR: Final = (210, 40, 40)


def draw_row(picture: Image.Image, row: RowReading) -> Image.Image:
    """Draw the result of a row onto a copy of its picture.

    Args:
        picture: The picture that was read.
        row: The result.

    Returns:
        A picture of mode RGB, upright, with a margin above for the digits. Large pictures are reduced as for reading.
    """
    plain = upright_colours(picture, side_pixels=PICTURE_READING.reader.detail_side_pixels).convert("RGB")
    full = upright_size(picture)
    across, down = plain.width / full[0], plain.height / full[1]
    size = max(12, plain.width // 24)
    canvas = Image.new("RGB", (plain.width, plain.height + round(1.5 * size)), "white")
    above = canvas.height - plain.height
    canvas.paste(plain, (0, above))
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default()  # a bitmap font, the only one that Pillow has without FreeType
    width = max(1, plain.width // 300)
    for one in row.digits:
        left, top, right, bottom = one.box
        colour = READ_COLOUR if one.prediction.accepted else REJECTED_COLOUR
        box = (left * across - width, top * down + above - width, right * across + width, bottom * down + above + width)
        draw.rectangle(box, outline=colour, width=width)
        text = str(one.prediction.digit) if one.prediction.accepted else REJECTED
        label = Image.new("L", (8, 12), 0)
        ImageDraw.Draw(label).text((1, 0), text, 255, font=font)
        enlarged = label.resize((round(0.75 * size), round(1.2 * size)), Image.Resampling.BICUBIC)
        canvas.paste(colour, (round((box[0] + box[2]) / 2 - enlarged.width / 2), round(0.15 * size)), enlarged)
    return canvas
