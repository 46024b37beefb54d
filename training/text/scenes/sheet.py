"""A sheet: ink, plate and classes of one block, drawn upright, then warped and turned as one."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

# Classes of pixels. EITHER is found, and is text or a marker: letters that only the marker
# recognizer can tell apart. UNKNOWN does not count.
TEXT, MARKER, EITHER, UNKNOWN = 1, 2, 3, 255


class Sheet:
    """Images of one size: `ink` and `plate` (coverage, 0 to 255) and `classes`."""

    def __init__(self, width: int, height: int):
        self.ink, self.plate, self.classes = (Image.new("L", (width, height)) for _ in range(3))

    @property
    def size(self) -> tuple[int, int]:
        return self.ink.size

    def label(self, box, what: int) -> None:
        ImageDraw.Draw(self.classes).rectangle(box, fill=what)

    def each(self, do) -> "Sheet":
        """Applies `do(image, resampling)` to the three images."""
        self.ink = do(self.ink, Image.BILINEAR)
        self.plate = do(self.plate, Image.BILINEAR)
        self.classes = do(self.classes, Image.NEAREST)
        return self

    def padded(self, by: int) -> "Sheet":
        def pad(image, _):
            wide = Image.new("L", (image.width + 2 * by, image.height + 2 * by))
            wide.paste(image, (by, by))
            return wide

        return self.each(pad)

    def turned(self, degrees: float) -> "Sheet":
        if degrees % 90 == 0:
            quarter = int(degrees // 90) % 4
            return self.each(lambda image, _: _quarter(image, quarter))
        return self.each(lambda image, how: image.rotate(degrees, how, expand=True))

    def skewed(self, rng) -> "Sheet":
        """Moves the corners, as on a photographed sticker or slanted letters."""
        w, h = self.size
        by = int(0.15 * min(w, h)) + 2
        self.padded(by)
        w, h = self.size
        jitter = rng.uniform(-by, by, 8)
        corners = np.array([0, 0, 0, h, w, h, w, 0], float) + jitter
        return self.each(lambda image, how: image.transform(image.size, Image.QUAD, corners, how))

    def handwritten(self, rng, size: int) -> "Sheet":
        """Shifts columns and rows smoothly, as a hand does."""
        self.padded(max(2, size // 4))
        w, h = self.size

        def wave(length: int, amount: float):
            knots = rng.normal(0, amount, max(2, length // max(4, size) + 2))
            return np.interp(np.linspace(0, len(knots) - 1, length), np.arange(len(knots)), knots)

        down, across = wave(w, size * 0.1), wave(h, size * 0.08)
        rows = np.clip(np.arange(h)[:, None] + down[None, :], 0, h - 1).astype(int)
        columns = np.clip(np.arange(w)[None, :] + across[:, None], 0, w - 1).astype(int)
        return self.each(lambda image, _: Image.fromarray(np.asarray(image)[rows, columns]))

    def blurred(self, radius: float) -> "Sheet":
        self.ink = self.ink.filter(ImageFilter.GaussianBlur(radius))
        return self

    def hollow(self, by: int) -> "Sheet":
        """Leaves the outlines of the letters."""
        outer = self.ink.filter(ImageFilter.MaxFilter(2 * by + 1))
        inner = np.asarray(self.ink, np.int16)
        self.ink = Image.fromarray(
            np.clip(np.asarray(outer, np.int16) - inner, 0, 255).astype(np.uint8)
        )
        return self

    def box(self) -> tuple[int, int, int, int] | None:
        """Returns the bounds of ink, plate and classes."""
        boxes = [b for b in (self.ink.getbbox(), self.plate.getbbox()) if b]
        if not boxes:
            return None
        each = list(zip(*boxes))
        return min(each[0]), min(each[1]), max(each[2]), max(each[3])


def _quarter(image: Image.Image, quarter: int) -> Image.Image:
    turns = {1: Image.ROTATE_90, 2: Image.ROTATE_180, 3: Image.ROTATE_270}
    return image.transpose(turns[quarter]) if quarter else image
