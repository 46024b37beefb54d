"""Writes the windows that the function's must equal: python fixture.py

`tests/golden/markers.json` has components of the picture beside it and how each is turned,
`markers-windows.png` their windows, one below the other. Run it after a change of the window.
"""

import json
import os

import numpy as np
from PIL import Image, ImageDraw

from recognizer import window

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../tests/golden")
# A component (left, top, right, bottom), and how the picture is turned before it is cut.
COMPONENTS = [
    ((40, 32, 72, 80), "upright"),
    ((40, 32, 72, 80), "left"),
    ((40, 32, 72, 80), "right"),
    ((96, 24, 176, 56), "upright"),
    ((184, 16, 216, 112), "left"),
    ((184, 16, 216, 112), "right"),
    ((0, 96, 24, 136), "upright"),
    ((280, 200, 320, 240), "upright"),
    ((96, 104, 296, 184), "upright"),
    ((16, 160, 80, 224), "upright"),
    ((232, 24, 304, 88), "upright"),
]


def picture() -> np.ndarray:
    """Draws strokes on a ground with a slope and noise: bright and dark, at the edges, faint."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[0:240, 0:320]
    ground = 40 + x / 6 + y / 9 + rng.normal(0, 3, (240, 320))
    image = Image.fromarray(np.clip(ground, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image)
    for box, level in [
        ((46, 38, 51, 73), 235), ((46, 68, 65, 73), 235),  # L
        ((102, 30, 105, 49), 200), ((102, 30, 113, 33), 200), ((102, 39, 113, 42), 200),
        ((113, 30, 116, 42), 200), ((128, 30, 145, 33), 190), ((135, 30, 138, 49), 190),
        ((198, 30, 201, 100), 225), ((0, 102, 4, 130), 240), ((0, 126, 17, 130), 240),
        ((290, 212, 295, 239), 8), ((290, 208, 314, 213), 8),
        ((110, 116, 125, 172), 250), ((110, 158, 150, 172), 250), ((170, 116, 185, 172), 250),
        ((170, 116, 210, 128), 250), ((230, 116, 245, 172), 250), ((26, 170, 32, 214), 96),
        ((26, 208, 60, 214), 96),
    ]:  # fmt: skip
        pen.rectangle(box, fill=level)
    pen.polygon(((199, 20), (188, 44), (211, 44)), fill=225)
    pen.ellipse((238, 28, 296, 84), outline=220, width=3)
    pen.rectangle((262, 42, 266, 70), fill=220)
    pen.rectangle((262, 66, 276, 70), fill=220)
    return np.asarray(image)


def turned(levels: np.ndarray, box: tuple, turn: str) -> tuple[np.ndarray, tuple]:
    """Returns the picture and the component as they are shown to the network."""
    (left, top, right, bottom), (height, width) = box, levels.shape
    if turn == "left":  # print that reads upward
        return np.ascontiguousarray(np.rot90(levels, -1)), (height - bottom, left, height - top, right)
    if turn == "right":
        return np.ascontiguousarray(np.rot90(levels)), (top, width - right, bottom, width - left)
    return levels, box


def main() -> None:
    levels = picture()
    windows = [window(*turned(levels, box, turn)) for box, turn in COMPONENTS]
    Image.fromarray(levels).save(os.path.join(GOLDEN, "markers.png"), optimize=True)
    Image.fromarray(np.concatenate(windows)).save(os.path.join(GOLDEN, "markers-windows.png"), optimize=True)
    rows = [{"box": box, "turn": turn} for box, turn in COMPONENTS]
    with open(os.path.join(GOLDEN, "markers.json"), "w") as file:
        file.write("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
