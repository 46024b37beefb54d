"""Searches a picture for known strings by normalized cross-correlation with their ink.

It finds text that OCR cannot read: unknown scripts, faint letters, half a line. Near its place
a line is searched in pieces of about four characters, since four are a leak, and as a whole;
anywhere else only as a whole. Scores are in units of the detection threshold, which was set
above the scores of other patients' lines searched in the same way (0.37 for pieces, 0.17 for
lines near a place, on 99 pictures with 108 lines). The report states how often they reach it in
its own run.
"""

import cv2
import numpy as np

NEAR = 6
PIECE, LINE, ANYWHERE = 0.5, 0.3, 0.4
MIN_INK = 40


def pieces(text: dict) -> list[tuple[int, int, int, int]]:
    """Splits a line into boxes of about four characters, in its direction."""
    x, y, w, h = text["box"]
    count = max(1, round(len(text["says"]) / 4))
    if text["rotated"]:
        edges = np.linspace(y, y + h, count + 1).round().astype(int)
        return [(x, int(a), w, int(b - a)) for a, b in zip(edges, edges[1:])]
    edges = np.linspace(x, x + w, count + 1).round().astype(int)
    return [(int(a), y, int(b - a), h) for a, b in zip(edges, edges[1:])]


def high_pass(image: np.ndarray, em: float) -> np.ndarray:
    """Removes low frequencies, so that anatomy has little weight."""
    image = image.astype(np.float32)
    return image - cv2.GaussianBlur(image, (0, 0), max(2.0, em / 3))


def fill_cover(picture: np.ndarray, cover: np.ndarray) -> np.ndarray:
    """Fills the covers from their surroundings, so that their edges do not match letters."""
    if not cover.any():
        return picture
    visible = (~cover).astype(np.float32)
    soft = cv2.GaussianBlur(picture * visible, (0, 0), 12)
    weight = cv2.GaussianBlur(visible, (0, 0), 12)
    level = np.where(
        weight > 1e-3,
        soft / np.maximum(weight, 1e-3),
        picture[~cover].mean() if visible.any() else 0,
    )
    return np.where(cover, level, picture).astype(np.float32)


def score(place: np.ndarray, letters: np.ndarray, em: float) -> float:
    """Returns the best correlation of letters within a region, at most 1.

    The letters are a difference, with 0 for no ink.
    """
    if (
        np.count_nonzero(letters) < MIN_INK
        or place.shape[0] < letters.shape[0]
        or place.shape[1] < letters.shape[1]
    ):
        return 0.0
    region, pattern = high_pass(place, em), high_pass(letters, em)
    # Correlation with a constant region, such as a cover or a black background, is meaningless.
    if float(region.std()) < 0.5 or float(pattern.std()) < 0.5:
        return 0.0
    correlation = cv2.matchTemplate(region, pattern, cv2.TM_CCOEFF_NORMED)
    flat = _deviation(region, pattern.shape) < 0.5
    correlation[flat | ~np.isfinite(correlation)] = 0
    return float(min(1.0, correlation.max()))


def _deviation(image: np.ndarray, shape) -> np.ndarray:
    """Returns the standard deviation within a sliding window."""
    height, width = shape
    mean = cv2.boxFilter(image, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE)
    square = cv2.sqrBoxFilter(
        image, -1, (width, height), anchor=(0, 0), borderType=cv2.BORDER_REPLICATE
    )
    rows, columns = image.shape[0] - height + 1, image.shape[1] - width + 1
    return np.sqrt(np.maximum(square - mean * mean, 0))[:rows, :columns]


def around(image: np.ndarray, box, margin: int) -> np.ndarray:
    """Returns a box of a picture with a margin, clipped to the picture."""
    x, y, w, h = box
    return image[max(0, y - margin) : y + h + margin, max(0, x - margin) : x + w + margin]


def near(picture: np.ndarray, difference: np.ndarray, text: dict) -> float:
    """Returns the best score of a line, or of four of its characters, near its place.

    1 and more means found.
    """
    best = 0.0
    for box in pieces(text):
        x, y, w, h = box
        best = max(
            best,
            score(around(picture, box, NEAR), difference[y : y + h, x : x + w], text["size"])
            / PIECE,
        )
    x, y, w, h = text["box"]
    line = score(around(picture, text["box"], NEAR), difference[y : y + h, x : x + w], text["size"])
    return max(best, line / LINE)


def anywhere(picture: np.ndarray, difference: np.ndarray, text: dict) -> float:
    """Returns the best score of a whole line anywhere; large letters are searched at half size."""
    x, y, w, h = text["box"]
    letters, em = difference[y : y + h, x : x + w], text["size"]
    if em >= 24:
        half = {"fx": 0.5, "fy": 0.5, "interpolation": cv2.INTER_AREA}
        picture, letters, em = (
            cv2.resize(picture, None, **half),
            cv2.resize(letters, None, **half),
            em / 2,
        )
    return score(picture, letters, em) / ANYWHERE
