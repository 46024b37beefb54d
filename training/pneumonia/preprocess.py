"""The resize rule `box-then-bilinear` of the model's contract, as training and the function both apply it.

A decoder's own scaled decoding differs from decoder to decoder, so the rule is defined on fully decoded pixels: grey first, then the
average over boxes of the largest factor of 8, 4, 2, 1 that leaves both sides at least the model's, then an antialiased triangle filter.
"""

import numpy as np
from PIL import Image


def grey_square(image: Image.Image, side: int) -> np.ndarray:
    """Returns the picture as `side` x `side` grey levels, uint8."""
    image = image.convert("L")
    factor = next(f for f in (8, 4, 2, 1) if f == 1 or min(s // f for s in image.size) >= side)
    if factor > 1:
        image = image.reduce(factor)
    return np.asarray(image.resize((side, side), Image.BILINEAR), np.uint8)
