"""Covers what other readers find on the same pictures, and writes peers.json.

What is covered is what a pipeline would cover that asks PP-OCR for boxes, or Tesseract for words:
each box with the margin of ours. The figures of our own copies stand beside them.
"""

import argparse
import json
from functools import partial
from multiprocessing import Pool
from pathlib import Path

import cv2
import numpy as np

import coverage
import measure
import ocr
import ppocr
from attack import load_truth

# Margin of a cover as a share of the height of what was found, and at least so many pixels.
MARGIN, MIN_MARGIN = 1 / 6, 8
# A line with less of its ink covered is missed; a marker with more of its ink covered is lost.
MISSED, LOST = 0.5, 0.05


def covered(shape: tuple[int, int], quads: list[np.ndarray]) -> np.ndarray:
    """Returns the mask that covers boxes given by their corners (4, 2), with a margin."""
    mask = np.zeros(shape, bool)
    for quad in quads:
        sides = np.linalg.norm(quad - np.roll(quad, -1, axis=0), axis=1)
        margin = int(max(MIN_MARGIN, np.ceil(sides.min() * MARGIN)))
        one = np.zeros(shape, np.uint8)
        cv2.fillPoly(one, [quad.round().astype(np.int32)], 1)
        mask |= cv2.dilate(one, np.ones((2 * margin + 1,) * 2)) > 0
    return mask


def words(picture: np.ndarray, script: str) -> list[np.ndarray]:
    """Returns the corners of each word that Tesseract finds on a picture."""
    found = ocr.read([picture], ocr.languages(script), 11)[0]
    boxes = [word["box"] for word in found]
    return [np.array([(x, y), (x + w, y), (x + w, y + h), (x, y + h)]) for x, y, w, h in boxes]


PEERS = {
    "PP-OCR v6 boxes": lambda picture, truth: ppocr.boxes(picture),
    "Tesseract words": lambda picture, truth: words(picture, truth["patient"]["script"]),
}


def counts(measured: dict) -> dict:
    """Returns missed and all lines, kept and all markers, and whether anything was covered."""
    return {
        "missed": sum(hit < MISSED * pixels for pixels, hit in measured["texts"]),
        "lines": len(measured["texts"]),
        "kept": sum(share <= LOST for share in measured["markers"]),
        "markers": len(measured["markers"]),
        "touched": int(not measured["texts"] and measured["outside_box"] > 0),
        "text-free": int(not measured["texts"]),
    }


def compare(folder: Path, truth: dict) -> dict[str, dict]:
    """Returns the counts of each peer on one picture."""
    picture = coverage.gray(folder / "pictures" / truth["file"])
    ink = measure.difference(folder / "ink" / f"{truth['index']:06}.png") != 0
    return {
        name: counts(measure.measure(truth, covered(picture.shape, find(picture, truth)), ink))
        for name, find in PEERS.items()
    }


def total(each: list[dict]) -> dict:
    """Returns the sums of counts."""
    return {key: sum(one[key] for one in each) for key in each[0]} if each else {}


def main() -> None:
    """Compares a sample of the pictures of which there is a copy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of generate.py")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    truth = load_truth(args.work)
    results = json.loads((args.work / "results.json").read_text())
    copied = [r["index"] for r in results if r["status"] == "anonymized"]
    rng = np.random.default_rng(truth["about"]["seed"])
    chosen = sorted(rng.permutation(copied)[: args.count].tolist())
    with Pool(args.workers) as pool:
        each = pool.map(
            partial(compare, args.work), [truth["pictures"][i] for i in chosen], chunksize=1
        )
    ours = [counts(results[i]["measure"]) for i in chosen]
    rows = {"xray": total(ours)} | {name: total([e[name] for e in each]) for name in PEERS}
    (args.work / "peers.json").write_text(json.dumps({"pictures": len(chosen), "rows": rows}))


if __name__ == "__main__":
    main()
