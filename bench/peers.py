#!/usr/bin/env python3
"""The same work as an event's, in Python as one would write it: a resident process that fetches the
picture, runs the model with ONNX Runtime, prints the label, covers a fixed box with Pillow and
stores one or two pictures.

    bench/peers.py STORE MODEL {no-copy,copy} [--load-each]

Reads keys, one a line, and prints a line when one is done. It signs nothing, uses no conditions,
looks for no text and writes no report. `--load-each` loads the model for every event, as the
container that xray replaces did. Needs Pillow, numpy and onnxruntime.
"""

import argparse
import http.client
import io
import os
import sys
from urllib.parse import urlsplit

import numpy
import onnxruntime
from PIL import Image, ImageDraw, ImageFont

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SIDE = 160


def session(path: str) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def tensor(image: Image.Image, shape: list) -> numpy.ndarray:
    gray = image.convert("L")
    factor = next(f for f in (8, 4, 2, 1) if f == 1 or min(s // f for s in image.size) >= SIDE)
    gray = (gray.reduce(factor) if factor > 1 else gray).resize((SIDE, SIDE), Image.BILINEAR)
    levels = numpy.asarray(gray, numpy.float32) / 255
    return levels.reshape([SIDE if side == SIDE else 1 for side in shape])


def encoded(image: Image.Image, like: Image.Image) -> bytes:
    buffer = io.BytesIO()
    if like.format == "JPEG":
        image.save(buffer, "JPEG", qtables=like.quantization)
    else:
        image.save(buffer, like.format)
    return buffer.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("model")
    parser.add_argument("outputs", choices=["no-copy", "copy"])
    parser.add_argument("--load-each", action="store_true")
    args = parser.parse_args()
    Image.MAX_IMAGE_PIXELS = None
    font = ImageFont.truetype(os.path.join(HERE, "assets/DejaVuSansMono-subset.ttf"), 50)
    connection = http.client.HTTPConnection(urlsplit(args.store).netloc)
    run = None if args.load_each else session(args.model)

    def ask(method: str, path: str, body: bytes | None = None) -> bytes:
        connection.request(method, path, body)
        return connection.getresponse().read()

    print("ready", flush=True)
    for line in sys.stdin:
        key = line.strip()
        image = Image.open(io.BytesIO(ask("GET", f"/xray-data-in/{key}")))
        image.load()
        inference = session(args.model) if args.load_each else run
        port = inference.get_inputs()[0]
        outputs = inference.run(None, {port.name: tensor(image, port.shape)})
        risk = float(numpy.ravel(outputs[0])[0])
        labeled = image.copy()
        text = f"Pneumonia, risk={round(100 * risk, 2)}%"
        white = 255 if image.mode == "L" else (255,) * len(image.getbands())
        ImageDraw.Draw(labeled).text((0, 0), text, fill=white, font=font)
        if args.outputs == "copy":
            black = 0 if image.mode == "L" else (0,) * len(image.getbands())
            box = (0, image.height - 100, 299, image.height - 1)
            ImageDraw.Draw(image).rectangle(box, fill=black)
            ask("PUT", f"/xray-data-in-anonymized/{key}", encoded(image, image))
        ask("PUT", f"/xray-data-in-processed/{key}", encoded(labeled, image))
        print("done", flush=True)


if __name__ == "__main__":
    main()
