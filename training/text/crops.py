"""Cuts crops from X-rays and phantoms, draws text on them, and returns the class of each cell."""

import io
import json
import os

import numpy as np
from PIL import Image

import drawing
from network import STRIDE

SIDE = 512
# A cell has the class of a line or marker if its ink box covers at least this share of the
# cell. Cells with less are UNKNOWN and do not count in the loss.
MIN_SHARE = 0.25
# Classes by the `what` of annotations.json and of the truth.json of `xray make-images`.
CODES = {
    "text": drawing.TEXT,
    "patient": drawing.TEXT,
    "marker": drawing.MARKER,
    "unknown": drawing.UNKNOWN,
}


class Background:
    """An image with the classes of its existing annotations: (h, w) uint8 levels and classes."""

    def __init__(self, path: str, boxes: list[dict]):
        with Image.open(path) as image:
            self.levels = np.asarray(image.convert("L"))
        self.classes = np.zeros_like(self.levels)
        for box in boxes:
            code = CODES.get(box["what"])
            if code:
                x, y, w, h = (int(box[key]) for key in ("x", "y", "w", "h"))
                self.classes[max(0, y) : y + h, max(0, x) : x + w] = code


def xrays(folder: str, annotations: dict) -> dict[str, Background]:
    """Loads a folder in the Kaggle layout, by file name, with its burned-in annotations."""
    found = {}
    for kind in ("NORMAL", "PNEUMONIA"):
        inside = os.path.join(folder, kind)
        for file in sorted(os.listdir(inside)):
            found[file] = Background(os.path.join(inside, file), annotations.get(file, []))
    return found


def phantoms(folder: str) -> list[Background]:
    """Loads phantoms by `xray make-images`, with patients and markers from its truth.json."""
    with open(os.path.join(folder, "truth.json")) as file:
        truths = json.load(file)
    box = lambda t: {"what": t["what"], "x": t["x"], "y": t["y"], "w": t["width"], "h": t["height"]}
    return [
        Background(os.path.join(folder, t["file"]), [box(x) for x in t["texts"]]) for t in truths
    ]


def cut(background: Background, rng, side: int = SIDE) -> drawing.Canvas:
    """Cuts a crop at the scale of images of 1000 to 2500 px, often at an edge.

    Some crops are mirrored or inverted.
    """
    height, width = background.levels.shape
    scale = float(np.exp(rng.uniform(np.log(0.7), np.log(1.7)))) * 1400 / max(height, width, 700)
    scale = max(scale, side / height, side / width)
    need = int(side / scale)

    def start(length: int) -> int:
        return int(
            rng.choice([0, length - need, rng.integers(0, length - need + 1)], p=[0.25, 0.25, 0.5])
        )

    top, left = start(height), start(width)
    levels, classes = (
        x[top : top + need, left : left + need] for x in (background.levels, background.classes)
    )
    levels = np.asarray(
        Image.fromarray(levels).resize((side, side), Image.BICUBIC if scale > 1 else Image.BOX),
        np.float32,
    )
    classes = np.asarray(Image.fromarray(classes).resize((side, side), Image.NEAREST))
    if rng.random() < 0.5:
        levels, classes = levels[:, ::-1], classes[:, ::-1]
    levels = 255 * (levels / 255) ** np.exp(rng.normal(0, 0.3))
    if rng.random() < 0.5:
        low, high = sorted(rng.uniform(0, 255, 2))
        if high - low > 60:
            levels = low + levels * (high - low) / 255
    if rng.random() < 0.08:
        levels = 255 - levels
    if rng.random() < 0.3:
        levels = levels + rng.normal(0, rng.uniform(0, 3), levels.shape)
    return drawing.Canvas(np.clip(levels, 0, 255), classes)


def cells(classes: np.ndarray) -> np.ndarray:
    """Reduces classes of pixels, (h, w), to classes of cells, (h / STRIDE, w / STRIDE)."""
    h, w = (side // STRIDE for side in classes.shape)
    blocks = classes.reshape(h, STRIDE, w, STRIDE)
    share = {
        code: (blocks == code).mean((1, 3))
        for code in (drawing.TEXT, drawing.MARKER, drawing.UNKNOWN)
    }
    found = np.where(sum(share.values()) > 0, drawing.UNKNOWN, 0)
    found[share[drawing.MARKER] >= MIN_SHARE] = drawing.MARKER
    found[share[drawing.TEXT] >= MIN_SHARE] = drawing.TEXT
    return found.astype(np.uint8)


def recompress(levels: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=quality)
    return np.asarray(Image.open(stream))


def redact(canvas: drawing.Canvas, rng) -> None:
    """Draws black or plain boxes aligned to blocks, as redaction leaves them.

    Neither the boxes nor the structures that they cut are text.
    """
    for _ in range(int(rng.integers(1, 4))):
        height, width = (int(n) * 8 for n in rng.integers(3, (26, 52)))
        top, left = (
            drawing.random_start(rng, side, n) // 8 * 8
            for side, n in zip(canvas.side, (height, width))
        )
        place = canvas.clip(top, left, height, width)
        if place:
            canvas.levels[place[0]] = (
                0 if rng.random() < 0.8 else canvas.ground(top, left, height, width)
            )
            canvas.classes[place[0]] = 0


def crop(background: Background, rng, side: int = SIDE) -> tuple[np.ndarray, np.ndarray]:
    """Returns levels (side, side) uint8, and the classes of the cells."""
    canvas = cut(background, rng, side)
    if rng.random() < 0.8:
        jobs = [drawing.block] * int(rng.choice([0, 1, 2, 3, 4], p=[0.15, 0.35, 0.25, 0.15, 0.1]))
        jobs += [drawing.marker] * int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))
        jobs += [drawing.other] * int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))
        for i in rng.permutation(len(jobs)):
            jobs[i](canvas, rng)
    if rng.random() < 0.35:
        redact(canvas, rng)
    levels = np.clip(canvas.levels + 0.5, 0, 255).astype(np.uint8)
    if rng.random() < 0.9:
        levels = recompress(levels, int(rng.integers(50, 96)))
    return levels, cells(canvas.classes)


def shard(
    backgrounds: list[Background], weights: np.ndarray, seed: int, count: int, side: int = SIDE
):
    """Draws `count` crops: levels and classes of cells, uint8."""
    rng = np.random.default_rng(seed)
    made = [crop(backgrounds[i], rng, side) for i in rng.choice(len(backgrounds), count, p=weights)]
    return np.stack([m[0] for m in made]), np.stack([m[1] for m in made])
