"""Draws single lines of text on whole pictures, to judge a detector: kinds that training draws, in
other fonts and by other code, and the kinds of scenes/never_drawn.json, which it never draws.

It shares no code with the training generator.
"""

import glob
import json
import os
import re

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "scenes", "never_drawn.json")) as _file:
    NEVER = list(json.load(_file)["kinds"])
TRAINED = ["plain", "tilted", "turned", "wide", "initials", "faint", "tiny", "huge", "sticker"]
FAMILIES = "Ackermann Brandvold Castellano Dufresne Eriksdotter Ferreira Grünwald Horvath Ivanova Jansen Kowalczyk Lindgren Moreau Novotny Okonkwo Papadakis Quintero Ramaswamy Sørensen Takahashi".split()
GIVEN = "Agnes Bruno Clara Dario Elin Femi Greta Hugo Irma Jonas Katja Leon Mirna Nils Olga Pavel".split()
SCRIPTS = {"BPG": (0x10D0, 0x10F0), "Lohit-Tamil": (0xB95, 0xBB9), "Abyssinica": (0x1200, 0x1248)}
MIN_INK = 6


def words(rng) -> str:
    family, given = str(rng.choice(FAMILIES)), str(rng.choice(GIVEN))
    day = f"{rng.integers(1, 29):02}.{rng.integers(1, 13):02}.{rng.integers(1930, 2024)}"
    number = str(rng.integers(10**5, 10**8))
    return str(
        rng.choice([f"{given} {family}", f"{family.upper()}, {given}", day, number, f"{family} {day}"])
    )


class Faces:
    """Fonts for the trained kinds, from privacy/'s packages, and for the unseen ones."""

    def __init__(self, unseen: str):
        every = lambda root: sorted(
            path
            for ending in ("ttf", "otf")
            for path in glob.glob(f"{root}/**/*.{ending}", recursive=True)
        )
        pattern = re.compile(r"/(Roboto|Lato|OpenSans|Inconsolata|Cantarell|LinLibertine_R|JetBrains)")
        odd = re.compile(r"Thin|Hairline|ExtraLight")
        self.common = [p for p in every("/usr/share/fonts") if pattern.search(p) and not odd.search(p)]
        self.unseen = every(unseen)
        if not self.common or not self.unseen:
            raise SystemExit("fonts are missing: privacy/setup, training/text/install-fonts --unseen")

    def matching(self, pattern: str) -> list[str]:
        return [p for p in self.unseen if re.search(pattern, os.path.basename(p), re.I)]


def glyphs(path: str, size: int, text: str) -> Image.Image | None:
    font = ImageFont.truetype(path, size)
    left, top, right, bottom = font.getbbox(text)
    if right <= left or bottom <= top:
        return None
    image = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), text, fill=255, font=font)
    return image


def in_a_row(images, gap: int, down: bool = False) -> Image.Image:
    """Pastes images beside or below one another."""
    sides = [(i.height if down else i.width) for i in images]
    across = max(i.width if down else i.height for i in images)
    long = sum(sides) + gap * (len(images) - 1)
    image, at = Image.new("L", (across, long) if down else (long, across)), 0
    for one, side in zip(images, sides):
        free = across - (one.width if down else one.height)
        image.paste(one, (free // 2, at) if down else (at, free))
        at += side + gap
    return image


def arc(image: Image.Image, rng) -> Image.Image:
    """Bends a line along an arc."""
    source, bend = np.asarray(image), rng.uniform(0.4, 1.5)
    h, w = source.shape
    radius = w / bend
    a = np.arange(-(radius + h), radius + h, 1)
    x, y = np.meshgrid(a, np.arange(0, radius + h))
    far, turn = np.hypot(x, radius + h - y), np.arctan2(x, radius + h - y)
    u, v = (turn / bend + 0.5) * w, radius + h - far
    ok = (u >= 0) & (u < w) & (v >= 0) & (v < h)
    out = np.zeros(x.shape, np.uint8)
    out[ok] = source[v[ok].astype(int), u[ok].astype(int)]
    made = Image.fromarray(out)
    return made.crop(made.getbbox())


def ink(kind: str, rng, faces: Faces, longer: int):
    """Returns an image of the ink and its style, or None if the font lacks the glyphs."""
    size, text, style = int(np.exp(rng.uniform(np.log(18), np.log(60)))), words(rng), {}
    path = str(rng.choice(faces.common))
    if kind == "initials":
        text = "".join(rng.choice(list("ABCDEFGHJKMNSTUVWZ"), 2))
        text = "AB" if text in ("AP", "PA", "LL", "RL", "LT", "RT") else text
    elif kind == "tiny":
        size = int(rng.integers(9, 14))
    elif kind == "huge":
        size = int(rng.uniform(0.1, 0.2) * longer)
        text = str(rng.choice(GIVEN))
    elif kind == "segments":
        path = str(rng.choice(faces.matching("DSEG(7|14)Classic|DSEG(7|14)Modern") or faces.unseen))
        text = str(rng.integers(10**5, 10**8))
    elif kind == "blackletter":
        path = str(rng.choice(faces.matching("gotico-?antiqua|jessen|isabella")))
        text = re.sub("[^A-Za-z0-9 ,.]", "e", text)
    elif kind == "scripts":
        name = str(rng.choice(list(SCRIPTS)))
        found = faces.matching(name)
        path = str(rng.choice(found))
        letters = [chr(c) for c in rng.integers(*SCRIPTS[name], int(rng.integers(4, 12)))]
        text = "".join(letters)
    if kind in ("wide", "stacked"):
        letters = [glyphs(path, size, c) for c in text[:10] if not c.isspace()]
        tall = max(i.height for i in letters if i)
        gap = int(tall * (rng.uniform(1, 4) if kind == "wide" else rng.uniform(0, 0.4)))
        image = in_a_row([i for i in letters if i], gap, kind == "stacked")
    else:
        image = glyphs(path, size, text)
    if image is None or not image.getbbox():
        return None
    if kind == "arc":
        image = arc(image, rng)
    if kind == "tilted":
        image = image.rotate(float(rng.choice([-1, 1]) * rng.uniform(15, 75)), Image.BICUBIC, expand=True)
    if kind == "turned":
        image = image.transpose(Image.ROTATE_90 if rng.random() < 0.5 else Image.ROTATE_270)
    if kind == "dots":
        step = int(rng.choice([3, 4, 5]))
        small = image.resize((image.width // step + 1, image.height // step + 1), Image.BOX)
        dot = np.zeros((step, step), np.uint8)
        dot[: step - 1, : step - 1] = 255
        image = Image.fromarray(np.kron((np.asarray(small) > 100).astype(np.uint8), dot))
    return image, {"size": size, **style}


def draw(kind: str, rng, faces: Faces, levels: np.ndarray):
    """Returns a picture with one line of a kind, and its ink; None where it does not fit."""
    made = ink(kind, rng, faces, max(levels.shape))
    if made is None:
        return None
    image, style = made
    h, w = image.height, image.width
    if h > levels.shape[0] - 8 or w > levels.shape[1] - 8:
        return None
    top, left = (int(rng.integers(2, side - n - 2)) for side, n in zip(levels.shape, (h, w)))
    here = (slice(top, top + h), slice(left, left + w))
    share = np.asarray(image, np.float32) / 255
    out = levels.astype(np.float32).copy()
    view = out[here]
    if kind == "sticker":
        m = style["size"] // 2
        out[max(0, top - m) : top + h + m, max(0, left - m) : left + w + m] = 250
        view += (10 - view) * share
    elif kind == "faint":
        ground = float(view[share > 0.5].mean()) if (share > 0.5).any() else 0.0
        view += share * float(rng.uniform(10, 20)) * (1 if ground < 200 else -1)
    elif kind == "embossed":
        padded = np.pad(share, 1)
        edge = padded[2:, 2:] - padded[:-2, :-2]
        view += edge * float(rng.uniform(40, 120))
        share = np.abs(edge).clip(0, 1)
    else:
        level = float(rng.choice([255, 255, 235, 0]))
        if abs(level - float(view.mean())) < 40:
            level = 0.0 if view.mean() > 128 else 255.0
        view += (level - view) * share
        if kind == "table":
            cell = Image.new("L", (levels.shape[1], levels.shape[0]))
            pen = ImageDraw.Draw(cell)
            for y in (top, top + h):
                pen.line((left - 30, y, left + w + 30, y), fill=255, width=2)
            for x in np.linspace(left - 10, left + w + 10, int(rng.integers(2, 6))):
                pen.line((x, top - 6, x, top + h + 6), fill=255, width=2)
            lines = np.asarray(cell, np.float32) / 255
            out += (level - out) * lines
    if rng.random() < 0.3:
        soft = Image.fromarray(out.clip(0, 255).astype(np.uint8))
        out = np.asarray(soft.filter(ImageFilter.GaussianBlur(0.6)), np.float32)
    mask = np.zeros(levels.shape, bool)
    mask[here] = share > 0.5
    return np.clip(out + 0.5, 0, 255).astype(np.uint8), mask
