"""Draws burned-in patients of special kinds, one kind a picture, and the ink of each.

The main report draws upright text as equipment prints it. These kinds are the ones on which
detectors fail: slanted or widely spaced letters, print in the brightness of its ground, in an
alpha channel, on a side marker or on a small picture, initials, and huge letters.
"""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw

import fonts
import layouts
import people

# The box that the pipeline always covers, with room for block boundaries.
BOX = (316, 116)
LEAST_CONTRAST = 60


@dataclass
class Drawn:
    """A file, its ink, and its gray levels as a viewer shows them."""

    data: bytes
    suffix: str
    ink: np.ndarray
    shown: np.ndarray


def _letters(rng, says: str, size: int) -> np.ndarray:
    """Returns the coverage of a line of letters in a font of the report."""
    faces = [
        f for f in fonts.faces()[fonts.LATIN] if not fonts.pixel_size(f) and fonts.covers(f, says)
    ]
    font = fonts.load(str(rng.choice(faces or [""])), size)
    left, top, right, bottom = font.getbbox(says)
    image = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(image).text((2 - left, 2 - top), says, font=font, fill=255)
    return np.asarray(image, np.float32) / 255


def _line(rng, patient) -> str:
    """Returns a line that identifies the patient."""
    says = layouts.values(patient, rng)
    return str(rng.choice([says["name"], f"{patient.family} {says['birth']}", says["id"]]))[:28]


def _place(rng, gray: np.ndarray, alpha: np.ndarray) -> tuple[slice, slice] | None:
    """Returns a region for the letters beside the configured box."""
    (height, width), (h, w) = gray.shape, alpha.shape
    for _ in range(60):
        if w >= width or h >= height:
            return None
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        if x >= BOX[0] or y + h <= height - BOX[1]:
            return slice(y, y + h), slice(x, x + w)
    return None


def _level(rng, under: np.ndarray, alpha: np.ndarray) -> float:
    """Returns white, light gray or black, with enough contrast to be read."""
    ground = float(np.median(under[alpha >= 0.5]))
    levels = [v for v in (255.0, 255.0, 230.0, 0.0) if abs(v - ground) >= LEAST_CONTRAST]
    return float(rng.choice(levels))


def _jpeg(pixels: np.ndarray, rng) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=int(rng.integers(70, 96)))
    return out.getvalue()


def _png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=3)
    return out.getvalue()


def _printed(rng, gray: np.ndarray, alpha: np.ndarray) -> Drawn | None:
    """Prints letters on a picture and saves it."""
    region = _place(rng, gray, alpha)
    if region is None:
        return None
    shown = gray.copy()
    level = _level(rng, shown[region], alpha)
    shown[region] += (level - shown[region]) * alpha
    ink = np.zeros(gray.shape, bool)
    ink[region] = alpha >= 0.5
    shown = np.rint(shown).astype(np.uint8)
    if rng.random() < 0.3:
        return Drawn(_png(shown), ".png", ink, shown)
    return Drawn(_jpeg(shown, rng), ".jpeg", ink, shown)


def _turned(alpha: np.ndarray, degrees: float) -> np.ndarray:
    image = Image.fromarray((alpha * 255).astype(np.uint8))
    return np.asarray(image.rotate(degrees, Image.BICUBIC, expand=True), np.float32) / 255


def slanted(rng, gray, patient):
    """Prints one line at 10 to 80 degrees."""
    degrees = float(rng.uniform(10, 80)) * float(rng.choice([-1, 1]))
    return _printed(
        rng, gray, _turned(_letters(rng, _line(rng, patient), int(rng.integers(18, 52))), degrees)
    )


def spaced(rng, gray, patient):
    """Prints a name whose letters are 0.8 to 3 of their sizes apart."""
    size = int(rng.integers(18, 60))
    gap = int(size * rng.uniform(0.8, 3))
    parts = [_letters(rng, c, size) for c in str(rng.choice(patient.parts()))[:12]]
    height = max(p.shape[0] for p in parts)
    line = [np.pad(p, ((height - p.shape[0], 0), (0, gap))) for p in parts]
    return _printed(rng, gray, np.concatenate(line, axis=1)[:, :-gap])


def initials(rng, gray, patient):
    """Prints the two initials, with dots or without."""
    given, family = patient.given[0], patient.family[0]
    says = str(rng.choice([f"{given}{family}", f"{family}{given}", f"{given}.{family}."]))
    return _printed(rng, gray, _letters(rng, says, int(rng.integers(22, 70))))


def huge(rng, gray, patient):
    """Prints letters of 160 to 420 px on a picture of 2,000 px and more."""
    scale = rng.uniform(2000, 2600) / max(gray.shape)
    image = Image.fromarray(np.rint(gray).astype(np.uint8))
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BICUBIC)
    says = max(patient.parts(), key=len)[:6]
    return _printed(
        rng, np.asarray(image, np.float32), _letters(rng, says, int(rng.integers(220, 560)))
    )


def on_marker(rng, gray, patient):
    """Prints a line that touches a side marker."""
    marker = _letters(rng, str(rng.choice(["L", "R"])), int(rng.integers(60, 120)))
    line = _letters(rng, _line(rng, patient), int(rng.integers(16, 26)))
    (mh, mw), (h, w) = marker.shape, line.shape
    below = bool(rng.random() < 0.5)
    size = (mh + h, max(mw, w)) if below else (max(mh, h), mw + w)
    both, alpha = np.zeros(size, np.float32), np.zeros(size, np.float32)
    both[:mh, :mw] = marker
    at = (slice(mh, mh + h), slice(0, w)) if below else (slice(mh - h, mh), slice(mw, mw + w))
    both[at] = alpha[at] = line
    drawn = _printed(rng, gray, both)
    if drawn is not None:
        # The marker itself may stay.
        y, x = (int(v.min()) for v in np.nonzero(drawn.ink))
        ys, xs = np.nonzero(both >= 0.5)
        top, left = y - int(ys.min()), x - int(xs.min())
        drawn.ink[:] = False
        drawn.ink[top : top + size[0], left : left + size[1]] = alpha >= 0.5
    return drawn


def small(rng, gray, patient):
    """Prints one line on a picture of 224 to 800 px."""
    scale = rng.uniform(224, 800) / max(gray.shape)
    image = Image.fromarray(np.rint(gray).astype(np.uint8))
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.BICUBIC)
    says = _line(rng, patient)[:16]
    return _printed(
        rng, np.asarray(image, np.float32), _letters(rng, says, int(rng.integers(10, 22)))
    )


def colored(rng, gray, patient):
    """Prints a line in a color of the brightness of its ground."""
    alpha = _letters(rng, _line(rng, patient), int(rng.integers(18, 60)))
    region = _place(rng, gray, alpha)
    if region is None:
        return None
    strength, angle = rng.uniform(60, 110), rng.uniform(0, 2 * np.pi)
    cb, cr = strength * np.cos(angle), strength * np.sin(angle)
    mask = np.zeros(gray.shape, np.float32)
    mask[region] = alpha
    # Colors have room for the difference on a ground of middle brightness only.
    ground = np.where(mask > 0, np.clip(gray, 100, 150), gray)
    rgb = np.stack(
        [
            ground + 1.402 * cr * mask,
            ground - (0.344 * cb + 0.714 * cr) * mask,
            ground + 1.772 * cb * mask,
        ],
        -1,
    )
    rgb = np.clip(np.rint(rgb), 0, 255).astype(np.uint8)
    shown = np.asarray(Image.fromarray(rgb).convert("L"))
    return Drawn(_png(rgb), ".png", mask >= 0.5, shown)


def transparent(rng, gray, patient):
    """Prints a line in the alpha channel alone."""
    alpha = _letters(rng, _line(rng, patient), int(rng.integers(18, 60)))
    region = _place(rng, np.asarray(gray), alpha)
    if region is None:
        return None
    # Letters that let the ground through, on a picture that is neither black nor white.
    levels = 80 + 0.4 * gray
    opaque = np.ones(gray.shape, np.float32)
    opaque[region] -= alpha
    channels = [levels] * int(rng.choice([1, 3])) + [255 * opaque]
    pixels = np.rint(np.stack(channels, -1)).astype(np.uint8)
    shown = np.rint(levels * opaque).astype(np.uint8)
    return Drawn(_png(pixels), ".png", opaque < 0.5, shown)


KINDS = {
    "slanted by 10 to 80 degrees": slanted,
    "letters far apart": spaced,
    "initials": initials,
    "letters of hundreds of pixels": huge,
    "touching a side marker": on_marker,
    "small picture": small,
    "color of its ground's brightness": colored,
    "in the alpha channel": transparent,
}


def draw(kind: str, rng, gray: np.ndarray) -> tuple[people.Patient, Drawn]:
    """Draws a picture of a kind, with an invented patient whose name has no short part."""
    while True:
        patient = people.invent(rng, [fonts.LATIN], fonts.writes)
        if patient.has_short_part():
            continue
        drawn = KINDS[kind](rng, gray, patient)
        if drawn is not None:
            return patient, drawn
