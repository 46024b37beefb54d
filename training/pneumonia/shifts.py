"""Fixed image transformations that measure the robustness of the model.

They imitate images from other sources. Each maps a gray image, (side, side) uint8, to another.
They differ from the random augmentations of training. Text has the format in which the function
prints it and the phantoms have it burned in.
"""

import io
import os

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

# Assumed width of the original image when text is drawn on it.
WIDTH = 1344
FONT = os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSansMono.ttf")
PATIENT = ("name:Wilhelmina Abbott", "id:4711", "d.o.b.:1951-02-28", "d.o.xray:2017-11-05")


def levels(change):
    table = np.clip([change(v / 255) * 255 + 0.5 for v in range(256)], 0, 255).astype(np.uint8)
    return lambda picture: table[picture]


def rotated(degrees, across=0.0, down=0.0):
    def change(picture):
        side = picture.shape[0]
        image = Image.fromarray(picture)
        move = (int(across * side), int(down * side))
        return np.asarray(image.rotate(degrees, Image.BILINEAR, translate=move, fillcolor=0))

    return change


def compressed(quality):
    def change(picture):
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return change


def trimmed(top, bottom, left=0.0, right=0.0):
    """Cuts shares of the sides and stretches the rest to the square, like a wider original."""

    def change(picture):
        side = picture.shape[0]
        box = (left * side, top * side, side * (1 - right), side * (1 - bottom))
        return np.asarray(Image.fromarray(picture).resize((side, side), Image.BICUBIC, box=box))

    return change


def spectrum(source):
    """Gives an image the power per frequency of `source`: its sharpness and grain."""
    side = source.shape[0]
    frequency = np.abs(np.fft.fftfreq(side) * side)
    ring = np.hypot(*np.meshgrid(frequency, frequency)).astype(int)

    def power(spectrum):
        return np.bincount(ring.ravel(), np.abs(spectrum).ravel()) / np.bincount(ring.ravel())

    def change(picture):
        ours = np.fft.fft2(picture)
        gain = power(np.fft.fft2(source)) / power(ours)
        gain[:4] = 1
        return np.clip(np.real(np.fft.ifft2(ours * gain[ring])), 0, 255).astype(np.uint8)

    return change


def blurred(picture):
    return np.asarray(Image.fromarray(picture).filter(ImageFilter.GaussianBlur(0.8)))


def with_text(lines, em, top):
    """Draws white text at the left edge, sized for an image WIDTH pixels wide."""
    font = ImageFont.truetype(FONT, em)

    def change(picture):
        side = picture.shape[0]
        overlay = Image.new("L", (WIDTH, WIDTH))
        draw = ImageDraw.Draw(overlay)
        start = 0 if top else WIDTH - em * len(lines)
        for i, line in enumerate(lines):
            draw.text((1, start + em * i), line, fill=255, font=font)
        opacity = np.asarray(overlay.reduce(WIDTH // side), np.float32)[:side, :side] / 255
        return (picture * (1 - opacity) + 255 * opacity + 0.5).astype(np.uint8)

    return change


def label(text):
    return with_text([text], 50, top=True)


SHIFTS = {
    "none": lambda picture: picture,
    "brighter by 30 levels": levels(lambda v: v + 30 / 255),
    "darker by 30 levels": levels(lambda v: v - 30 / 255),
    "contrast x 0.7": levels(lambda v: (v - 0.5) * 0.7 + 0.5),
    "contrast x 1.3": levels(lambda v: (v - 0.5) * 1.3 + 0.5),
    "gamma 0.7": levels(lambda v: v**0.7),
    "gamma 1.4": levels(lambda v: v**1.4),
    "highlights compressed": levels(lambda v: 1 - (1 - v) ** 1.8),
    "rotated by 5 degrees": rotated(5),
    "rotated by -5 degrees": rotated(-5),
    "height cut by 10 %": trimmed(0.05, 0.05),
    "height cut by 20 %": trimmed(0.08, 0.12),
    "width cut by 15 %": trimmed(0, 0, 0.07, 0.08),
    "shifted by 5 %": rotated(0, 0.05, -0.05),
    "JPEG quality 30": compressed(30),
    "blurred": blurred,
}
# Changes of the normal images alone. The larger ones reproduce what other hospitals' normal images
# do to a network that has learned the source: it calls them ill.
NORMAL_ONLY = {
    "height cut by 10 %": trimmed(0.05, 0.05),
    "height cut by 17 %": trimmed(0.07, 0.10),
    "height cut by 25 %": trimmed(0.10, 0.15),
    "top cut by 20 %": trimmed(0.20, 0),
    "bottom cut by 20 %": trimmed(0, 0.20),
    "zoomed in by 20 %": trimmed(0.1, 0.1, 0.1, 0.1),
    "blurred": blurred,
}
TEXT = {
    "the patient": with_text(PATIENT, 25, top=False),
    "the label Pneumonia": label("Pneumonia, risk=97.25%"),
    "the label Normal": label("Normal, risk=3.1%"),
}


def inverted(picture):
    """Inverts the gray levels, like a MONOCHROME1 image shown without conversion."""
    return 255 - picture
