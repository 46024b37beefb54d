"""Judges a detector on held-out X-rays: lines missed by kind, markers, and text-free pictures.

    python judge.py --data FULL --unseen FONTS --model model.onnx [--contract contract.json]

The rules of src/text are repeated here for one look, without the marker recognizer: a line is
missed if under half of its ink is covered, or if what covers it counts as a side marker.
"""

import argparse
import io
import json
import os

import numpy as np
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
from PIL import Image
from scipy import ndimage

import split
import unseen

HERE = os.path.dirname(os.path.abspath(__file__))
SIZES = (224, 512, 1024, 0)


class Model:
    """A detector and its contract, as the module reads them."""

    def __init__(self, path: str, contract: dict):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, ["CPUExecutionProvider"])
        self.contract = contract

    def map(self, levels: np.ndarray) -> np.ndarray:
        given, out = self.contract["input"], self.contract["output"]
        pad = [(0, -side % given["multiple"]) for side in levels.shape]
        x = np.pad(levels, pad, "symmetric")
        if given.get("type", "f32") == "f32":
            x = x.astype(np.float32) * np.float32(given["scale"]) + np.float32(given["offset"])
        made = self.session.run([out["name"]], {given["name"]: x[None, None]})[0][0]
        h, w = (-(-side // out["stride"]) for side in levels.shape)
        return made[[out["text"], out["marker"]], :h, :w]


def enlarged(levels: np.ndarray, side: int) -> tuple[np.ndarray, float]:
    scale = side / max(levels.shape)
    if not side or scale <= 1:
        return levels, 1.0
    size = tuple(max(1, round(n * scale)) for n in levels.shape[::-1])
    return np.asarray(Image.fromarray(levels).resize(size, Image.BILINEAR)), scale


def components(found: np.ndarray, low: float, high: float):
    """Yields the bounds of each component in cells, and its share of marker."""
    score = found.sum(0)
    labels, count = ndimage.label(score >= low, np.ones((3, 3)))
    peaks = ndimage.maximum(score, labels, range(1, count + 1)) if count else []
    shares = ndimage.mean(found[1] / np.maximum(score, 1e-6), labels, range(1, count + 1))
    for place, peak, share in zip(ndimage.find_objects(labels), peaks, np.atleast_1d(shares)):
        if peak >= high:
            yield place, float(share)


def covers(shape, found, stride: int, scale: float, low, high, marker) -> tuple[np.ndarray, int]:
    """Returns the covered pixels, and the number of components that count as markers."""
    covered, markers = np.zeros(shape, bool), 0
    for (rows, columns), share in components(found, low, high):
        box = [int(v * stride / scale) for v in (rows.start, rows.stop, columns.start, columns.stop)]
        h, w = box[1] - box[0], box[3] - box[2]
        if share >= marker and max(h, w) <= 3 * min(h, w):
            markers += 1
            continue
        m = max(8, -(-min(h, w) // 6))
        covered[max(0, box[0] - m) : box[1] + m, max(0, box[2] - m) : box[3] + m] = True
    return covered, markers


def held_out(folder: str, annotations: dict):
    names = [f for k in ("NORMAL", "PNEUMONIA") for f in os.listdir(os.path.join(folder, k))]
    for name in sorted(split.held_out(names)):
        kind = "NORMAL" if os.path.exists(os.path.join(folder, "NORMAL", name)) else "PNEUMONIA"
        levels = np.asarray(Image.open(os.path.join(folder, kind, name)).convert("L"))
        yield name, levels, annotations.get(name, [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True)
    parser.add_argument("--unseen", required=True, help="folder of install-fonts --unseen")
    parser.add_argument("--model", required=True, nargs="+")
    parser.add_argument("--count", type=int, default=40, help="pictures of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--high", type=float, nargs="*", default=[])
    parser.add_argument("--min-side", type=int, default=1024)
    parser.add_argument("--out", help="JSON file for the figures")
    args = parser.parse_args()
    with open(os.path.join(HERE, "annotations.json")) as file:
        xrays = list(held_out(args.data, json.load(file)))
    models = []
    for path in args.model:
        with open(os.path.join(os.path.dirname(path), "contract.json")) as file:
            models.append((path, Model(path, json.load(file))))
    faces, table = unseen.Faces(args.unseen), {}

    def judge(kind: str, levels: np.ndarray, ink, boxes, min_side: int) -> None:
        big, scale = enlarged(levels, min_side)
        for path, model in models:
            t, stride = model.contract["thresholds"], model.contract["output"]["stride"]
            found = model.map(big)
            for high in args.high or [t["high"]]:
                low = min(t["low"], high)
                covered, _ = covers(levels.shape, found, stride, scale, low, high, t["marker"])
                for x, y, w, h in boxes:
                    covered[y : y + h, x : x + w] = False
                bad = covered.any() if ink is None else (covered & ink).sum() < 0.5 * ink.sum()
                name = os.path.basename(os.path.dirname(path)) + f"@{high}"
                row = table.setdefault(name, {}).setdefault(kind, [0, 0])
                row[0] += int(bad)
                row[1] += 1

    rng = np.random.default_rng(args.seed)
    for kind in unseen.TRAINED + unseen.NEVER:
        done = tries = 0
        while done < args.count and tries < 20 * args.count:
            tries += 1
            _, levels, _ = xrays[rng.integers(len(xrays))]
            longer = int(np.exp(rng.uniform(np.log(700), np.log(1800))))
            scale = longer / max(levels.shape)
            size = tuple(int(n * scale) for n in levels.shape[::-1])
            made = unseen.draw(kind, rng, faces, np.asarray(Image.fromarray(levels).resize(size, Image.BICUBIC)))
            if made is None:
                continue
            stream = io.BytesIO()
            Image.fromarray(made[0]).save(stream, "JPEG", quality=int(rng.integers(60, 96)))
            judge("missed: " + kind, np.asarray(Image.open(stream)), made[1], [], args.min_side)
            done += 1
    for name, levels, boxes in xrays:
        for side in SIZES:
            scale = side / max(levels.shape) if side else 1.0
            small = Image.fromarray(levels)
            if side:
                small = small.resize(tuple(round(n * scale) for n in levels.shape[::-1]), Image.BOX)
            grown = [
                [int(v) for v in ((b["x"] - 24) * scale, (b["y"] - 24) * scale,
                                  (b["w"] + 48) * scale + 2, (b["h"] + 48) * scale + 2)]
                for b in boxes
            ]  # fmt: skip
            grown = [[max(0, x), max(0, y), w, h] for x, y, w, h in grown]
            judge(f"touched: {side or 'full size'}", np.asarray(small), None, grown, args.min_side)
    for name, rows in table.items():
        print(name)
        for kind, (bad, count) in rows.items():
            print(f"  {kind:24}{bad:4} of {count}  {100 * bad / count:5.1f} %")
    if args.out:
        with open(args.out, "w") as file:
            json.dump(table, file, indent=1)


if __name__ == "__main__":
    main()
