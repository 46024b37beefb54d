"""Objects that resemble text and are none: leads, tubes, wires, coins, teeth, edges, rulers."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from .canvas import Canvas, level_on


def _curve(rng, side: int, bend: float = 30) -> list[tuple[float, float]]:
    step = rng.normal(0, side / 8, 2)
    points = np.cumsum(step + rng.normal(0, bend, (int(rng.integers(4, 12)), 2)), 0)
    return [tuple(p) for p in points + rng.uniform(0, side, 2)]


def wire(pen, rng, side: int) -> None:
    pen.line(_curve(rng, side), fill=255, width=int(rng.integers(1, 7)), joint="curve")


def tube(pen, rng, side: int) -> None:
    points, wide = np.array(_curve(rng, side, 15)), int(rng.integers(6, 30))
    pen.line([tuple(p) for p in points], fill=90, width=wide, joint="curve")
    for shift in (-wide / 2, wide / 2):
        pen.line([tuple(p + shift) for p in points], fill=255, width=int(rng.integers(1, 4)))


def lead(pen, rng, side: int) -> None:
    """An ECG electrode with its snap and its wire."""
    x, y, r = *rng.uniform(0, side, 2), rng.uniform(8, 50)
    points = [(x, y), *_curve(rng, side)]
    pen.line(points, fill=int(rng.integers(120, 256)), width=int(rng.integers(2, 7)))
    pen.ellipse((x - r, y - r, x + r, y + r), fill=int(rng.integers(0, 120)), outline=160)
    for part in (0.6, 0.3):
        inner = r * part
        pen.ellipse((x - inner, y - inner, x + inner, y + inner), outline=255, width=3)


def coin(pen, rng, side: int) -> None:
    """A coin, a button or a snap: a disc with a rim and something engraved."""
    x, y, r = *rng.uniform(0, side, 2), rng.uniform(8, 60)
    pen.ellipse((x - r, y - r, x + r, y + r), fill=int(rng.integers(150, 256)))
    inner = 0.85 * r
    pen.ellipse((x - inner, y - inner, x + inner, y + inner), outline=100, width=2)
    for _ in range(int(rng.integers(0, 6))):
        px, py = rng.uniform(-r / 2, r / 2, 2)
        s = r * rng.uniform(0.05, 0.3)
        pen.ellipse((x + px - s, y + py - s, x + px + s, y + py + s), fill=80)


def teeth(pen, rng, side: int) -> None:
    x, y, step = *rng.uniform(-50, side, 2), rng.uniform(10, 36)
    bow = rng.normal(0, 0.02)
    for i in range(int(rng.integers(4, 14))):
        top, tall = y + bow * (i - 5) ** 2 * step, step * rng.uniform(1, 2)
        box = (x + i * step, top, x + (i + 0.85) * step, top + tall)
        pen.rounded_rectangle(box, step / 3, fill=int(rng.integers(130, 256)))
        middle = x + (i + 0.42) * step
        pen.line((middle, top + tall / 3, middle, top + tall), fill=70, width=max(1, int(step / 8)))


def repeated(pen, rng, side: int) -> None:
    """A zip, a necklace, staples, ribs of a brace: small shapes along a line."""
    points = np.array(_curve(rng, side, 12))
    length, kind = np.linspace(0, len(points) - 1, int(rng.integers(6, 60))), rng.integers(4)
    s = rng.uniform(2, 9)
    for at in length:
        x, y = (np.interp(at, np.arange(len(points)), points[:, i]) for i in (0, 1))
        if kind == 0:
            pen.ellipse((x - s, y - s, x + s, y + s), fill=255)
        elif kind == 1:
            pen.rectangle((x - s, y - s / 3, x + s, y + s / 3), fill=255)
        elif kind == 2:
            pen.line((x - s, y, x + s, y + s * rng.normal(0, 0.3)), fill=255, width=2)
        else:
            pen.arc((x - s, y - s, x + s, y + s), 0, int(rng.integers(120, 360)), fill=255, width=2)


def spring(pen, rng, side: int) -> None:
    x, y, step, tall = *rng.uniform(0, side, 2), rng.uniform(2, 9), rng.uniform(5, 30)
    count = int(rng.integers(5, 40))
    points = [(x + i * step, y + (i % 2) * tall) for i in range(count)]
    if rng.random() < 0.5:
        points = [(b, a) for a, b in points]
    pen.line(points, fill=255, width=int(rng.integers(1, 4)))


def ruler(pen, rng, side: int) -> None:
    step, tick = rng.uniform(4, 50), rng.uniform(3, 22)
    every, thick = int(rng.choice([2, 5, 10])), int(rng.integers(1, 4))
    x, y, length = rng.uniform(-60, side), rng.uniform(0, side), rng.uniform(60, 900)
    turn = (lambda *b: b) if rng.random() < 0.5 else (lambda *b: (b[1], b[0], b[3], b[2]))
    if rng.random() < 0.6:
        pen.line(turn(x, y, x + length, y), fill=255, width=thick)
    for i in range(int(length / step)):
        at = x + i * step
        pen.line(turn(at, y, at, y + tick * (1 + (i % every == 0))), fill=255, width=thick)


def grid(pen, rng, side: int) -> None:
    step, phase = rng.uniform(4, 80), rng.uniform(0, 40)
    both, thick = rng.random() < 0.6, int(rng.integers(1, 3))
    for i in range(int(side / step) + 1):
        at = phase + i * step
        pen.line((at, 0, at, side), fill=255, width=thick)
        if both:
            pen.line((0, at, side, at), fill=255, width=thick)


def shape(pen, rng, side: int) -> None:
    """An arrow, a ring, a frame, an empty plate, dots or a cross."""
    x, y, r = *rng.uniform(0, side, 2), rng.uniform(6, 120)
    thick, kind = int(rng.integers(1, 7)), rng.integers(6)
    if kind == 0:
        a = rng.uniform(0, 2 * np.pi)
        tip = (x + r * np.cos(a), y + r * np.sin(a))
        pen.line((x, y, *tip), fill=255, width=thick + 1)
        for turn in (2.6, -2.6):
            wing = (tip[0] + r / 3 * np.cos(a + turn), tip[1] + r / 3 * np.sin(a + turn))
            pen.line((*tip, *wing), fill=255, width=thick + 1)
    elif kind == 1:
        pen.ellipse((x - r, y - r, x + r, y + r), outline=255, width=thick)
    elif kind == 2:
        pen.rectangle((x, y, x + 3 * r, y + r), outline=255, width=thick)
    elif kind == 3:
        pen.rectangle((x, y, x + 3 * r, y + r), fill=255)
    elif kind == 4:
        for px, py, s in rng.uniform((0, 0, 1), (side, side, 6), (int(rng.integers(1, 40)), 3)):
            pen.ellipse((px - s, py - s, px + s, py + s), fill=255)
    else:
        pen.line((x - r / 4, y, x + r / 4, y), fill=255, width=thick)
        pen.line((x, y - r / 4, x, y + r / 4), fill=255, width=thick)


def pedicles(pen, rng, side: int) -> None:
    """Rings of bone, alone or in pairs above one another, which resemble a large 0 or O."""
    x, y = rng.uniform(0, side, 2)
    wide, tall = rng.uniform(6, 30), rng.uniform(8, 50)
    apart, step = rng.uniform(3, 8) * wide, rng.uniform(2.2, 4) * tall
    thick, pairs = int(rng.integers(2, 9)), int(rng.integers(1, 3))
    for i in range(int(rng.integers(1, 4))):
        for j in range(pairs):
            cx, cy = x + j * apart + rng.normal(0, 3), y + i * step + rng.normal(0, 4)
            a, b = wide * rng.uniform(0.8, 1.2), tall * rng.uniform(0.8, 1.2)
            first = int(rng.integers(0, 360))
            last = first + int(rng.choice([360, rng.integers(200, 360)]))
            pen.arc((cx - a, cy - b, cx + a, cy + b), first, last, fill=255, width=thick)


def scale(pen, rng, side: int) -> None:
    """Ticks along an edge of the picture, far apart."""
    step, tick, thick = rng.uniform(16, 150), rng.uniform(3, 16), int(rng.integers(1, 4))
    phase, inset = rng.uniform(0, step), float(rng.choice([0, 0, rng.uniform(0, 6)]))
    edge, every = int(rng.integers(4)), int(rng.choice([1, 5, 10]))
    for i in range(int(side / step) + 1):
        at, long = phase + i * step, tick * (1 if i % every else 1.6)
        ends = (inset, inset + long) if edge % 2 else (side - 1 - inset - long, side - 1 - inset)
        box = (at, ends[0], at, ends[1]) if edge < 2 else (ends[0], at, ends[1], at)
        pen.line(box, fill=255, width=thick)


KINDS = [wire, tube, lead, coin, teeth, repeated, spring, ruler, ruler, grid, shape, shape, shape, pedicles, pedicles, scale]


def draw(canvas: Canvas, rng, kind=None) -> None:
    """Draws one object, of any kind unless one is given, where there is no text."""
    side = canvas.levels.shape[0]
    image = Image.new("L", (side, side))
    kind = kind or KINDS[rng.integers(len(KINDS))]
    kind(ImageDraw.Draw(image), rng, side)
    if kind is pedicles:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(1, 6)))
    elif rng.random() < 0.5:
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.4, 2.5)))
    if kind is not scale and rng.random() < 0.4:
        image = image.rotate(float(rng.uniform(0, 360)), Image.BILINEAR)
    ink = np.asarray(image, np.float32) / 255 * (canvas.classes == 0)
    level, share = level_on(rng, float(canvas.levels.mean()), 0.3)
    if share is None:
        canvas.levels = np.clip(canvas.levels + level * ink, 0, 255)
    else:
        canvas.levels += (level - canvas.levels) * ink * share


def collimate(canvas: Canvas, rng) -> None:
    """Covers what lies outside of the collimator's edges, straight or tilted, with a level."""
    side = canvas.levels.shape[0]
    image = Image.new("L", (side, side), 255)
    pen = ImageDraw.Draw(image)
    inset = rng.uniform(-0.2, 0.35, 4) * side
    corners = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * side + rng.normal(0, 12, (4, 2))
    corners += np.array(
        [[inset[0], inset[1]], [-inset[2], inset[1]], [-inset[2], -inset[3]], [inset[0], -inset[3]]]
    )
    pen.polygon([tuple(c) for c in corners], fill=0)
    outside = np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3))), np.float32) / 255
    level = float(rng.choice([0, 0, 6, 20, 255]))
    canvas.levels += (level - canvas.levels) * outside * float(rng.choice([1, 1, 0.8]))


def redact(canvas: Canvas, rng) -> None:
    """Draws boxes aligned to blocks, as redaction leaves them."""
    side = canvas.levels.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        height, width = (int(n) * 8 for n in rng.integers(2, (26, 52)))
        top, left = (int(rng.integers(-n // 2, side - n // 2)) // 8 * 8 for n in (height, width))
        on = canvas.slices(top, left, height, width)
        if on:
            canvas.levels[on[0]] = 0 if rng.random() < 0.85 else canvas.levels[on[0]].mean()
            canvas.classes[on[0]] = 0
