"""Fonts of the invented patients, from Debian packages that the detector's training does not use.

If none of them is installed, or with FONTS=no-fonts, Latin names use Pillow's built-in font
(Aileron, CC0).
"""

import os
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

ROOT = Path("/usr/share/fonts")
LATIN, GREEK, CYRILLIC = "latin", "greek", "cyrillic"
HAN, KANA, HANGUL, ARABIC, HEBREW, DEVANAGARI = (
    "han",
    "kana",
    "hangul",
    "arabic",
    "hebrew",
    "devanagari",
)

# Folder, files, extension, scripts. Missing glyphs are detected when a text is drawn, so a
# script too many does no harm.
FACES = [
    (
        "truetype/roboto/unhinted/RobotoTTF",
        "Roboto-Regular Roboto-Medium Roboto-Bold Roboto-Light Roboto-Italic",
        ".ttf",
        (LATIN, GREEK, CYRILLIC),
    ),
    (
        "truetype/roboto/unhinted/RobotoTTF",
        "RobotoCondensed-Regular RobotoCondensed-Bold",
        ".ttf",
        (LATIN, GREEK, CYRILLIC),
    ),
    ("truetype/lato", "Lato-Regular Lato-Semibold Lato-Black", ".ttf", (LATIN,)),
    (
        "truetype/open-sans",
        "OpenSans-Regular OpenSans-Bold OpenSans-CondBold OpenSans-Italic",
        ".ttf",
        (LATIN, GREEK, CYRILLIC),
    ),
    ("truetype/firacode", "FiraCode-Regular FiraCode-Bold", ".ttf", (LATIN, GREEK, CYRILLIC)),
    ("truetype/inconsolata", "Inconsolata", ".otf", (LATIN,)),
    ("opentype/cantarell", "Cantarell-Regular Cantarell-Bold", ".otf", (LATIN, CYRILLIC)),
    (
        "opentype/linux-libertine",
        "LinLibertine_R LinLibertine_RB LinLibertine_RI LinBiolinum_R",
        ".otf",
        (LATIN, GREEK, CYRILLIC),
    ),
    (
        "truetype/jetbrains-mono",
        "JetBrainsMono-Regular JetBrainsMono-Bold",
        ".ttf",
        (LATIN, GREEK, CYRILLIC),
    ),
    ("truetype/ocr-a", "OCRA", ".ttf", (LATIN,)),
    ("truetype/paratype", "PTM55F PTM75F PTS55F PTF55F PTN77F", ".ttf", (LATIN, CYRILLIC)),
    ("opentype/unifont", "unifont", ".otf", (LATIN, GREEK, CYRILLIC, HAN, HANGUL, KANA, HEBREW)),
    ("truetype/wqy", "wqy-zenhei", ".ttc", (HAN,)),
    ("truetype/vlgothic", "VL-Gothic-Regular VL-PGothic-Regular", ".ttf", (KANA,)),
    ("truetype/nanum", "NanumGothic NanumMyeongjo NanumBarunGothicBold", ".ttf", (HANGUL,)),
    ("opentype/fonts-hosny-amiri", "Amiri-Regular Amiri-Bold", ".ttf", (ARABIC,)),
    ("truetype/culmus", "FrankRuehlCLM-Medium MiriamMonoCLM-Book KeterYG-Bold", ".ttf", (HEBREW,)),
    ("truetype/culmus", "NachlieliCLM-Bold", ".otf", (HEBREW,)),
    ("truetype/lohit-devanagari", "Lohit-Devanagari", ".ttf", (DEVANAGARI,)),
]
# Drawn at its native size and enlarged without smoothing, as on old consoles.
PIXEL_SIZE = {"unifont": 16}


@lru_cache(maxsize=1)
def faces() -> dict[str, list[str]]:
    """Returns the installed font files by script.

    `latin` always has one; the empty name is Pillow's built-in font.
    """
    found: dict[str, list[str]] = {}
    for folder, stems, ending, scripts in FACES if os.environ.get("FONTS") != "no-fonts" else []:
        for stem in stems.split():
            path = ROOT / folder / (stem + ending)
            if path.exists():
                for script in scripts:
                    found.setdefault(script, []).append(str(path))
    found.setdefault(LATIN, [""])
    return found


def pixel_size(path: str) -> int | None:
    """Returns the native size of a bitmap font, or None."""
    return PIXEL_SIZE.get(Path(path).stem)


@lru_cache(maxsize=600)
def load(path: str, size: int) -> ImageFont.FreeTypeFont:
    """Loads a font at a size in pixels per em."""
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


@lru_cache(maxsize=20_000)
def _glyph(path: str, character: str) -> bytes:
    image = Image.new("L", (48, 48))
    ImageDraw.Draw(image).text((8, 8), character, font=load(path, 24), fill=255)
    return image.tobytes()


def covers(path: str, text: str) -> bool:
    """Reports whether the font has a glyph for each character.

    A missing glyph looks like that of a code point that no font has.
    """
    missing = _glyph(path, "\U0010fffd")
    empty = bytes(48 * 48)
    return all(c.isspace() or _glyph(path, c) not in (missing, empty) for c in set(text))


@lru_cache(maxsize=2000)
def writes(script: str, text: str) -> bool:
    """Reports whether a font of the script has all glyphs of a text."""
    return any(covers(path, text) for path in faces()[script])
