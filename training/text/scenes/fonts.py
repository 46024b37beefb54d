"""The fonts of `install-fonts`, by script, without those that training never draws."""

import copy
import functools
import glob
import json
import os
import re

import numpy as np
from fontTools.ttLib import TTCollection, TTFont
from PIL import Image, ImageFilter, ImageFont

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, "never_drawn.json")) as _file:
    NEVER = re.compile(json.load(_file)["files"])
# What other fonts' letters are compared with.
PLAIN = re.compile(r"/(DejaVu|Liberation)(Sans|Serif|SansMono|Mono)-(Regular|Bold)\.ttf$")
# Fonts of symbols have no letters, whatever their character maps claim.
SYMBOLS = re.compile(r"(?i)symbol|emoji|dingbat|icons|braille|ornament|border|music|math|barcode")


def span(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


LATIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
LETTERS = {
    "latin": LATIN,
    "accented": LATIN + "ÄÖÜÉÈÇÑŁŠŽäöüéèçñłšžß",
    "greek": span(0x391, 0x3A1) + span(0x3A3, 0x3C9),
    "cyrillic": span(0x410, 0x44F),
    "hebrew": span(0x5D0, 0x5EA),
    "arabic": span(0x627, 0x63A) + span(0x641, 0x64A),
    "devanagari": span(0x905, 0x90C) + span(0x915, 0x928) + span(0x92A, 0x939),
    "bengali": span(0x985, 0x98B) + span(0x995, 0x9A8),
    "thai": span(0xE01, 0xE2E),
    "khmer": span(0x1780, 0x17A2),
    "armenian": span(0x531, 0x556) + span(0x561, 0x586),
    "han": span(0x4E00, 0x4EFF) + span(0x6210, 0x62FF) + span(0x738B, 0x74FF),
    "kana": span(0x3042, 0x3093) + span(0x30A2, 0x30F3),
    "hangul": span(0xAC00, 0xB2FF),
}
SHARES = {
    "latin": 0.58, "accented": 0.1, "greek": 0.03, "cyrillic": 0.05, "hebrew": 0.03,
    "arabic": 0.05, "devanagari": 0.03, "bengali": 0.01, "thai": 0.02, "khmer": 0.01,
    "armenian": 0.01, "han": 0.04, "kana": 0.02, "hangul": 0.02,
}  # fmt: skip


def _scripts(path: str) -> list[str]:
    """Returns the scripts whose letters a font file has (nine in ten of them)."""
    try:
        font = (
            TTCollection(path, lazy=True).fonts[0]
            if path.endswith(".ttc")
            else TTFont(path, lazy=True)
        )
        mapped = font.getBestCmap() or {}
        ImageFont.truetype(path, 20).getmask("A1")
    except Exception:  # a damaged font is left out
        return []
    return [
        script
        for script, letters in LETTERS.items()
        if sum(ord(c) in mapped for c in letters) >= 0.9 * len(letters)
    ]


def index(folder: str) -> dict[str, list[str]]:
    """Returns the font files of each script, from `index.json` in the folder once it is made."""
    saved = os.path.join(folder, "index.json")
    if not os.path.exists(saved):
        files = [
            path
            for ending in ("ttf", "otf", "ttc")
            for path in glob.glob(f"{folder}/**/*.{ending}", recursive=True)
            if not (NEVER.search(os.path.basename(path)) or SYMBOLS.search(os.path.basename(path)))
        ]
        found = {script: [] for script in LETTERS}
        for path in sorted(files):
            for script in _scripts(path):
                found[script].append(os.path.relpath(path, folder))
        with open(saved, "w") as file:
            json.dump(found, file, indent=1)
    with open(saved) as file:
        return json.load(file)


class Fonts:
    """The fonts of a folder, and a choice among them that favors no large family."""

    def __init__(self, folder: str):
        self.folder = folder
        self.families = {}
        for script, paths in index(folder).items():
            families = {}
            for path in paths:
                family = re.split(r"[-_ .\d]", os.path.basename(path))[0][:6]
                families.setdefault(family, []).append(path)
            self.families[script] = list(families.values())
        self.plain = [
            os.path.join(folder, path)
            for family in self.families["latin"]
            for path in family
            if PLAIN.search(path)
        ]
        if not self.families["latin"]:
            raise SystemExit(f"no fonts in {folder}: run training/text/install-fonts {folder}")

    def count(self) -> int:
        return sum(len(family) for family in self.families["latin"])

    def legible(self, letters: str, least: float = 0.7) -> "Fonts":
        """Returns those whose letters look like the ones of a plain font, for Latin only."""
        plain = [_opened(path, 40) for path in self.plain]
        found = copy.copy(self)
        families = [
            [path for path in family if _alike(os.path.join(self.folder, path), plain, letters) >= least]
            for family in self.families["latin"]
        ]
        found.families = {"latin": [family for family in families if family]}
        return found

    def pick(self, rng, script: str, size: int) -> ImageFont.FreeTypeFont:
        families = self.families[script] or self.families["latin"]
        family = families[rng.integers(len(families))]
        return _opened(os.path.join(self.folder, family[rng.integers(len(family))]), size)

    def has(self, script: str) -> bool:
        return bool(self.families[script])


def _glyph(font: ImageFont.FreeTypeFont, letter: str) -> np.ndarray:
    """Returns a letter in a square, less its mean and of length one."""
    mask = font.getmask(letter)
    if 0 in mask.size:
        return np.zeros(24 * 24)
    image = Image.frombytes("L", mask.size, bytes(mask)).resize((24, 24), Image.BILINEAR)
    values = np.asarray(image.filter(ImageFilter.GaussianBlur(1.5)), float).ravel()
    values -= values.mean()
    return values / max(1e-6, np.linalg.norm(values))


def _alike(path: str, plain: list, letters: str) -> float:
    """Returns the smallest correlation of a letter with the most similar one of plain fonts."""
    try:
        font = _opened(path, 40)
        return min(
            max(float(_glyph(font, letter) @ _glyph(other, letter)) for other in plain)
            for letter in letters
        )
    except OSError:
        return 0.0


@functools.lru_cache(800)
def _opened(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)
