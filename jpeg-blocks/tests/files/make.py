"""Generates the test files: one picture in the kinds of JPEG that Pillow's libjpeg-turbo writes,
and one of mozjpeg's.

    pip install pillow mozjpeg-lossless-optimization && python make.py
"""

import io
import os

import mozjpeg_lossless_optimization
import numpy as np
from PIL import Image

here = os.path.dirname(os.path.abspath(__file__))
# Not a multiple of any MCU's size, so that edges are covered.
width, height = 149, 115
y, x = np.mgrid[0:height, 0:width]
rng = np.random.default_rng(1)
gray = np.clip(128 + 90 * np.sin(x / 17) * np.cos(y / 11) + rng.normal(0, 9, (height, width)), 0, 255).astype(np.uint8)
gray[20:40, 30:110] = np.where((x[20:40, 30:110] // 3 + y[20:40, 30:110] // 5) % 2, 255, 0)
gray[90:, :50] = 0
color = np.stack([gray, np.roll(gray, 9, 0), 255 - gray // 2], -1)
pictures = {"gray": Image.fromarray(gray), "rgb": Image.fromarray(color), "cmyk": Image.fromarray(color).convert("CMYK")}


def save(name, picture, **options):
    file = io.BytesIO()
    pictures[picture].save(file, "JPEG", **options)
    with open(os.path.join(here, name + ".jpg"), "wb") as out:
        out.write(file.getvalue())
    return file.getvalue()


save("gray", "gray", quality=88)
save("optimized", "gray", quality=75, optimize=True)
save("progressive", "gray", quality=85, progressive=True)
save("restarts", "gray", quality=80, restart_marker_blocks=7)
save("coarse", "gray", quality=5)
save("444", "rgb", quality=90, subsampling=0)
save("422", "rgb", quality=80, subsampling=1)
save("420", "rgb", quality=85, subsampling=2)
save("420-restarts", "rgb", quality=85, subsampling=2, restart_marker_rows=1)
progressive = save("420-progressive", "rgb", quality=85, subsampling=2, progressive=True)
save("rgb", "rgb", quality=85, keep_rgb=True)
save("cmyk", "cmyk", quality=85)
exif = Image.Exif()
exif[0x0112] = 6
exif[0x010E] = "Jane Roe"
save("rotated", "rgb", quality=85, exif=exif, comment=b"Jane Roe", dpi=(300, 300))
with open(os.path.join(here, "mozjpeg.jpg"), "wb") as out:
    out.write(mozjpeg_lossless_optimization.optimize(save("420", "rgb", quality=85, subsampling=2)))
