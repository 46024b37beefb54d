"""Runs Tesseract, on many images per process, with one thread each."""

import os
import shutil
import subprocess
import tempfile
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

LANGUAGES = {
    "greek": "ell",
    "cyrillic": "rus",
    "han": "chi_sim",
    "kana": "jpn",
    "hangul": "kor",
    "arabic": "ara",
    "hebrew": "heb",
    "devanagari": "hin",
}
MAX_SIDE = 3600


@lru_cache(maxsize=1)
def installed() -> frozenset[str]:
    """Returns the installed languages of Tesseract; exits if Tesseract is missing."""
    if not shutil.which("tesseract"):
        raise SystemExit(
            "tesseract is missing; install it (Debian: apt-get install tesseract-ocr) or run privacy/setup"
        )
    listed = subprocess.run(
        ["tesseract", "--list-langs"], capture_output=True, text=True, check=True
    )
    return frozenset(listed.stdout.split()[1:])


def languages(script: str) -> str:
    """Returns the languages for names in a script; Latin letters and digits are always included."""
    own = LANGUAGES.get(script)
    return f"eng+{own}" if own in installed() else "eng"


def read(images: list[np.ndarray], language: str, page: int) -> list[list[dict]]:
    """Returns the words of each image: text, line, and box as x, y, width, height.

    `page` is the page segmentation mode of Tesseract.
    """
    if not images:
        return []
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / f"{i}.pgm") for i in range(len(images))]
        for path, image in zip(paths, images):
            cv2.imwrite(path, image)
        listed = Path(folder) / "list.txt"
        listed.write_text("\n".join(paths) + "\n")
        command = [
            "tesseract",
            str(listed),
            "stdout",
            "-l",
            language,
            "--psm",
            str(page),
            "--dpi",
            "150",
            "tsv",
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"OMP_THREAD_LIMIT": "1"},
        )
    found: list[list[dict]] = [[] for _ in images]
    for row in done.stdout.splitlines():
        cells = row.split("\t")
        if cells[0] == "5" and cells[-1].strip():
            box = tuple(int(c) for c in cells[6:10])
            found[int(cells[1]) - 1].append(
                {"text": cells[11], "line": tuple(cells[2:5]), "box": box}
            )
    return found


def lines(words: list[dict]) -> str:
    """Joins words to lines of text."""
    by_line: dict[tuple, list[str]] = {}
    for word in words:
        by_line.setdefault(word["line"], []).append(word["text"])
    return "\n".join(" ".join(words) for words in by_line.values())


def stretch(image: np.ndarray) -> np.ndarray:
    """Stretches the contrast between the 1st and the 99th percentile."""
    low, high = np.percentile(image, (1, 99))
    return np.clip((image.astype(np.float32) - low) * (255 / max(1.0, high - low)), 0, 255).astype(
        np.uint8
    )


def flatten(image: np.ndarray, em: float) -> np.ndarray:
    """Removes the local mean, and with it the anatomy under the letters."""
    soft = cv2.GaussianBlur(image.astype(np.float32), (0, 0), max(3.0, em * 0.7))
    return stretch(np.clip(image - soft + 128, 0, 255).astype(np.uint8))


def scale(image: np.ndarray, factor: float) -> np.ndarray:
    """Scales an image, up to a size that Tesseract reads quickly."""
    factor = min(factor, MAX_SIDE / max(image.shape))
    if factor == 1:
        return image
    return cv2.resize(
        image,
        None,
        fx=factor,
        fy=factor,
        interpolation=cv2.INTER_CUBIC if factor > 1 else cv2.INTER_AREA,
    )


def variants(image: np.ndarray, em: float) -> list[np.ndarray]:
    """Returns a crop at three scales, with stretched contrast, without anatomy, and inverted."""
    flat = flatten(image, em)
    small = 24 / max(em, 24)
    return [
        stretch(image),
        255 - scale(stretch(image), 2 * small),
        scale(flat, 2 * small),
        255 - scale(flat, 2 * small),
        255 - scale(flat, 3 * small),
        scale(flat, 3 * small),
    ]
