"""Draws burned-in annotations: patients, labels, side markers, ticks and boxes.

The score must not depend on them.
"""

import glob
import os

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

FONTS = [
    path
    for path in sorted(glob.glob(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "*.ttf")))
    if os.path.basename(path).startswith(("DejaVuS", "STIXGeneral", "cmss", "cmtt", "cmr"))
]
LETTERS = list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789:.-/ ,")
# Text is drawn at a multiple of its size and averaged down, like that of a large image.
FINE = 4


def text(rng, length: int) -> str:
    return "".join(rng.choice(LETTERS, length))


def label(rng) -> str:
    """Returns a label in the format of the function, of any class.

    Its content must not affect the score.
    """
    return f"{rng.choice(['Pneumonia', 'Normal', 'Unsure'])}, risk={round(100 * rng.random(), 2)}%"


def lines_at(draw, rng, side, lines, size, gray, corner):
    font = ImageFont.truetype(FONTS[rng.integers(len(FONTS))], size)
    height = int(size * 1.1)
    width = max(draw.textlength(line, font=font) for line in lines)
    left = (
        2
        if corner[0] == "l"
        else side - int(width) - 2
        if corner[0] == "r"
        else int(rng.integers(0, max(1, side - int(width))))
    )
    tall = height * len(lines)
    top = (
        0
        if corner[1] == "t"
        else side - tall
        if corner[1] == "b"
        else int(rng.integers(0, max(1, side - tall)))
    )
    if rng.random() < 0.15:
        draw.rectangle((left - 4, top, left + width + 4, top + tall), fill=(0, 255))
    for i, line in enumerate(lines):
        draw.text((left, top + i * height), line, fill=(gray, 255), font=font)


def overlay(rng, side: int) -> np.ndarray:
    """Draws one overlay, (side, side, 2) uint8: level and opacity."""
    big = side * FINE
    image = Image.new("LA", (big, big), (0, 0))
    draw = ImageDraw.Draw(image)
    # Sizes refer to an image 900 to 1800 px wide, reduced to `big`.
    scale = big / rng.uniform(900, 1800)
    gray = int(rng.choice([255, 255, 235, 200, 160, 0], p=[0.4, 0.2, 0.15, 0.1, 0.1, 0.05]))
    for _ in range(rng.integers(1, 4)):
        kind = rng.choice(
            ["patient", "label", "marker", "ticks", "box"], p=[0.4, 0.3, 0.15, 0.05, 0.1]
        )
        if kind == "patient":
            lines = [text(rng, rng.integers(5, 24)) for _ in range(rng.integers(1, 7))]
            corner = rng.choice(["lb", "lb", "lt", "rt", "rb", "xx"])
            lines_at(draw, rng, big, lines, max(8, int(rng.uniform(14, 48) * scale)), gray, corner)
        elif kind == "label":
            lines_at(
                draw,
                rng,
                big,
                [label(rng)],
                max(10, int(rng.uniform(36, 64) * scale)),
                255,
                "lt" if rng.random() < 0.7 else "xx",
            )
        elif kind == "marker":
            word = str(rng.choice(["R", "L", "AP", "PA", "A-P", "1", "SUPINE"]))
            lines_at(
                draw,
                rng,
                big,
                [word],
                max(12, int(rng.uniform(30, 110) * scale)),
                gray,
                rng.choice(["lt", "rt", "xx"]),
            )
        elif kind == "ticks":
            for at in range(0, big, int(rng.uniform(20, 60))):
                draw.line((0, at, 10, at), fill=(240, 255), width=2)
        else:
            width, height = rng.uniform(0.08, 0.35, 2) * big * (1, 0.4)
            left = rng.choice([0, big - width, rng.uniform(0, big - width)])
            top = rng.choice([0, big - height])
            draw.rectangle(
                (left, top, left + width, top + height),
                fill=(int(rng.choice([0, 0, 255, 128])), 255),
            )
    # The average of the level is weighted by opacity, so that black under transparent pixels
    # does not darken the text.
    level, opacity = (
        np.asarray(band, np.float32).reshape(side, FINE, side, FINE) for band in image.split()
    )
    mean_opacity = opacity.mean((1, 3))
    level = (level * opacity).mean((1, 3)) / np.maximum(mean_opacity, 1)
    return np.stack([level, mean_opacity], -1).astype(np.uint8)


def overlays(seed: int, count: int, side: int) -> np.ndarray:
    """Draws `count` overlays, (count, side, side, 2) uint8."""
    rng = np.random.default_rng(seed)
    return np.stack([overlay(rng, side) for _ in range(count)])
