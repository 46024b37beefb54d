"""Fonts used in training, from Debian packages, and the letters of each script."""

import functools
import glob
import os

from PIL import ImageFont

ROOT = "/usr/share/fonts"
# Packages that `make train-text` needs. The evaluation (privacy/) uses other fonts.
PACKAGES = "fonts-dejavu fonts-liberation fonts-freefont-ttf fonts-noto-core fonts-noto-mono fonts-noto-cjk fonts-hack fonts-croscore"

LATIN = (
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ" * 2 + "abcdefghijklmnopqrstuvwxyz" * 2 + "ÄÖÜÉÈÇÑŁŠŽäöüéèçñłšžß"
)


def span(first: int, last: int) -> str:
    return "".join(map(chr, range(first, last + 1)))


# Letters and font file prefixes by script.
SCRIPTS = {
    "latin": (
        LATIN,
        (
            "DejaVu",
            "Liberation",
            "Free",
            "Hack",
            "Arimo",
            "Cousine",
            "Tinos",
            "NotoSans-",
            "NotoSerif-",
            "NotoSansMono",
            "NotoSansDisplay",
            "NotoMono",
        ),
    ),
    "greek": (
        span(0x391, 0x3A1) + span(0x3A3, 0x3A9) + span(0x3B1, 0x3C9),
        ("DejaVu", "Liberation", "NotoSans-", "NotoSerif-", "FreeSans"),
    ),
    "cyrillic": (
        span(0x410, 0x44F),
        ("DejaVu", "Liberation", "NotoSans-", "NotoSerif-", "FreeSans"),
    ),
    "hebrew": (span(0x5D0, 0x5EA), ("NotoSansHebrew", "NotoSerifHebrew", "DejaVuSans")),
    "arabic": (
        span(0x627, 0x63A) + span(0x641, 0x64A),
        ("NotoSansArabic", "NotoNaskh", "NotoKufi", "DejaVuSans"),
    ),
    "devanagari": (span(0x905, 0x939), ("NotoSansDevanagari", "NotoSerifDevanagari")),
    "thai": (span(0xE01, 0xE2E), ("NotoSansThai", "NotoSerifThai")),
    "han": (
        span(0x4E00, 0x4FFF) + span(0x5F00, 0x62FF) + span(0x738B, 0x75FF),
        ("NotoSansCJK", "NotoSerifCJK"),
    ),
    "kana": (span(0x3042, 0x3093) + span(0x30A2, 0x30F3), ("NotoSansCJK", "NotoSerifCJK")),
    "hangul": (span(0xAC00, 0xB2FF), ("NotoSansCJK", "NotoSerifCJK")),
}
SHARES = {
    "latin": 0.76,
    "greek": 0.03,
    "cyrillic": 0.04,
    "hebrew": 0.02,
    "arabic": 0.04,
    "devanagari": 0.03,
    "thai": 0.01,
    "han": 0.04,
    "kana": 0.01,
    "hangul": 0.02,
}


@functools.cache
def files(script: str) -> list[str]:
    """Returns the sorted font files of a script; exits with instructions if there are none."""
    every = sorted(
        glob.glob(f"{ROOT}/**/*.tt[fc]", recursive=True)
        + glob.glob(f"{ROOT}/**/*.otf", recursive=True)
    )
    found = [path for path in every if os.path.basename(path).startswith(SCRIPTS[script][1])]
    if not found:
        raise SystemExit(f"no font for {script}: apt-get install {PACKAGES}")
    return found


@functools.lru_cache(512)
def opened(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def pick(rng, script: str, size: int) -> ImageFont.FreeTypeFont:
    every = files(script)
    return opened(every[rng.integers(len(every))], size)
