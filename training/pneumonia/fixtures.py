"""Creates the fixtures that compare the function's resize with Pillow's."""

import os

import numpy as np
from PIL import Image, ImageDraw

from preprocess import gray_square

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "fixtures")


def scene(width: int, height: int, color: bool) -> Image.Image:
    """Draws gradients, edges, fine lines and a disc, which show errors of a resize."""
    y, x = np.mgrid[0:height, 0:width]
    level = ((x * 200 // width + y * 55 // height) // 4 * 4).astype(np.uint8)
    image = Image.fromarray(level).convert("RGB" if color else "L")
    draw = ImageDraw.Draw(image)
    draw.ellipse(
        (width * 0.2, height * 0.2, width * 0.6, height * 0.8), fill=(250, 40, 90) if color else 235
    )
    for i in range(0, width, 7):
        draw.line((i, height * 0.85, i, height), fill=(0, 120, 255) if color else 0)
    draw.rectangle(
        (width * 0.7, height * 0.1, width - 1, height * 0.3),
        outline=(255, 255, 255) if color else 255,
    )
    return image


for name, width, height, color in (
    ("grey-640x480", 640, 480, False),
    ("rgb-1203x877", 1203, 877, True),
    ("grey-160x151", 160, 151, False),
):
    source = scene(width, height, color)
    source.save(os.path.join(FOLDER, f"{name}.png"), optimize=True)
    Image.fromarray(gray_square(source, 150)).save(
        os.path.join(FOLDER, f"{name}.150.png"), optimize=True
    )
    source.convert("L").resize((150, 150), Image.NEAREST).save(
        os.path.join(FOLDER, f"{name}.150.nearest.png"), optimize=True
    )
