"""Draws images that are not chest X-rays, so that the model learns to reject them.

They are synthetic, or, in `broken`, made from X-rays. The model is never trained on
photographs, so that they remain a fair test.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from overlays import FONTS, text


def fractal(rng, side: int, slope: float) -> np.ndarray:
    """Returns noise whose power falls with frequency, as in photographs of landscapes."""
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(side), np.fft.rfftfreq(side), indexing="ij"))
    frequency[0, 0] = 1
    wave = rng.normal(size=frequency.shape) + 1j * rng.normal(size=frequency.shape)
    field = np.fft.irfft2(wave / frequency**slope, (side, side))
    return (field - field.min()) / (np.ptp(field) + 1e-9)


def shapes(rng, side: int, back: float) -> np.ndarray:
    image = Image.new("L", (side, side), int(back))
    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(2, 30)):
        x, y = np.sort(rng.uniform(-0.2, 1.2, (2, 2)), axis=1) * side
        gray = int(rng.integers(0, 256))
        kind = rng.integers(4)
        if kind == 0:
            draw.ellipse((x[0], y[0], x[1], y[1]), fill=gray, outline=255 - gray)
        elif kind == 1:
            draw.rectangle((x[0], y[0], x[1], y[1]), fill=gray)
        elif kind == 2:
            draw.polygon(
                [tuple(p) for p in rng.uniform(0, side, (rng.integers(3, 7), 2))], fill=gray
            )
        else:
            draw.line(
                [tuple(p) for p in rng.uniform(0, side, (4, 2))],
                fill=gray,
                width=int(rng.integers(1, 12)),
            )
    return np.asarray(image.filter(ImageFilter.GaussianBlur(rng.uniform(0, 2.5))), np.float32)


def limb(rng, side: int) -> np.ndarray:
    """Draws long bones in soft tissue on black, as in X-rays of a hand, an arm or a leg."""
    tissue, bone = Image.new("L", (side, side)), Image.new("L", (side, side))
    flesh, hard = ImageDraw.Draw(tissue), ImageDraw.Draw(bone)
    angle, rods = rng.uniform(0, np.pi), rng.integers(1, 6)
    along, across = (
        np.array([np.cos(angle), np.sin(angle)]),
        np.array([-np.sin(angle), np.cos(angle)]),
    )
    for i in range(rods):
        middle = side / 2 + across * (i - (rods - 1) / 2) * side / (rods + 1) * rng.uniform(0.6, 1)
        lean = along + across * rng.normal(0, 0.12)
        half = rng.uniform(0.3, 0.7) * side
        joints = rng.integers(1, 4)
        thick = rng.uniform(0.1, 0.22) * side / np.sqrt(rods)
        flesh.line(
            [tuple(middle - lean * half), tuple(middle + lean * half)],
            fill=int(rng.uniform(50, 110)),
            width=int(thick * 2.2),
        )
        stops = np.linspace(-half, half, joints + 1)
        for a, b in zip(stops[:-1], stops[1:]):
            ends = [tuple(middle + lean * (a + 4)), tuple(middle + lean * (b - 4))]
            hard.line(ends, fill=int(rng.uniform(140, 230)), width=int(thick))
            hard.line(ends, fill=int(rng.uniform(90, 150)), width=int(thick * 0.5))
    blur = ImageFilter.GaussianBlur(rng.uniform(1, 3))
    return np.maximum(
        np.asarray(tissue.filter(blur), np.float32), np.asarray(bone.filter(blur), np.float32)
    ) + rng.normal(0, 3, (side, side))


def body_slice(rng, side: int) -> np.ndarray:
    """Draws an ellipse that contains round organs on black, as in CT and MR slices."""
    image = Image.new("L", (side, side), int(rng.choice([0, 5, 20])))
    draw = ImageDraw.Draw(image)
    a, b = rng.uniform(0.3, 0.49, 2) * side
    draw.ellipse(
        (side / 2 - a, side / 2 - b, side / 2 + a, side / 2 + b), fill=int(rng.uniform(60, 230))
    )
    draw.ellipse(
        (side / 2 - a * 0.88, side / 2 - b * 0.88, side / 2 + a * 0.88, side / 2 + b * 0.88),
        fill=int(rng.uniform(30, 170)),
    )
    for _ in range(rng.integers(3, 14)):
        x, y = side / 2 + rng.uniform(-0.7, 0.7, 2) * (a, b)
        w, h = rng.uniform(0.04, 0.35, 2) * (a, b)
        draw.ellipse((x - w, y - h, x + w, y + h), fill=int(rng.uniform(0, 255)))
    return np.asarray(
        image.filter(ImageFilter.GaussianBlur(rng.uniform(0.5, 3))), np.float32
    ) + rng.normal(0, rng.uniform(0, 8), (side, side))


def page(rng, side: int) -> np.ndarray:
    image = Image.new("L", (side, side), 255 if rng.random() < 0.6 else 0)
    draw = ImageDraw.Draw(image)
    ink = 255 - image.getpixel((0, 0))
    font = ImageFont.truetype(FONTS[rng.integers(len(FONTS))], int(rng.integers(6, 20)))
    for y in range(int(rng.integers(4, 40)), side - 10, int(rng.integers(9, 30))):
        draw.text((rng.integers(4, 40), y), text(rng, rng.integers(5, 50)), fill=ink, font=font)
    return np.asarray(image, np.float32)


def synthetic(rng, side: int) -> np.ndarray:
    """Draws an image that contains no X-ray."""
    kind = rng.integers(10)
    level = rng.uniform(0, 255)
    y, x = np.mgrid[0:side, 0:side] / side
    if kind == 0:
        picture = np.full((side, side), level) + rng.normal(0, rng.choice([0, 1, 6]), (side, side))
    elif kind == 1:
        picture = level + rng.normal(0, rng.uniform(10, 90), (side, side))
    elif kind == 2:
        angle, turns = rng.uniform(0, 7), rng.choice([0.3, 0.5, 1, 3, 10, 25])
        picture = 127 + 120 * np.sin(
            turns * 6.28 * (x * np.cos(angle) + y * np.sin(angle)) + rng.uniform(0, 6)
        )
    elif kind == 3:
        n = rng.integers(2, 24)
        picture = 255.0 * (((x * n).astype(int) + (y * n).astype(int)) % 2)
    elif kind == 4:
        return page(rng, side)
    elif kind == 5:
        picture = limb(rng, side)
    elif kind == 6:
        picture = body_slice(rng, side)
    elif kind == 7:
        picture = shapes(rng, side, level) * rng.uniform(0.5, 1) + 60 * fractal(rng, side, 1)
    else:
        # Like landscapes, faces and objects: fractal noise with edges and shapes.
        picture = 255 * fractal(rng, side, rng.uniform(0.6, 2))
        for _ in range(rng.integers(0, 4)):
            cut = shapes(rng, side, 0) > 90
            picture = np.where(
                cut,
                255 * fractal(rng, side, rng.uniform(0.6, 2)) * rng.uniform(0.3, 1)
                + rng.uniform(-40, 60),
                picture,
            )
    return picture


def broken(rng, picture: np.ndarray) -> np.ndarray:
    """Distorts a chest X-ray so that it is no longer a valid one.

    The result is shuffled pieces, rotated, an enlarged part, four on a sheet, edges only, or
    blurred.
    """
    side = picture.shape[0]
    kind = rng.integers(6)
    if kind == 0:
        n = rng.integers(2, 6)
        step = side // n
        tiles = [
            picture[i * step : (i + 1) * step, j * step : (j + 1) * step]
            for i in range(n)
            for j in range(n)
        ]
        rng.shuffle(tiles)
        return np.block([[tiles[i * n + j] for j in range(n)] for i in range(n)])
    if kind == 1:
        return np.rot90(picture, rng.integers(1, 4))
    if kind == 2:
        part = int(side / rng.uniform(3.5, 8))
        top, left = rng.integers(0, side - part, 2)
        return picture[top : top + part, left : left + part]
    if kind == 3:
        return np.tile(picture[::2, ::2], (2, 2))
    if kind == 4:
        image = Image.fromarray(picture)
        return np.asarray(image.filter(ImageFilter.FIND_EDGES), np.float32) * 3
    return np.asarray(
        Image.fromarray(picture).filter(ImageFilter.GaussianBlur(side / rng.uniform(10, 16)))
    )


def others(seed: int, count: int, pictures: np.ndarray) -> np.ndarray:
    """Returns `count` images, uint8, of the size of `pictures` (n, side, side, 1).

    One in three is a broken version of one of them.
    """
    rng = np.random.default_rng(seed)
    side = pictures.shape[1]
    made = []
    for i in range(count):
        picture = (
            broken(rng, pictures[rng.integers(len(pictures)), ..., 0])
            if i % 3 == 0
            else synthetic(rng, side)
        )
        image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
        made.append(np.asarray(image.resize((side, side), Image.BILINEAR)))
    return np.stack(made)[..., None]
