"""Implements the resize rule `box-then-bilinear` of the model's contract, for training.

Scaled decoding differs between decoders, so the rule is defined on fully decoded pixels:
conversion to gray, then box averages by the largest of 8, 4, 2 and 1 that leaves both sides at
least as long as the model's, then an antialiased triangle filter. The function implements the
same rule.
"""

import numpy as np
from PIL import Image


def gray_square(image: Image.Image, side: int) -> np.ndarray:
    """Returns the image as `side` x `side` gray levels, uint8."""
    image = image.convert("L")
    factor = next(f for f in (8, 4, 2, 1) if f == 1 or min(s // f for s in image.size) >= side)
    if factor > 1:
        image = image.reduce(factor)
    return np.asarray(image.resize((side, side), Image.BILINEAR), np.uint8)
