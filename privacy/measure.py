"""Measures of one copy: how much of each text's ink is covered, which marks are lost, how much area was covered."""

from pathlib import Path

import numpy as np
from PIL import Image

import covered

TELLING = {"name", "id", "birth"}
FLOOR = (300, 100)


def telling(text: dict) -> bool:
    """Whether a text says something of the patient."""
    return bool(TELLING & set(text["kind"].split("+")))


def difference(path: Path) -> np.ndarray:
    """The difference that ink made, 0 where there is none."""
    with Image.open(path) as image:
        levels = np.asarray(image).astype(np.float32)
    return np.where(levels == 0, 0, np.where(levels == 128, 0.5, 2 * (levels - 128)))


def measure(truth: dict, cover: np.ndarray, ink: np.ndarray) -> dict:
    """Coverage of each text, share of each mark that is lost, area that was covered and how much of it without need."""
    texts = [covered.share(ink, cover, t["box"]) for t in truth["texts"]]
    marks = [covered.share(ink, cover, m["box"]) for m in truth["marks"]]
    # The configured box is covered whatever is in it, to the borders of its blocks.
    height = cover.shape[0]
    due = np.zeros(cover.shape, bool)
    due[(height - FLOOR[1]) // 16 * 16 :, : -(-FLOOR[0] // 16) * 16] = True
    elsewhere = cover & ~due
    for x, y, w, h in (t["box"] for t in truth["texts"]):
        due[y : y + h, x : x + w] = True
    beyond = float((cover & ~due).mean())
    for box in blocks(truth["texts"]):
        due[box[1] : box[3], box[0] : box[2]] = True
    return {
        "texts": texts,
        "marks": [gone / max(1, pixels) for pixels, gone in marks],
        "there": [float(cover[y : y + h, x : x + w].mean()) for x, y, w, h in marks_there(truth)],
        "area": float(cover.mean()),
        "outside_box": float(elsewhere.mean()),
        "beyond": beyond,
        "beyond_blocks": float((cover & ~due).mean()),
    }


def blocks(texts: list[dict]) -> list[list[int]]:
    """A rectangle, as left, top, right, bottom, around the texts of each block: what lies between its lines is in it."""
    hulls: dict[int, list[int]] = {}
    for text in texts:
        x, y, w, h = text["box"]
        hull = hulls.setdefault(text["block"], [x, y, x + w, y + h])
        hull[:] = min(hull[0], x), min(hull[1], y), max(hull[2], x + w), max(hull[3], y + h)
    return list(hulls.values())


def marks_there(truth: dict) -> list[list[int]]:
    """The marks that the picture had before anything was drawn, those that are no nearer to a text or the configured box than their
    height: nearer ones may be taken for a part of it."""
    height = truth["height"]
    floor = (0, height - FLOOR[1] - 16, FLOOR[0] + 16, FLOOR[1] + 16)
    boxes = [m["box"] for m in truth["there"] if m["what"] in ("marker", "mark")]
    apart = [*(t["box"] for t in truth["texts"]), *(m["box"] for m in truth["marks"]), floor]
    return [b for b in boxes if min(b) >= 0 and not any(is_near(b, other, b[3]) for other in apart)]


def is_near(a, b, gap: int) -> bool:
    """Whether two boxes come closer than a gap."""
    return a[0] < b[0] + b[2] + gap and b[0] < a[0] + a[2] + gap and a[1] < b[1] + b[3] + gap and b[1] < a[1] + a[3] + gap
