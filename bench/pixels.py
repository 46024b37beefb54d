#!/usr/bin/env python3
"""The pixel work of one event, in the module and by Pillow, side by side on the same pictures.

    python3 bench/pixels.py DIR [--xray target/release/xray] [--rounds 5]

The module's figures come from its own reports (`xray process --json`): decode, prepare, annotate,
redact and encode of both outputs, inference and transfers excluded. Pillow does the same on the
same files, alternating with the module, so that both see the same load. Needs Pillow and a font
(`assets/DejaVuSansMono-subset.ttf`).
"""

import argparse
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

from PIL import Image, ImageDraw, ImageFont

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STEPS = ("decode", "prepare", "annotate", "redact", "encode")


def module(xray: str, folder: str, out: str) -> list[float]:
    run = subprocess.run(
        [xray, "process", folder, "-o", out, "--json", "--variable", "anonymize=all", "--max-concurrency", "1", "--queue-wait", "600"],
        cwd=HERE, check=True, capture_output=True, text=True,
    )
    reports = [json.loads(line) for line in run.stdout.splitlines()]
    return [sum(r["ms"][s] for s in STEPS) for r in reports]


def pillow(path: str, font) -> float:
    with open(path, "rb") as file:
        data = file.read()
    start = time.perf_counter()
    image = Image.open(io.BytesIO(data))
    image.load()
    factor = next(f for f in (8, 4, 2, 1) if f == 1 or min(s // f for s in image.size) >= 160)
    grey = image.convert("L")
    (grey.reduce(factor) if factor > 1 else grey).resize((160, 160), Image.BILINEAR).tobytes()
    labelled, clean = image.copy(), image.copy()
    white = 255 if image.mode == "L" else (255,) * len(image.getbands())
    black = 0 if image.mode == "L" else (0,) * len(image.getbands())
    ImageDraw.Draw(labelled).text((0, 0), "Pneumonia, risk=97.25%", fill=white, font=font)
    ImageDraw.Draw(clean).rectangle((0, image.height - 100, 299, image.height - 1), fill=black)
    tables = getattr(image, "quantization", None)
    for result in (labelled, clean):
        buffer = io.BytesIO()
        if image.format == "JPEG":
            result.save(buffer, "JPEG", qtables=tables, subsampling=0)
        else:
            result.save(buffer, image.format)
    return (time.perf_counter() - start) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--xray", default=os.path.join(HERE, "target/release/xray"))
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    font = ImageFont.truetype(os.path.join(HERE, "assets/DejaVuSansMono-subset.ttf"), 50)
    files = [os.path.join(d, f) for d, _, names in os.walk(args.folder) for f in names]
    ours, theirs = [], []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as out:
            ours += module(args.xray, os.path.abspath(args.folder), out)
        theirs += [pillow(f, font) for f in files]
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"{len(files)} pictures, {args.rounds} rounds, median ms a picture: module {a:.2f}, Pillow {b:.2f}, ratio {a / b:.2f}")


if __name__ == "__main__":
    sys.exit(main())
