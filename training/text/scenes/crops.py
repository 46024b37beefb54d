"""Crops of 512 x 512: levels, and the class of each cell."""

import io

import numpy as np
from PIL import Image

from . import blocks, grounds, lookalikes, sheet
from .canvas import Canvas
from .grounds import SIDE

STRIDE = 8
# A cell has the class of a line or marker that covers at least this share of it. Cells with less
# are UNKNOWN.
MIN_SHARE = 0.25


def cells(classes: np.ndarray) -> np.ndarray:
    """Reduces classes of pixels to classes of cells."""
    h, w = (side // STRIDE for side in classes.shape)
    parts = classes[: h * STRIDE, : w * STRIDE].reshape(h, STRIDE, w, STRIDE)
    found = np.where((parts > 0).any((1, 3)), sheet.UNKNOWN, 0)
    for code in (sheet.MARKER, sheet.EITHER, sheet.TEXT):
        found[(parts == code).mean((1, 3)) >= MIN_SHARE] = code
    return found.astype(np.uint8)


def compressed(levels: np.ndarray, rng) -> np.ndarray:
    if rng.random() < 0.1:
        return levels
    stream = io.BytesIO()
    Image.fromarray(levels).save(stream, "JPEG", quality=int(rng.integers(40, 97)))
    return np.asarray(Image.open(stream))


class Scenes:
    """Draws crops from backgrounds and fonts; a seed always gives the same ones."""

    def __init__(self, groups: list[list], fonts):
        self.groups, self.fonts = groups, fonts
        shares = np.array(grounds.SHARES) * [*(len(group) > 0 for group in groups), True]
        self.shares = shares / shares.sum()

    def _ground(self, rng, side: int) -> Canvas:
        group = int(rng.choice(len(self.shares), p=self.shares))
        if group == len(self.groups):
            return grounds.plain(rng, side)
        every = self.groups[group]
        return grounds.cut(every[rng.integers(len(every))], rng, side)

    def _write(self, canvas: Canvas, rng) -> None:
        kind, side = rng.random(), canvas.levels.shape[0]
        size = blocks.size(rng, 8, min(240, side // 2))
        if kind < 0.06:
            drawn = blocks.code(rng, min(size, 80))
        elif kind < 0.18:
            drawn = blocks.initials(self.fonts, rng, max(10, size))
        else:
            drawn = blocks.text(self.fonts, rng, size, side)
        if drawn is None:
            return
        if rng.random() < 0.12:
            drawn.handwritten(rng, size)
        self._finish(canvas, rng, drawn, size, apart=4, plates=0.25)

    def _mark(self, canvas: Canvas, rng) -> None:
        size = blocks.size(rng, 16, 150)
        drawn = blocks.marker(self.fonts, rng, size)
        if drawn is not None:
            self._finish(canvas, rng, drawn, size, apart=max(10, size), plates=0.15)

    def _finish(self, canvas, rng, drawn, size: int, apart: int, plates: float) -> None:
        if rng.random() < 0.05 and size > 16:
            drawn.padded(3).hollow(max(1, size // 30))
        if rng.random() < plates:
            blocks.plate(drawn, rng, size)
        if rng.random() < 0.12:
            drawn.skewed(rng)
        if rng.random() < 0.25:
            drawn.padded(2).blurred(float(rng.uniform(0.3, max(0.5, min(2.5, size / 16)))))
        drawn.turned(blocks.angle(rng))
        at = canvas.place(rng, drawn, apart)
        if at:
            canvas.put(rng, drawn, at)

    def crop(self, rng) -> tuple[np.ndarray, np.ndarray]:
        """Returns levels (SIDE, SIDE) and cells, both uint8."""
        # A small picture is enlarged after it was written on.
        enlarged = float(rng.uniform(1.5, 5)) if rng.random() < 0.2 else 1.0
        side = int(SIDE / enlarged)
        canvas = self._ground(rng, side)
        grounds.tone(canvas, rng)
        if rng.random() < 0.2:
            lookalikes.collimate(canvas, rng)
        for _ in range(int(rng.choice([0, 1, 2, 4], p=[0.4, 0.3, 0.2, 0.1]))):
            lookalikes.draw(canvas, rng)
        if rng.random() < 0.75:
            for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.35, 0.35, 0.2, 0.1]))):
                self._mark(canvas, rng)
            for _ in range(int(rng.choice([0, 1, 2, 3, 5], p=[0.1, 0.3, 0.3, 0.2, 0.1]))):
                self._write(canvas, rng)
        if rng.random() < 0.25:
            lookalikes.redact(canvas, rng)
        levels = compressed(np.clip(canvas.levels + 0.5, 0, 255).astype(np.uint8), rng)
        classes = canvas.classes
        if side != SIDE:
            levels = np.asarray(Image.fromarray(levels).resize((SIDE, SIDE), Image.BILINEAR))
            classes = np.asarray(Image.fromarray(classes).resize((SIDE, SIDE), Image.NEAREST))
        return levels, cells(classes)

    def shard(self, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws `count` crops."""
        rng = np.random.default_rng(seed)
        made = [self.crop(rng) for _ in range(count)]
        return np.stack([m[0] for m in made]), np.stack([m[1] for m in made])
