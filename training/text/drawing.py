"""Draws text, side markers and lookalikes into an image, and records the class of each pixel."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import fonts
import wording

TEXT, MARKER, UNKNOWN = 1, 2, 255
# Lowest contrast of drawn text, in gray levels.
MIN_CONTRAST = 12
# In place of an opacity: the level is added to the image, which shows through everywhere.
ADDED = -1.0


def render(rng, text: str, script: str, size: int, bold: bool = False) -> np.ndarray:
    """Renders a line: the coverage of each pixel, 0 to 1, cropped to its ink.

    The result is empty where the font lacks the glyphs.
    """
    # One in eight looks as on old screens: few pixels, enlarged, without antialiasing.
    coarse = int(rng.integers(2, 4)) if size >= 18 and rng.random() < 0.12 else 1
    font = fonts.pick(rng, script, max(7, size // coarse))
    left, top, right, bottom = font.getbbox(text, stroke_width=1 if bold else 0)
    width, height = right - left + 4, bottom - top + 4
    if width <= 4 or height <= 4 or width > 6000:
        return np.zeros((0, 0), np.float32)
    image = Image.new("L" if coarse == 1 else "1", (width, height), 0)
    ImageDraw.Draw(image).text(
        (2 - left, 2 - top),
        text,
        fill=255 if coarse == 1 else 1,
        font=font,
        stroke_width=1 if bold else 0,
    )
    ink = np.asarray(image.convert("L"), np.float32) / 255
    if coarse > 1:
        ink = ink.repeat(coarse, 0).repeat(coarse, 1)
    rows, columns = np.flatnonzero(ink.max(1) > 0.2), np.flatnonzero(ink.max(0) > 0.2)
    if not len(rows):
        return np.zeros((0, 0), np.float32)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def dilate(ink: np.ndarray, by: int) -> np.ndarray:
    """Dilates the ink by `by` pixels."""
    image = Image.fromarray((np.pad(ink, by) * 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.MaxFilter(2 * by + 1)), np.float32) / 255


class Canvas:
    """An image to draw on, with levels (f32, 0 to 255) and classes (uint8) of its pixels."""

    def __init__(self, levels: np.ndarray, classes: np.ndarray | None = None):
        self.levels = levels.astype(np.float32)
        self.classes = np.zeros(levels.shape, np.uint8) if classes is None else classes.copy()

    @property
    def side(self) -> tuple[int, int]:
        return self.levels.shape

    def clip(self, top: int, left: int, height: int, width: int):
        """Clips a rectangle to the image; returns its slices in both, or None outside."""
        t, l = max(0, top), max(0, left)
        b, r = min(self.side[0], top + height), min(self.side[1], left + width)
        if t >= b or l >= r:
            return None
        return (slice(t, b), slice(l, r)), (slice(t - top, b - top), slice(l - left, r - left))

    def paint(
        self, top: int, left: int, ink: np.ndarray, level: float, opacity: float = 1.0
    ) -> None:
        """Paints ink of a level; with the opacity ADDED, adds the level to the image."""
        place = self.clip(top, left, *ink.shape)
        if place:
            on, of = place
            share = ink[of]
            if opacity == ADDED:
                self.levels[on] = np.clip(self.levels[on] + level * share, 0, 255)
            else:
                self.levels[on] += (level - self.levels[on]) * share * opacity

    def label(self, top: int, left: int, height: int, width: int, what: int) -> None:
        """Sets the class of a rectangle."""
        place = self.clip(top, left, height, width)
        if place:
            self.classes[place[0]] = what

    def is_free(self, top: int, left: int, height: int, width: int) -> bool:
        """Reports whether the rectangle overlaps the image and contains no text or marker."""
        place = self.clip(top, left, height, width)
        return bool(place) and not self.classes[place[0]].any()

    def mean_level(self, top: int, left: int, height: int, width: int) -> float:
        """Returns the mean level of a rectangle."""
        place = self.clip(top, left, height, width)
        return float(self.levels[place[0]].mean()) if place else 0.0


def level_on(rng, ground: float) -> tuple[float, float]:
    """Returns a level and an opacity for text on this background.

    The text is mostly clear, often faint, and never below MIN_CONTRAST.
    """
    kind = rng.random()
    if kind < 0.3:
        level, opacity = float(rng.choice([255, 255, 240, 220, 0])), 1.0
    elif kind < 0.5:
        level, opacity = float(rng.uniform(0, 255)), 1.0
    elif kind < 0.75:
        difference = np.exp(rng.uniform(np.log(MIN_CONTRAST), np.log(80)))
        return float(
            difference
            if ground + difference < 250 and (ground < 60 or rng.random() < 0.7)
            else -difference
        ), ADDED
    elif kind < 0.87:
        level, opacity = float(rng.choice([255, 0])), float(rng.uniform(0.08, 0.9))
    else:
        difference = np.exp(rng.uniform(np.log(MIN_CONTRAST), np.log(60)))
        level, opacity = ground + difference * rng.choice([-1, 1]), 1.0
    if not 0 <= level <= 255 or abs(level - ground) * opacity < MIN_CONTRAST:
        away = MIN_CONTRAST + rng.uniform(1, 30)
        level, opacity = (ground + away if ground < 128 else ground - away), 1.0
    return level, opacity


def write(
    canvas: Canvas, rng, top: int, left: int, ink: np.ndarray, what: int, style: dict
) -> None:
    """Draws one line."""
    height, width = ink.shape
    if style["outline"]:
        by = style["outline"]
        level = 255 - style["level"] if abs(style["level"] - 128) > 40 else 0
        canvas.paint(top - by, left - by, dilate(ink, by), level, max(0.0, style["opacity"]))
    canvas.paint(top, left, ink, style["level"], style["opacity"])
    canvas.label(top, left, height, width, what)


def style_for(canvas: Canvas, rng, top: int, left: int, height: int, width: int, size: int) -> dict:
    """Chooses the style of a block at this place, and draws the plate behind it if it has one."""
    if rng.random() < 0.2:
        plate = float(rng.choice([0, 0, 20, 255, 128, rng.uniform(0, 255)]))
        margin = int(rng.integers(1, max(2, size // 2)))
        canvas.paint(
            top - margin,
            left - margin,
            np.ones((height + 2 * margin, width + 2 * margin), np.float32),
            plate,
            float(rng.choice([1, 1, 0.5])),
        )
    level, opacity = level_on(rng, canvas.mean_level(top, left, height, width))
    outline = int(rng.integers(1, max(2, size // 14 + 1))) if rng.random() < 0.1 else 0
    return {"level": level, "opacity": opacity, "outline": outline}


def random_size(rng, low: float, high: float) -> int:
    return int(round(np.exp(rng.uniform(np.log(low), np.log(high)))))


def random_start(rng, side: int, length: int) -> int:
    """Returns the start of an object of this length: often at an edge, sometimes cut off by it."""
    kind = rng.random()
    room = side - length
    if kind < 0.2:
        return int(rng.integers(0, 12))
    if kind < 0.4:
        return room - int(rng.integers(0, 12))
    if kind < 0.5:
        return int(rng.integers(-length // 2, side - length // 2 + 1))
    return int(rng.integers(min(0, room), max(0, room) + 1))


def block(canvas: Canvas, rng) -> None:
    """Draws a block of one to eight lines, upright or rotated by 90 degrees."""
    script, lines = wording.lines(rng)
    if rng.random() < 0.1:
        # Widely spaced letters are still text.
        lines = [(" " * int(rng.integers(1, 3))).join(line) for line in lines]
    size = random_size(rng, 11, 92)
    # Most fonts of other scripts lack digits and Latin letters.
    inks = [render(rng, line, "latin" if line.isascii() else script, size) for line in lines]
    inks = [ink for ink in inks if ink.size]
    if not inks:
        return
    turns = int(rng.choice([0, 1, 3], p=[0.82, 0.09, 0.09]))
    step = int(max(size * rng.uniform(1.0, 1.7), max(ink.shape[0] for ink in inks) + 1))
    width, height = max(ink.shape[1] for ink in inks), step * (len(inks) - 1) + inks[-1].shape[0]
    align = rng.choice(["left", "left", "right", "middle"])
    tall, wide = (height, width) if turns == 0 else (width, height)
    top, left = random_start(rng, canvas.side[0], tall), random_start(rng, canvas.side[1], wide)
    if not canvas.is_free(top - 4, left - 4, tall + 8, wide + 8):
        return
    style = style_for(canvas, rng, top, left, tall, wide, size)
    for i, ink in enumerate(inks):
        down, across = (
            i * step,
            {"left": 0, "right": width - ink.shape[1], "middle": (width - ink.shape[1]) // 2}[
                str(align)
            ],
        )
        if turns == 0:
            at = (top + down, left + across)
        elif turns == 1:
            at = (top + width - across - ink.shape[1], left + down)
        else:
            at = (top + across, left + height - down - ink.shape[0])
        write(canvas, rng, *at, np.rot90(ink, turns), TEXT, style)


def marker(canvas: Canvas, rng) -> None:
    """Draws an isolated side or view marker.

    It is printed, in a ring or a frame, or like lead letters in the beam.
    """
    size = random_size(rng, 22, 130)
    ink = render(rng, wording.marker(rng), "latin", size, bold=rng.random() < 0.3)
    if not ink.size:
        return
    if rng.random() < 0.35:
        turned = Image.fromarray((ink * 255).astype(np.uint8)).rotate(
            float(rng.choice([rng.normal(0, 9), rng.uniform(-180, 180)], p=[0.8, 0.2])),
            Image.BILINEAR,
            expand=True,
        )
        ink = np.asarray(turned, np.float32) / 255
    if rng.random() < 0.12:
        ink = ink[:, ::-1]
    height, width = ink.shape
    apart = max(10, min(height, width) // 2)
    top, left = random_start(rng, canvas.side[0], height), random_start(rng, canvas.side[1], width)
    if not canvas.is_free(top - apart, left - apart, height + 2 * apart, width + 2 * apart):
        return
    if rng.random() < 0.3:
        ink = (
            np.asarray(
                Image.fromarray((ink * 255).astype(np.uint8)).filter(
                    ImageFilter.GaussianBlur(rng.uniform(0.5, 2.5))
                ),
                np.float32,
            )
            / 255
        )
    level, opacity = level_on(rng, canvas.mean_level(top, left, height, width))
    ring = rng.random()
    if ring < 0.2:
        around = int(max(height, width) * 0.35) + 2
        frame = Image.new("L", (width + 2 * around, height + 2 * around), 0)
        pen = ImageDraw.Draw(frame)
        (pen.ellipse if ring < 0.12 else pen.rectangle)(
            (1, 1, frame.width - 2, frame.height - 2), outline=255, width=max(1, size // 14)
        )
        canvas.paint(
            top - around, left - around, np.asarray(frame, np.float32) / 255, level, opacity
        )
        # The network need not learn whether the frame belongs to the marker.
        canvas.label(top - around, left - around, height + 2 * around, width + 2 * around, UNKNOWN)
    canvas.paint(top, left, ink, level, opacity)
    canvas.label(top, left, height, width, MARKER)


def other(canvas: Canvas, rng) -> None:
    """Draws ticks, rulers, arrows, rings, frames, wires, plates or dots, none of which are text."""
    height, width = canvas.side
    image = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(image)
    kind = rng.choice(
        ["ticks", "ruler", "ruler", "arrow", "ring", "frame", "wire", "plate", "dots"]
    )
    thick = int(rng.integers(1, 6))
    x, y = (int(rng.integers(0, side)) for side in (width, height))
    if kind == "ticks":
        step, long = int(rng.integers(5, 70)), int(rng.integers(3, 26))
        edge = int(rng.choice([0, rng.integers(0, width)]))
        for i, at in enumerate(range(int(rng.integers(step)), max(width, height), step)):
            length = long * 2 if i % 5 == 0 else long
            pen.line(
                (edge, at, edge + length, at) if x % 2 else (at, edge, at, edge + length),
                fill=255,
                width=min(thick, 3),
            )
    elif kind == "ruler":
        step, long, every = (
            int(rng.integers(5, 50)),
            int(rng.integers(4, 22)),
            int(rng.choice([2, 5, 10])),
        )
        length, side = int(rng.integers(60, 900)), int(rng.choice([-1, 1]))
        horizontal = rng.random() < 0.5
        turn = lambda box: box if horizontal else (box[1], box[0], box[3], box[2])
        if rng.random() < 0.6:
            pen.line(turn((x, y, x + length, y)), fill=255, width=min(thick, 3))
        for i, at in enumerate(range(x, x + length, step)):
            pen.line(
                turn((at, y, at, y + side * (2 * long if i % every == 0 else long))),
                fill=255,
                width=min(thick, 3),
            )
    elif kind == "arrow":
        long, angle = rng.uniform(20, 160), rng.uniform(0, 2 * np.pi)
        tip = (x + long * np.cos(angle), y + long * np.sin(angle))
        pen.line((x, y, *tip), fill=255, width=thick + 1)
        for turn in (2.6, -2.6):
            pen.line(
                (
                    *tip,
                    tip[0] + long / 3 * np.cos(angle + turn),
                    tip[1] + long / 3 * np.sin(angle + turn),
                ),
                fill=255,
                width=thick + 1,
            )
    elif kind == "ring":
        r = int(rng.integers(6, 90))
        pen.ellipse((x - r, y - r, x + r, y + r), outline=255, width=thick)
    elif kind == "frame":
        pen.rectangle(
            (x, y, x + int(rng.integers(10, 300)), y + int(rng.integers(10, 200))),
            outline=255,
            width=thick,
        )
    elif kind == "wire":
        points = np.cumsum(rng.normal(0, 40, (8, 2)) + rng.normal(0, 30, 2), 0) + (x, y)
        pen.line([tuple(p) for p in points], fill=255, width=thick, joint="curve")
    elif kind == "plate":
        pen.rectangle(
            (x, y, x + int(rng.integers(20, 300)), y + int(rng.integers(10, 120))), fill=255
        )
    else:
        for _ in range(int(rng.integers(1, 40))):
            px, py, r = rng.integers(0, width), rng.integers(0, height), rng.integers(1, 6)
            pen.ellipse((px - r, py - r, px + r, py + r), fill=255)
    shape = np.asarray(image, np.float32) / 255
    shape = shape * (canvas.classes == 0)
    level, opacity = level_on(rng, float(canvas.levels.mean()))
    canvas.paint(0, 0, shape, level, opacity)
