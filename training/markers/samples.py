"""Draws windows of the marker recognizer: markers that stay, and everything that must not."""

import io
import json
import os

import numpy as np
from PIL import Image

import recognizer
import split
from prints import CAPITALS, WORDS, arrow, edited, framed, ruler, short
from recognizer import CLASSES, window
from scenes import blocks, grounds, lookalikes, words
from scenes import fonts as faces
from scenes.canvas import Canvas
from scenes.fonts import LETTERS
from scenes.sheet import MARKER, UNKNOWN, Sheet

CODE = {name: i for i, name in enumerate(CLASSES)}
# How often each marker is drawn.
SHARES = {"L": 6, "R": 6, "LT": 3, "RT": 3, "AP": 4, "PA": 4, "arrow": 5, "ruler": 9}
# Side of a detector's cell.
CELL = 8


class Samples:
    """Draws windows and their classes; a seed always gives the same ones."""

    def __init__(self, groups: list[list], fonts, real: list = ()):
        self.groups, self.fonts, self.real = groups, fonts, list(real)
        # Nobody reads a marker in letters of fancy.
        self.plain = fonts.legible("LRAPTEFIGH", 0.3)
        shares = np.array(grounds.SHARES) * [*(len(group) > 0 for group in groups), True]
        self.shares = shares / shares.sum()
        weights = np.array([SHARES.get(name, 1.5) for name in CLASSES[1:]])
        self.weights = weights / weights.sum()

    def _ground(self, rng, side: int) -> Canvas:
        for _ in range(6):
            group = int(rng.choice(len(self.shares), p=self.shares))
            if group == len(self.groups):
                canvas = grounds.plain(rng, side)
            else:
                every = self.groups[group]
                canvas = grounds.cut(every[rng.integers(len(every))], rng, side)
            if not canvas.classes.any():
                break
        else:
            canvas = grounds.plain(rng, side)
        if rng.random() < 0.5:
            grounds.tone(canvas, rng)
        if rng.random() < 0.12:
            lookalikes.collimate(canvas, rng)
        if rng.random() < 0.12:
            lookalikes.draw(canvas, rng)
        return canvas

    def _line(self, rng, says: str, size: int, script: str = "latin", spacing: float = 0) -> Sheet | None:
        return blocks.line(self.fonts, rng, says, script, size, spacing, MARKER)

    def _plain(self, rng, says: str, size: int) -> Sheet | None:
        return blocks.line(self.plain, rng, says, "latin", size, 0, MARKER)

    def _finished(self, rng, sheet: Sheet, size: int, tilt: float) -> Sheet:
        if rng.random() < 0.04 and size > 30:
            sheet.padded(3).hollow(max(1, size // 30))
        if rng.random() < 0.15:
            blocks.plate(sheet, rng, size)
        if rng.random() < 0.1:
            sheet.skewed(rng)
        if rng.random() < 0.4:
            sheet.padded(2).blurred(float(rng.uniform(0.3, max(0.5, min(2.5, size / 16)))))
        return sheet.turned(tilt) if tilt else sheet

    def _marker(self, rng, name: str, size: int) -> Sheet | None:
        if name == "arrow":
            sheet = arrow(rng, size)
            return self._finished(rng, sheet, size, float(rng.normal(0, 4)))
        if name == "ruler":
            return self._finished(rng, ruler(self.fonts, rng, size, False), size, float(rng.normal(0, 1)))
        says = name
        if name in ("AP", "PA") and rng.random() < 0.25:
            says = "-".join(name)
        sheet = self._plain(rng, says, size)
        if sheet is None:
            return None
        # Letters in a frame are small in the window: most of what is lost is such words.
        if rng.random() < (0.4 if len(name) == 2 else 0.25):
            sheet = framed(sheet, rng, size)
        elif rng.random() < 0.05:
            sheet.handwritten(rng, size)
        tilt = float(rng.choice([0, rng.normal(0, 3), rng.uniform(-14, 14)], p=[0.5, 0.2, 0.3]))
        return self._finished(rng, sheet, size, tilt)

    def _other(self, rng, size: int) -> Sheet | None:
        """Returns print of the class `other`."""
        kind = rng.random()
        spacing = 0.0 if rng.random() < 0.8 else float(rng.uniform(0.1, 1.5))
        tilt = float(rng.choice([0, 0, 90, 180, 270, rng.uniform(-90, 90)]))
        if kind < 0.22:
            sheet = self._line(rng, short(rng), size, spacing=spacing)
        elif kind < 0.48:
            sheet = self._line(rng, edited(rng, str(rng.choice(WORDS))), size, spacing=spacing)
            tilt *= rng.random() < 0.3
        elif kind < 0.6:
            script = words.script(rng, self.fonts)
            letters = LETTERS[script]
            says = "".join(rng.choice(list(letters), int(rng.integers(1, 5))))
            sheet = self._line(rng, says, size, script)
        elif kind < 0.8:
            sheet = blocks.text(self.fonts, rng, size, 8 * size)
        elif kind < 0.83:
            sheet = blocks.code(rng, size)
        elif kind < 0.86:
            sheet = ruler(self.fonts, rng, size, True)
        else:
            # A marker turned too far, or a mirrored one.
            sheet = self._line(rng, str(rng.choice(WORDS)), size)
            if sheet and rng.random() < 0.25:
                sheet.each(lambda image, _: image.transpose(Image.FLIP_LEFT_RIGHT))
                tilt = 0
            else:
                tilt = float(rng.choice([90, 180, 270, rng.uniform(30, 330)]))
        if sheet is None:
            return None
        if rng.random() < 0.1:
            sheet = framed(sheet, rng, size)
        if rng.random() < 0.08:
            sheet.handwritten(rng, size)
        return self._finished(rng, sheet, size, tilt)

    def _beside(self, rng, canvas: Canvas, box, name: str) -> str | None:
        """Adds print beside a marker; returns what the window shows then, None if that is in
        doubt.
        """
        levels = np.clip(canvas.levels + 0.5, 0, 255).astype(np.uint8)
        box = recognizer.tightened(levels, box)
        left, top, right, bottom = box
        tall, kind = bottom - top, rng.random()
        size = max(8, int(tall * rng.uniform(0.3, 1.4)))
        gap, far = rng.uniform(-0.1, 0.9) * min(tall, 40), False
        if kind < 0.3 and len(name) <= 2 and name.isupper():
            # Letters of the same height in a row.
            size, gap = int(tall * 1.3), tall * rng.uniform(0.1, 1.6)
            sheet = self._line(rng, str(rng.choice(list(CAPITALS))), size)
        elif kind < 0.5:
            size, far = max(8, int(tall * rng.uniform(0.25, 0.55))), True
            gap = tall * rng.uniform(1.3, 2)
            sheet = blocks.text(self.fonts, rng, size, 8 * size)
        elif kind < 0.75:
            sheet = self._line(rng, short(rng), size)
        else:
            sheet = blocks.text(self.fonts, rng, size, 8 * size)
        if sheet is None:
            return name
        w, h = sheet.size
        side = int(rng.integers(2 if kind < 0.5 else 4))
        y = int(top + (tall - h) / 2 + (rng.normal(0, 0.2) * tall if side < 2 else 0))
        x = int((left + right - w) / 2 + rng.normal(0, 0.3) * (right - left))
        at = [
            (y, int(right + gap)), (y, int(left - gap - w)),
            (int(bottom + gap), x), (int(top - gap - h), x),
        ][side]  # fmt: skip
        before = canvas.levels.copy()
        canvas.put(rng, sheet, at)
        change = np.abs(canvas.levels - before)
        x, y, wide, high = recognizer.area(box)
        change = change[max(0, int(y)) : int(y + high), max(0, int(x)) : int(x + wide)]
        if far or (change > 4).sum() < 3:
            return name
        # Faint print, or an end of it, is for the detector to find.
        clear = max(24, 0.4 * float(np.ptp(np.percentile(levels[top:bottom, left:right], (2, 98)))))
        return "other" if (change > clear).sum() >= 0.06 * tall * tall else None

    def _box(self, rng, canvas: Canvas, ink: np.ndarray):
        """Returns the bounds of a component as a detector finds it: whole cells, more or less."""
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        ends = np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)
        tall = ends[3] - ends[1]
        slack = rng.uniform(-0.3, 1.2, 4) * CELL
        if rng.random() < 0.5:
            slack += rng.uniform(-0.1, 0.25, 4) * tall
        slack = np.maximum(slack, -0.12 * min(tall, ends[2] - ends[0]))
        phase = rng.integers(0, CELL, 2)[[0, 1, 0, 1]]
        ends = np.rint((ends + slack * [-1, -1, 1, 1] - phase) / CELL) * CELL + phase
        height, width = canvas.levels.shape
        ends = np.clip(ends, 0, [width, height, width, height]).astype(int)
        if ends[2] - ends[0] < CELL or ends[3] - ends[1] < CELL:
            return None
        return tuple(int(end) for end in ends)

    def _is_found(self, canvas: Canvas, box, ink: np.ndarray) -> bool:
        """Returns whether the window is around this ink, and not around an edge behind it."""
        levels = np.clip(canvas.levels + 0.5, 0, 255).astype(np.uint8)
        left, top, right, bottom = recognizer.tightened(levels, box)
        rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
        wide = min(right, columns[-1] + 1) - max(left, columns[0])
        tall = min(bottom, rows[-1] + 1) - max(top, rows[0])
        both = max(0, wide) * max(0, tall)
        ours = (rows[-1] + 1 - rows[0]) * (columns[-1] + 1 - columns[0])
        return both >= 0.6 * ((right - left) * (bottom - top) + ours - both)

    def _real(self, rng) -> list[tuple[np.ndarray, int]]:
        """Returns a window of a marker or a text that was burned in when the X-ray was made."""
        levels, boxes = self.real[rng.integers(len(self.real))]
        box = boxes[rng.integers(len(boxes))]
        if max(box["w"], box["h"]) > 500:
            return []
        scale = float(np.exp(rng.uniform(np.log(0.4), np.log(1.2))))
        reach = int(5 * max(box["w"], box["h"]))
        x, y = max(0, box["x"] - reach), max(0, box["y"] - reach)
        part = levels[y : box["y"] + box["h"] + reach, x : box["x"] + box["w"] + reach]
        size = [max(8, int(n * scale)) for n in part.shape[::-1]]
        canvas = Canvas(np.asarray(Image.fromarray(part).resize(size, Image.BILINEAR)), np.zeros(size[::-1], np.uint8))
        grounds.tone(canvas, rng)
        ink = np.zeros(size[::-1], bool)
        left, top = int((box["x"] - x) * scale), int((box["y"] - y) * scale)
        ink[max(0, top) : top + max(8, int(box["h"] * scale)), max(0, left) : left + max(8, int(box["w"] * scale))] = True
        says = box.get("says", "").replace("-", "") if box["what"] == "marker" else "other"
        if says not in CODE or not ink.any():
            return []
        found = self._box(rng, canvas, ink)
        return [(self._cut(rng, canvas, found), CODE[says])] if found else []

    def _cut(self, rng, canvas: Canvas, box) -> np.ndarray:
        levels = np.clip(canvas.levels + 0.5, 0, 255).astype(np.uint8)
        if rng.random() < 0.5:
            stream = io.BytesIO()
            Image.fromarray(levels).save(stream, "JPEG", quality=int(rng.integers(40, 97)))
            levels = np.asarray(Image.open(stream))
        view = rng.random()
        if view < 0.15:
            return window(levels, box, box)
        if view < 0.25:
            left, top, right, bottom = recognizer.tightened(levels, box)
            by, (height, width) = min(right - left, bottom - top) // 6, levels.shape
            more = max(0, left - by), max(0, top - by), min(width, right + by), min(height, bottom + by)
            return window(levels, box, more)
        return window(levels, box)

    def one(self, rng) -> list[tuple[np.ndarray, int]]:
        """Returns windows of one scene and their classes; none if nothing can be seen on it."""
        kind = rng.random()
        if kind < 0.04 and self.real:
            return self._real(rng)
        size = int(np.exp(rng.uniform(np.log(13), np.log(48))))
        if kind < 0.14:
            # Whatever the X-ray or an object on it shows.
            side = int(size * rng.uniform(4, 8)) + 32
            canvas = self._ground(rng, side)
            if rng.random() < 0.6:
                lookalikes.draw(canvas, rng)
            w, h = size * rng.uniform(0.5, 2.5), size * rng.uniform(0.5, 2)
            x, y = rng.uniform(0, side - w), rng.uniform(0, side - h)
            box = np.clip(np.rint(np.array([x, y, x + w, y + h]) / CELL) * CELL, 0, side)
            box = tuple(int(end) for end in box)
            if box[2] - box[0] < CELL or box[3] - box[1] < CELL:
                return []
            return [(self._cut(rng, canvas, box), 0)]
        name = "other"
        if kind < 0.62:
            name = str(rng.choice(CLASSES[1:], p=self.weights))
            size = min(size, 30) if len(name) > 3 else size
            sheet = self._marker(rng, name, size)
        else:
            sheet = self._other(rng, size)
        if sheet is None or max(sheet.size) > 700 or min(sheet.size) < 5:
            return []
        w, h = sheet.size
        wide = max(2.667 * 2.2 * h, 1.3 * w)
        side = int(min(900, max(wide, 2.4 * h) * 1.2)) + 16
        canvas = self._ground(rng, side)
        top, left = (
            int((side - n) / 2 + rng.uniform(-0.25, 0.25) * max(0, side - n)) for n in (h, w)
        )
        if rng.random() < 0.25:
            # At an edge of the picture; what that cuts becomes `other`.
            by = int(rng.integers(0, 14)) if rng.random() < 0.75 else -int(rng.uniform(0.08, 0.6) * (h if kind < 0.5 else w))
            edge = int(rng.integers(4))
            if edge < 2:
                left = by if edge else side - w - by
            else:
                top = by if edge == 3 else side - h - by
        ink = np.zeros((side, side), bool)
        on = canvas.slices(top, left, h, w)
        if on is None:
            return []
        painted = np.asarray(sheet.ink) > 100
        inner = np.asarray(sheet.classes) == MARKER
        ink[on[0]] = painted[on[1]]
        whole = painted.sum()
        if whole == 0 or ink.sum() < 0.25 * whole:
            return []
        if name != "other" and ink.sum() < whole:
            if ink.sum() > 0.85 * whole:
                return []
            name = "other"
        before = canvas.levels.copy()
        canvas.put(rng, sheet, (top, left))
        change, under = np.abs(canvas.levels - before)[ink], before[on[0]]
        shades = float(np.ptp(np.percentile(under, (15, 85))))
        least = max(12, 0.6 * shades) if name != "other" else 10
        if (canvas.classes == UNKNOWN).any() or np.median(change) < least:
            return []
        if name == "ruler" or (name == "other" and rng.random() < 0.25):
            # A detector finds parts of them.
            columns = np.flatnonzero(ink.any(0))
            wide, tall = columns[-1] - columns[0], np.ptp(np.flatnonzero(ink.any(1)))
            part = int(wide * rng.uniform(0.2, 1)) if wide > 1.5 * tall else wide
            if name == "ruler" and rng.random() < 0.7:
                # As long as the parts that are looked at.
                part = min(wide, int(tall * rng.uniform(3, 8)))
            part = max(part, min(wide, 2 * tall if name == "ruler" else tall))
            start = columns[0] + int(rng.uniform(0, max(1, wide - part)))
            only = np.zeros_like(ink)
            only[:, start : start + part] = ink[:, start : start + part]
            ink = only if only.any() else ink
        if name not in ("other", "arrow", "ruler") and inner.any() and rng.random() < 0.4:
            # Without its frame.
            only = np.zeros_like(ink)
            only[on[0]] = (painted & inner)[on[1]]
            ink = only if only.any() else ink
        box = self._box(rng, canvas, ink)
        if box is None or (name != "other" and not self._is_found(canvas, box, ink)):
            return []
        beside = name not in ("other", "ruler") and rng.random() < 0.25
        if beside:
            name = self._beside(rng, canvas, box, name)
            if name is None:
                return []
        found = [(self._cut(rng, canvas, box), CODE[name])]
        again = None if beside else self._box(rng, canvas, ink)
        if again and (name == "other" or self._is_found(canvas, again, ink)):
            found.append((self._cut(rng, canvas, again), CODE[name]))
        return found

    def shard(self, seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Draws `count` windows."""
        rng = np.random.default_rng(seed)
        made = []
        while len(made) < count:
            made.extend(self.one(rng))
        made = made[:count]
        return np.stack([m[0] for m in made]), np.array([m[1] for m in made], np.uint8)


def real(folder: str, annotations: dict, out: set[str]) -> list:
    """Loads the X-rays of training with something burned in, and its boxes."""
    found = []
    for kind in ("NORMAL", "PNEUMONIA"):
        for file in sorted(os.listdir(os.path.join(folder, kind))):
            boxes = [b for b in annotations.get(file, []) if b["what"] in ("marker", "text", "patient")]
            if boxes and split.patient(file) not in out:
                with Image.open(os.path.join(folder, kind, file)) as image:
                    found.append((np.asarray(image.convert("L")), boxes))
    return found


def loaded(args, held_out_fonts: bool = False) -> Samples:
    """Loads backgrounds and fonts: those of a ninth of the families are for validation."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../text/annotations.json")) as file:
        annotations = json.load(file)
    out = grounds.held_out(args.data)
    full = list(grounds.full_size(args.data, annotations, out, inside=held_out_fonts).values())
    small = [] if held_out_fonts else grounds.small(args.small, out, np.random.default_rng(0)) if args.small else []
    fonts = faces.Fonts(args.fonts)
    for script, families in fonts.families.items():
        chosen = [f for i, f in enumerate(families) if (i % 9 == 4) == held_out_fonts]
        fonts.families[script] = chosen or families
    return Samples([full, small, []], fonts, [] if held_out_fonts else real(args.data, annotations, out))
