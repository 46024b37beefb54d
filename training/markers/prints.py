"""Markers, and words that resemble them: single letters, edits of the markers' words, frames."""

import numpy as np
from PIL import ImageDraw

from recognizer import CLASSES
from scenes import blocks, words
from scenes.sheet import MARKER, TEXT, Sheet

WORDS = [name for name in CLASSES if name.isupper()]
CAPITALS = words.CAPITALS
# Letters that are taken for one another at a few pixels.
ALIKE = {
    "L": "IECUJT", "R": "BKPAHFN", "T": "YFJIL", "A": "RHNM", "P": "RFBD", "E": "FLBC", "I": "TJLH",
    "G": "COQ", "H": "NMKA", "F": "EPT", "D": "OBP", "Z": "27S", "Q": "OG", "U": "VOJ", "S": "ZBC",
    "C": "GOE", "N": "MHW", "O": "QC", "B": "RPE",
}  # fmt: skip


def edited(rng, word: str) -> str:
    """Returns a marker's word with one or two letters replaced, added, left out or exchanged."""
    for _ in range(20):
        made = list(word)
        # At a few pixels nobody tells long words apart by one letter.
        for _ in range(int(rng.choice([1, 1, 1, 2])) + (len(word) > 4)):
            at, kind = int(rng.integers(len(made))) if made else 0, rng.random()
            letter = str(rng.choice(list(CAPITALS + "2345679")))
            if kind < 0.55 and made:
                near = ALIKE.get(made[at], CAPITALS)
                made[at] = str(rng.choice(list(near))) if rng.random() < 0.7 else letter
            elif kind < 0.8:
                made.insert(int(rng.integers(len(made) + 1)), letter)
            elif kind < 0.9 and len(made) > 1:
                made.pop(at)
            elif len(made) > 1:
                other = int(rng.integers(len(made)))
                made[at], made[other] = made[other], made[at]
        says = "".join(made)
        if says and says not in WORDS and says not in ("A-P", "P-A"):
            return says
    return "X"


def short(rng) -> str:
    """Returns initials, a fragment of a name, or a number: up to four characters."""
    kind = rng.random()
    if kind < 0.3:
        says = str(rng.choice(list(CAPITALS)))
    elif kind < 0.6:
        marks = str(rng.choice(["", "", "", ".", ". ", " ", "-"]))
        letters = rng.choice(list(CAPITALS + "LRAPT"), 2)
        says = marks.join(letters) + ("." if marks.startswith(".") else "")
    elif kind < 0.75:
        says = "".join(rng.choice(list(CAPITALS), 3))
    elif kind < 0.85:
        says = words.number(rng, 1, 4)
    elif kind < 0.93:
        says = str(rng.choice([w for w in WORDS if len(w) <= 3])).capitalize()
        says = says if len(says) > 1 and rng.random() < 0.6 else says.lower()
    else:
        says = words.word(rng, words.LATIN, 1, 4)
    return says if says not in WORDS else edited(rng, says)


def arrow(rng, size: int) -> Sheet:
    long, head = size * rng.uniform(1.3, 4), size * rng.uniform(0.35, 0.6)
    wide, solid = max(2, int(size * rng.uniform(0.06, 0.25))), rng.random() < 0.6
    sheet = Sheet(int(long) + 2, int(2 * head) + 2)
    pen, y, tip = ImageDraw.Draw(sheet.ink), head, head * rng.uniform(0.8, 2)
    if solid:
        pen.line((tip - 1, y, long, y), fill=255, width=wide)
        pen.polygon((0, y, tip, y - head * 0.9, tip, y + head * 0.9), fill=255)
    else:
        pen.line((0, y, long, y), fill=255, width=wide)
        pen.line((tip, y - head * 0.9, 0, y, tip, y + head * 0.9), fill=255, width=wide, joint="curve")
    sheet.label((0, 0, *sheet.size), MARKER)
    sheet.turned(float(rng.choice([0, 90, 180, 270]) if rng.random() < 0.8 else rng.uniform(0, 360)))
    return sheet


def ruler(fonts, rng, size: int, digits: bool) -> Sheet:
    """Draws a scale; with digits it is text."""
    count, step = int(rng.integers(8, 40)), size * rng.uniform(0.3, 1.4)
    every, thick = int(rng.choice([2, 5, 5, 10])), max(1, int(size * rng.uniform(0.03, 0.14)))
    step = max(step, 3 * thick)
    base = rng.random() < 0.8
    ratio = rng.uniform(0.4, 0.8)
    sheet = Sheet(int(step * (count - 1)) + thick + 2, 2 * size + 2 if digits else size + 2)
    pen = ImageDraw.Draw(sheet.ink)
    for i in range(count):
        x, tall = int(i * step), size if i % every == 0 else size * ratio
        pen.rectangle((x, 0, x + thick - 1, int(tall)), fill=255)
    if base or every == 10:
        pen.rectangle((0, 0, sheet.size[0], thick - 1), fill=255)
    if digits:
        for i in range(0, count, every):
            one = blocks.line(fonts, rng, str(i), "latin", max(8, int(0.9 * size)), 0, TEXT)
            if one:
                sheet.ink.paste(one.ink, (int(i * step), size + 2))
    sheet.label((0, 0, *sheet.size), TEXT if digits else MARKER)
    return sheet.turned(180) if rng.random() < 0.5 else sheet


def framed(sheet: Sheet, rng, size: int) -> Sheet:
    w, h = sheet.size
    by = int(max(w, h) * rng.uniform(0.15, 0.4)) + 3
    sheet.padded(by)
    pen = ImageDraw.Draw(sheet.ink)
    outline = pen.ellipse if rng.random() < 0.65 else pen.rectangle
    side, box = max(w, h), (1, 1, w + 2 * by - 2, h + 2 * by - 2)
    if rng.random() < 0.6 and w < 2 * h:
        x, y = (w + 2 * by) / 2, (h + 2 * by) / 2
        r = min(0.75 * side + 2, min(x, y) - 1) if outline == pen.rectangle else min(max(x, y), 0.75 * side + 4)
        grow = int(max(0, r - min(x, y))) + 1
        sheet.padded(grow)
        pen = ImageDraw.Draw(sheet.ink)
        outline = pen.ellipse if outline.__name__ == "ellipse" else pen.rectangle
        x, y = x + grow, y + grow
        box = (x - r, y - r, x + r, y + r)
    outline(box, outline=255, width=max(1, int(size * rng.uniform(0.04, 0.12))))
    return sheet
