"""Finds the covered area from the pixels alone, independent of the pipeline's own report."""

import cv2
import numpy as np
from PIL import Image

BLOCK = 8
BLACK = 2
CHANGED = 3


def gray(path) -> np.ndarray:
    """Returns the gray levels of a picture as displayed."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"))


def _blocks(mask: np.ndarray, reduce) -> np.ndarray:
    """Reduces each block of 8 x 8 pixels by np.all or np.any, with the edge as padding."""
    height, width = mask.shape
    padded = np.pad(mask, ((0, -height % BLOCK), (0, -width % BLOCK)), "edge")
    return reduce(padded.reshape(padded.shape[0] // BLOCK, BLOCK, -1, BLOCK), axis=(1, 3))


def cover(source: np.ndarray, copy: np.ndarray) -> np.ndarray:
    """Returns the mask of covered pixels of the copy.

    A block is covered if it is entirely black on the copy but was not in the source. All black
    pixels within the bounding box of a connected component of such blocks are covered too,
    because a dark background under a cover does not change.
    """
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
        box = [
            (x + columns[0]) * BLOCK,
            (y + rows[0]) * BLOCK,
            (x + columns[-1] + 1) * BLOCK,
            (y + rows[-1] + 1) * BLOCK,
        ]
        left, top, right, bottom = _extend_to_edges(black, box)
        covered[top:bottom, left:right] |= black[top:bottom, left:right]
    return covered


def _extend_to_edges(black: np.ndarray, box) -> list[int]:
    """Extends the rectangle by less than a block while the adjoining pixels are black.

    The covers of a PNG are not aligned to blocks.
    """
    left, top, right, bottom = box
    height, width = black.shape
    right, bottom = min(right, width), min(bottom, height)
    for _ in range(BLOCK - 1):
        left -= int(left > 0 and black[top:bottom, left - 1].all())
        top -= int(top > 0 and black[top - 1, left:right].all())
        right += int(right < width and black[top:bottom, right].all())
        bottom += int(bottom < height and black[bottom, left:right].all())
    return [left, top, right, bottom]


def covered_ink(ink: np.ndarray, covered: np.ndarray, box) -> tuple[int, int]:
    """Counts the pixels of ink in a box, and those of them that are covered."""
    x, y, w, h = box
    inside = ink[y : y + h, x : x + w]
    return int(inside.sum()), int((inside & covered[y : y + h, x : x + w]).sum())
