"""Searches a picture for known strings as they were drawn: normalised cross-correlation with the letters' own ink.

It finds what OCR cannot read: scripts it does not know, faint letters, half a line. A line is searched in pieces of about four
characters, since four are a leak, and whole, near its place; and whole, anywhere on the picture. Results are in units of what
counts as found, which was set above what lines of strangers reach when they are searched for in the same way (0.37 for pieces, 0.17
for lines near a place, on 99 pictures with 108 lines); the report prints how often they reach it in its own run.
"""

import cv2
import numpy as np

NEAR = 6
PIECE, LINE, ANYWHERE = 0.5, 0.3, 0.4
LEAST_INK = 40


def pieces(text: dict) -> list[tuple[int, int, int, int]]:
    """Boxes of about four characters of a line, along the way it is written."""
    x, y, w, h = text["box"]
    count = max(1, round(len(text["says"]) / 4))
    if text["rotated"]:
        edges = np.linspace(y, y + h, count + 1).round().astype(int)
        return [(x, int(a), w, int(b - a)) for a, b in zip(edges, edges[1:])]
    edges = np.linspace(x, x + w, count + 1).round().astype(int)
    return [(int(a), y, int(b - a), h) for a, b in zip(edges, edges[1:])]


def high_pass(image: np.ndarray, em: float) -> np.ndarray:
    """A picture without what changes slowly, so that anatomy counts for little."""
    image = image.astype(np.float32)
    return image - cv2.GaussianBlur(image, (0, 0), max(2.0, em / 3))


def without(picture: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """The picture with what lies around a cover drawn into it, so that a cover's edges are not taken for letters."""
    if not cover.any():
        return picture
    shown = (~cover).astype(np.float32)
    soft = cv2.GaussianBlur(picture * shown, (0, 0), 12)
    weight = cv2.GaussianBlur(shown, (0, 0), 12)
    level = np.where(weight > 1e-3, soft / np.maximum(weight, 1e-3), picture[~cover].mean() if shown.any() else 0)
    return np.where(cover, level, picture).astype(np.float32)


def score(place: np.ndarray, letters: np.ndarray, em: float) -> float:
    """How well letters, a difference with 0 for no ink, are found within a place on a picture: at most 1."""
    if np.count_nonzero(letters) < LEAST_INK or place.shape[0] < letters.shape[0] or place.shape[1] < letters.shape[1]:
        return 0.0
    found, wanted = high_pass(place, em), high_pass(letters, em)
    # Correlation with what is flat means nothing: a cover, or ground that is black all over.
    if float(found.std()) < 0.5 or float(wanted.std()) < 0.5:
        return 0.0
    correlation = cv2.matchTemplate(found, wanted, cv2.TM_CCOEFF_NORMED)
    flat = _deviation(found, wanted.shape) < 0.5
    correlation[flat | ~np.isfinite(correlation)] = 0
    return float(min(1.0, correlation.max()))


def _deviation(image: np.ndarray, shape) -> np.ndarray:
    """The standard deviation under each place of a window."""
    height, width = shape
    mean = cv2.boxFilter(image, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    square = cv2.sqrBoxFilter(image, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    return np.sqrt(np.maximum(square - mean * mean, 0))[:rows, :columns]


def around(image: np.ndarray, box, margin: int) -> np.ndarray:
    """A box of a picture with a margin, as far as the picture goes."""
    x, y, w, h = box
    return image[max(0, y - margin) : y + h + margin, max(0, x - margin) : x + w + margin]


def near(picture: np.ndarray, difference: np.ndarray, text: dict) -> float:
    """How plainly a line, or about four characters of it, stands near its place; 1 and more is found."""
    best = 0.0
    for box in pieces(text):
        x, y, w, h = box
        best = max(best, score(around(picture, box, NEAR), difference[y : y + h, x : x + w], text["size"]) / PIECE)
    x, y, w, h = text["box"]
    line = score(around(picture, text["box"], NEAR), difference[y : y + h, x : x + w], text["size"])
    return max(best, line / LINE)


def anywhere(picture: np.ndarray, difference: np.ndarray, text: dict) -> float:
    """How plainly a whole line stands anywhere on the picture, searched at half the size where letters are large enough."""
    x, y, w, h = text["box"]
    letters, em = difference[y : y + h, x : x + w], text["size"]
    if em >= 24:
        half = {"fx": 0.5, "fy": 0.5, "interpolation": cv2.INTER_AREA}
        picture, letters, em = cv2.resize(picture, None, **half), cv2.resize(letters, None, **half), em / 2
    return score(picture, letters, em) / ANYWHERE
