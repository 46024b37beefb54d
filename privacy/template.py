"""Searches a picture for known strings as they were drawn: normalised cross-correlation with the letters' own ink.

It finds what OCR cannot read: scripts it does not know, faint letters, half a line. A line is searched in pieces of about four
characters, since four are a leak, each near its place; and whole, anywhere on the picture.
"""

import cv2
import numpy as np

NEAR = 6
# Pieces of strangers' lines, searched for in the same way, reach 0.3; the report prints the share of pictures on which they reach this.
THRESHOLD = 0.5
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


def best_piece(picture: np.ndarray, difference: np.ndarray, text: dict) -> float:
    """The best score of any piece of a line near its place."""
    best = 0.0
    for box in pieces(text):
        x, y, w, h = box
        letters = difference[y : y + h, x : x + w]
        best = max(best, score(around(picture, box, NEAR), letters, text["size"]))
    return best


def anywhere(picture: np.ndarray, difference: np.ndarray, text: dict) -> float:
    """The score of the whole line anywhere on the picture, at half the size where letters are large enough."""
    x, y, w, h = text["box"]
    letters, em = difference[y : y + h, x : x + w], text["size"]
    if em >= 24:
        half = {"fx": 0.5, "fy": 0.5, "interpolation": cv2.INTER_AREA}
        picture, letters, em = cv2.resize(picture, None, **half), cv2.resize(letters, None, **half), em / 2
    return score(picture, letters, em)
