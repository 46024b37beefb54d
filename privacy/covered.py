"""What was covered: found from the pixels alone, not from what the pipeline says of itself."""

import cv2
import numpy as np
from PIL import Image

BLOCK = 8
BLACK = 2
CHANGED = 3


def grey(path) -> np.ndarray:
    """A picture's grey levels as they are shown."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def _blocks(mask: np.ndarray, whole) -> np.ndarray:
    """Per block of 8 x 8 pixels whether `whole` (np.all or np.any) of it is set; the picture is padded with its edge."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % BLOCK), (0, -width % BLOCK)), "edge")
    return whole(padded.reshape(padded.shape[0] // BLOCK, BLOCK, -1, BLOCK), axis=(1, 3))


def cover(source: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """The pixels of the copy that show nothing any more.

    A block was covered when all of it is black on the copy and was not so before. Around each group of such blocks goes a
    rectangle, and what is black in it is covered, because dark ground under a cover does not change."""
    black = copy <= BLACK
    touched = np.abs(source.astype(np.int16) - copy) > CHANGED
    changed = _blocks(black, np.all) & _blocks(touched, np.any)
    covered = np.zeros(copy.shape, bool)
    near = cv2.dilate(changed.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(near, connectivity=8)
    for label in range(1, count):
        x, y, w, h = (int(v) for v in stats[label, :4])
        inside = changed[y : y + h, x : x + w] & (labels[y : y + h, x : x + w] == label)
        rows, columns = np.flatnonzero(inside.any(1)), np.flatnonzero(inside.any(0))
        box = [(x + columns[0]) * BLOCK, (y + rows[0]) * BLOCK, (x + columns[-1] + 1) * BLOCK, (y + rows[-1] + 1) * BLOCK]
        left, top, right, bottom = _to_the_edge(black, box)
        covered[top:bottom, left:right] |= black[top:bottom, left:right]
    return covered


def _to_the_edge(black: np.ndarray, box) -> list[int]:
    """The rectangle with what is still all black beside it, less than a block: a PNG's covers do not end where blocks do."""
    left, top, right, bottom = box
    height, width = black.shape
    right, bottom = min(right, width), min(bottom, height)
    for _ in range(BLOCK - 1):
        left -= int(left > 0 and black[top:bottom, left - 1].all())
        top -= int(top > 0 and black[top - 1, left:right].all())
        right += int(right < width and black[top:bottom, right].all())
        bottom += int(bottom < height and black[bottom, left:right].all())
    return [left, top, right, bottom]


def share(ink: np.ndarray, covered: np.ndarray, box) -> tuple[int, int]:
    """How many pixels of ink a box holds, and how many of them are covered."""
    x, y, w, h = box
    inside = ink[y : y + h, x : x + w]
    return int(inside.sum()), int((inside & covered[y : y + h, x : x + w]).sum())
