"""Sheets with text: lines, letters far apart, handwriting, stickers, codes, and side markers."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from . import words
from .sheet import EITHER, MARKER, TEXT, UNKNOWN, Sheet

# A gap between letters that is longer than this many heights does not count.
GAP = 1.0


def angle(rng) -> float:
    """Returns the tilt of a block, in degrees."""
    kind = rng.random()
    if kind < 0.42:
        return 0.0
    if kind < 0.56:
        return float(rng.choice([90, 270]))
    if kind < 0.6:
        return 180.0
    return float(rng.normal(0, 5)) if kind < 0.7 else float(rng.uniform(-90, 90))


def size(rng, low: float = 8, high: float = 240) -> int:
    """Returns the font size of a block; small and middle ones are the most frequent."""
    small = rng.random() < 0.85
    low, high = (low, min(high, 70)) if small else (min(70, high), high)
    return int(round(np.exp(rng.uniform(np.log(low), np.log(max(high, low + 1))))))


def _glyphs(font, text: str, coarse: int, bold: int) -> Image.Image | None:
    left, top, right, bottom = font.getbbox(text, stroke_width=bold)
    w, h = right - left, bottom - top
    if w <= 0 or h <= 0 or w > 4000 or h > 900:
        return None
    image = Image.new("1" if coarse > 1 else "L", (w, h))
    ImageDraw.Draw(image).text(
        (-left, -top), text, fill=255 if coarse == 1 else 1, font=font, stroke_width=bold
    )
    image = image.convert("L")
    box = image.getbbox()
    if not box:
        return None
    image = image.crop(box)
    return image.resize((image.width * coarse, image.height * coarse)) if coarse > 1 else image


def line(fonts, rng, text: str, script: str, size: int, spacing: float, what: int):
    """Returns a sheet with one line; `spacing` is the gap between letters in letter heights."""
    coarse = int(rng.integers(2, 4)) if size >= 18 and rng.random() < 0.1 else 1
    bold = int(rng.random() < 0.15) * max(1, size // 24)
    font = fonts.pick(rng, "latin" if text.isascii() else script, max(6, size // coarse))
    if spacing <= 0:
        image = _glyphs(font, text, coarse, bold)
        if image is None:
            return None
        sheet = Sheet(*image.size)
        sheet.ink = image
        sheet.label((0, 0, *image.size), what)
        return sheet
    letters = [_glyphs(font, c, coarse, bold) for c in text if not c.isspace()]
    letters = [image for image in letters if image]
    if not letters:
        return None
    height = max(image.height for image in letters)
    gap = max(1, int(spacing * height))
    width = sum(image.width for image in letters) + gap * (len(letters) - 1)
    if width > 4000:
        return None
    sheet = Sheet(width, height)
    sheet.label((0, 0, width, height), what if spacing <= GAP else UNKNOWN)
    x = 0
    for image in letters:
        sheet.ink.paste(image, (x, height - image.height))
        sheet.label((x, 0, x + image.width, height), what)
        x += image.width + gap
    return sheet


def text(fonts, rng, size: int, room: int) -> Sheet | None:
    """Returns a sheet with one to six lines, at most about `room` pixels long."""
    script, lines = words.lines(rng, fonts)
    spacing = float(rng.choice([0, rng.uniform(0.15, 1), rng.uniform(1, 4)], p=[0.78, 0.12, 0.1]))
    most = max(2, int(1.4 * room / (size * (0.6 + spacing))))
    drawn = [line(fonts, rng, says[:most], script, size, spacing, TEXT) for says in lines]
    drawn = [one for one in drawn if one]
    if not drawn:
        return None
    step = max(int(size * rng.uniform(1.0, 1.9)), max(one.size[1] for one in drawn) + 1)
    width = max(one.size[0] for one in drawn)
    sheet = Sheet(width, step * (len(drawn) - 1) + drawn[-1].size[1])
    align = rng.random()
    for i, one in enumerate(drawn):
        free = width - one.size[0]
        x = 0 if align < 0.6 else free if align < 0.8 else free // 2
        for name in ("ink", "classes"):
            getattr(sheet, name).paste(getattr(one, name), (x, i * step))
    return sheet


def initials(fonts, rng, size: int) -> Sheet | None:
    spacing = float(rng.choice([0, rng.uniform(0.1, 1)]))
    return line(fonts, rng, words.initials(rng), "latin", size, spacing, EITHER)


def code(rng, size: int) -> Sheet:
    """Returns a bar code or a matrix code, which identify a patient as text does."""
    if rng.random() < 0.6:
        bars = rng.choice([0, 255], (1, int(rng.integers(30, 90)))).astype(np.uint8)
        unit = int(rng.integers(1, 4))
        image = Image.fromarray(bars).resize((bars.shape[1] * unit, max(12, size)))
    else:
        cells = rng.choice([0, 255], (int(rng.integers(12, 30)),) * 2).astype(np.uint8)
        unit = int(rng.integers(2, 6))
        image = Image.fromarray(cells).resize((cells.shape[1] * unit,) * 2, Image.NEAREST)
    sheet = Sheet(*image.size)
    sheet.ink = image
    sheet.label((0, 0, *image.size), TEXT)
    return sheet


def marker(fonts, rng, size: int) -> Sheet | None:
    """Returns a side or view marker: printed, framed, or on a plate with a print of its own."""
    sheet = line(fonts, rng, words.marker(rng), "latin", size, 0, MARKER)
    if sheet is None:
        return None
    w, h = sheet.size
    kind = rng.random()
    if kind < 0.25:
        by = int(max(w, h) * rng.uniform(0.2, 0.45)) + 3
        sheet.padded(by)
        classes = np.asarray(sheet.classes)
        sheet.classes = Image.fromarray(np.where(classes == 0, UNKNOWN, classes).astype(np.uint8))
        pen = ImageDraw.Draw(sheet.ink)
        (pen.ellipse if kind < 0.15 else pen.rectangle)(
            (1, 1, w + 2 * by - 2, h + 2 * by - 2), outline=255, width=max(1, size // 14)
        )
    elif kind < 0.4:
        small = line(fonts, rng, words.initials(rng) if rng.random() < 0.5 else words.number(
            rng, 2, 6), "latin", max(8, int(size * rng.uniform(0.2, 0.45))), 0, TEXT)
        if small:
            sheet.padded(small.size[1] + max(3, size // 6))
            at = ((sheet.size[0] - small.size[0]) // 2, sheet.size[1] - small.size[1] - 1)
            sheet.ink.paste(small.ink, at)
            sheet.classes.paste(small.classes, at)
    return sheet


def plate(sheet: Sheet, rng, size: int) -> Sheet:
    """Puts a sticker, a flash box or a strip of tape behind the ink."""
    sheet.padded(int(rng.integers(1, max(3, size))))
    w, h = sheet.size
    radius = int(rng.choice([0, 0, rng.uniform(0, h / 2)]))
    ImageDraw.Draw(sheet.plate).rounded_rectangle((0, 0, w - 1, h - 1), radius, fill=255)
    if rng.random() < 0.3:
        sheet.plate = sheet.plate.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 4)))
    return sheet
