"""Backgrounds: X-rays of both sizes without held-out patients, phantoms, and plain levels."""

import json
import os

import numpy as np
from PIL import Image, ImageFilter

import split

from .canvas import Canvas
from .sheet import MARKER, TEXT, UNKNOWN

SIDE = 512
CODES = {"text": TEXT, "patient": TEXT, "marker": MARKER, "unknown": UNKNOWN}
# Shares of full-size X-rays, small X-rays, phantoms and plain backgrounds.
SHARES = (0.6, 0.17, 0.13, 0.1)
SMALL = 1500


class Ground:
    """A picture with the classes of what is burned into it."""

    def __init__(self, path: str, boxes: list[dict]):
        with Image.open(path) as image:
            self.levels = np.asarray(image.convert("L"))
        self.classes = np.zeros_like(self.levels)
        for box in boxes:
            code = CODES.get(box["what"])
            if code:
                x, y, w, h = (int(box[key]) for key in ("x", "y", "w", "h"))
                self.classes[max(0, y) : y + h, max(0, x) : x + w] = code


def held_out(folder: str) -> set[str]:
    """Returns the patients whose full-size X-rays are held out."""
    files = [f for kind in ("NORMAL", "PNEUMONIA") for f in os.listdir(os.path.join(folder, kind))]
    return {split.patient(file) for file in split.held_out(files)}


def full_size(folder: str, annotations: dict, out: set[str], inside: bool = False) -> dict:
    """Loads the X-rays of patients that are not held out, or with `inside` of those that are."""
    return {
        file: Ground(os.path.join(folder, kind, file), annotations.get(file, []))
        for kind in ("NORMAL", "PNEUMONIA")
        for file in sorted(os.listdir(os.path.join(folder, kind)))
        if (split.patient(file) in out) == inside
    }


def small(folder: str, out: set[str], rng) -> list[Ground]:
    """Loads X-rays of 224 px.

    Letters that are on them are not annotated, so whatever is as bright and thin does not count.
    """
    files = [
        os.path.join(folder, kind, file)
        for kind in ("NORMAL", "PNEUMONIA")
        for file in sorted(os.listdir(os.path.join(folder, kind)))
        if split.patient(file) not in out
    ]
    found = []
    for path in rng.choice(files, min(SMALL, len(files)), replace=False):
        ground = Ground(str(path), [])
        soft = Image.fromarray(ground.levels).filter(ImageFilter.BoxBlur(6))
        thin = ground.levels.astype(np.int16) - np.asarray(soft, np.int16) > 50
        bright = Image.fromarray((thin * 255).astype(np.uint8)).filter(ImageFilter.BoxBlur(2))
        ground.classes[np.asarray(bright) > 20] = UNKNOWN
        found.append(ground)
    return found


def phantoms(folder: str) -> list[Ground]:
    """Loads phantoms by `xray make-images`."""
    with open(os.path.join(folder, "truth.json")) as file:
        truths = json.load(file)
    box = lambda t: {"what": t["what"], "x": t["x"], "y": t["y"], "w": t["width"], "h": t["height"]}
    return [Ground(os.path.join(folder, t["file"]), [box(x) for x in t["texts"]]) for t in truths]


def plain(rng, side: int) -> Canvas:
    """Returns a level or a ramp with noise and the blocks of strong compression, as chroma has."""
    ramp = np.linspace(0, rng.uniform(0, 60), side)[:, None] + np.linspace(0, rng.uniform(0, 60), side)
    levels = rng.choice([0, 0, 128, rng.uniform(0, 255)]) + ramp * rng.integers(0, 2)
    if rng.random() < 0.5:
        blocks = rng.normal(0, rng.uniform(1, 6), (side // 8 + 1, side // 8 + 1))
        levels = levels + np.kron(blocks, np.ones((8, 8)))[:side, :side]
    levels = levels + rng.normal(0, rng.uniform(0, 6), (side, side))
    return Canvas(np.clip(levels, 0, 255), np.zeros((side, side), np.uint8))


def cut(ground: Ground, rng, side: int) -> Canvas:
    """Cuts a square of `side` pixels at the scale of a picture of 420 to 2,560 px."""
    height, width = ground.levels.shape
    longer = float(np.exp(rng.uniform(np.log(420), np.log(2560))))
    scale = max(longer / max(height, width), side / height, side / width)
    need = int(side / scale)
    top, left = (
        int(rng.choice([0, n - need, rng.integers(0, n - need + 1)], p=[0.3, 0.3, 0.4]))
        for n in (height, width)
    )
    here = (slice(top, top + need), slice(left, left + need))
    levels = np.asarray(
        Image.fromarray(ground.levels[here]).resize(
            (side, side), Image.BILINEAR if scale > 1 else Image.BOX
        ),
        np.float32,
    )
    classes = np.asarray(Image.fromarray(ground.classes[here]).resize((side, side), Image.NEAREST))
    quarter = int(rng.choice([0, 0, 0, 1, 2, 3]))
    canvas = Canvas(np.rot90(levels, quarter), np.rot90(classes, quarter))
    if rng.random() < 0.3:
        canvas.levels, canvas.classes = canvas.levels[:, ::-1].copy(), canvas.classes[:, ::-1].copy()
    return canvas


def tone(canvas: Canvas, rng) -> None:
    """Changes exposure, window, contrast and sharpness; adults' X-rays have more of all."""
    levels = 255 * (canvas.levels / 255) ** np.exp(rng.normal(0, 0.35))
    if rng.random() < 0.4:
        low, high = np.percentile(levels, (rng.uniform(0, 20), rng.uniform(80, 100)))
        levels = np.clip((levels - low) / max(20, high - low), 0, 1) * 255
    elif rng.random() < 0.3:
        low, high = sorted(rng.uniform(0, 255, 2))
        if high - low > 50:
            levels = low + levels * (high - low) / 255
    if rng.random() < 0.3:
        image = Image.fromarray(np.clip(levels, 0, 255).astype(np.uint8))
        soft = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 12))), np.float32)
        levels = levels + (levels - soft) * rng.uniform(0.3, 2.5)
    if rng.random() < 0.1:
        levels = 255 - levels
    if rng.random() < 0.35:
        levels = levels + rng.normal(0, rng.uniform(0, 8), levels.shape)
    canvas.levels = np.clip(levels, 0, 255).astype(np.float32)
