"""Draws side and view markers, arrows and rulers, which must stay on a picture."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

import fonts

LETTERS = ["L", "R", "L", "R", "AP", "PA", "LT", "RT"]
KINDS = {"letters": 40, "circled": 14, "lead": 22, "arrow": 10, "ruler": 14}


def draw(rng, longest: int) -> tuple[str, str, np.ndarray]:
    """Draws a marker; returns its kind, its text and the coverage of each pixel."""
    names = list(KINDS)
    weights = np.array([KINDS[n] for n in names], float)
    kind = str(rng.choice(names, p=weights / weights.sum()))
    height = int(rng.integers(max(28, longest // 60), max(60, longest // 18)))
    says = str(rng.choice(LETTERS))
    if kind == "arrow":
        return kind, "", _arrow(height, int(rng.integers(4)))
    if kind == "ruler":
        return (
            kind,
            "",
            _ruler(
                int(rng.integers(200, longest // 3)),
                int(rng.integers(6, 14)),
                bool(rng.random() < 0.7),
            ),
        )
    letters = _letters(rng, says, height)
    if kind == "circled":
        return kind, says, _circled(letters)
    return (kind, says, _lead(rng, letters)) if kind == "lead" else (kind, says, letters)


def _tight(image: Image.Image) -> np.ndarray:
    return np.asarray(image.crop(image.getbbox()), np.float32) / 255


def _letters(rng, says: str, height: int) -> np.ndarray:
    bold = [f for f in fonts.faces()[fonts.LATIN] if not fonts.pixel_size(f)]
    font = fonts.load(str(rng.choice(bold)), int(height * 1.35))
    image = Image.new("L", (height * 5, height * 3))
    ImageDraw.Draw(image).text(
        (height, height),
        says,
        font=font,
        fill=255,
        stroke_width=int(rng.integers(0, 1 + height // 24)),
    )
    return _tight(image)


def _circled(letters: np.ndarray) -> np.ndarray:
    side = int(max(letters.shape) * 1.5) + 8
    image = Image.new("L", (side, side))
    ImageDraw.Draw(image).ellipse((1, 1, side - 2, side - 2), outline=255, width=max(2, side // 24))
    ring = np.asarray(image, np.float32) / 255
    y, x = (side - letters.shape[0]) // 2, (side - letters.shape[1]) // 2
    view = ring[y : y + letters.shape[0], x : x + letters.shape[1]]
    np.maximum(view, letters, out=view)
    return ring


def _lead(rng, letters: np.ndarray) -> np.ndarray:
    """Renders a lead letter on the cassette: slightly rotated, with soft edges."""
    image = Image.fromarray((letters * 255).astype(np.uint8))
    wide = Image.new("L", (image.width + 24, image.height + 24))
    wide.paste(image, (12, 12))
    soft = wide.rotate(float(rng.uniform(-12, 12)), Image.BICUBIC, expand=True).filter(
        ImageFilter.GaussianBlur(float(rng.uniform(0.8, 2.2)))
    )
    return _tight(soft.point(lambda v: v if v > 12 else 0))


def _arrow(height: int, quarter: int) -> np.ndarray:
    image = Image.new("L", (height, height * 2))
    pen = ImageDraw.Draw(image)
    middle = height // 2
    pen.line((middle, height // 2, middle, height * 2 - 1), fill=255, width=max(3, height // 9))
    pen.polygon(
        (middle, 0, middle - height // 4, height // 2, middle + height // 4, height // 2), fill=255
    )
    return np.rot90(_tight(image), quarter).copy()


def _ruler(length: int, tick: int, upright: bool) -> np.ndarray:
    """Draws a scale without digits; every fifth tick is longer."""
    image = Image.new("L", (tick * 2 + 2, length))
    pen = ImageDraw.Draw(image)
    pen.line((1, 0, 1, length - 1), fill=255, width=2)
    for i, y in enumerate(range(0, length, max(8, length // 20))):
        pen.line((1, y, tick * (2 if i % 5 == 0 else 1), y), fill=255, width=2)
    alpha = _tight(image)
    return alpha if upright else np.rot90(alpha).copy()
