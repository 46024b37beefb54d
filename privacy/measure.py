"""Measures one copy: the covered ink of each text, the lost markers and the covered area."""

from pathlib import Path

import numpy as np
from PIL import Image

import coverage

IDENTIFYING = {"name", "id", "birth"}
BOX = (300, 100)


def is_identifying(text: dict) -> bool:
    """Reports whether a text identifies the patient."""
    return bool(IDENTIFYING & set(text["kind"].split("+")))


def difference(path: Path) -> np.ndarray:
    """Loads the difference that ink made; 0 without ink."""
    with Image.open(path) as image:
        levels = np.asarray(image).astype(np.float32)
    return np.where(levels == 0, 0, np.where(levels == 128, 0.5, 2 * (levels - 128)))


def measure(truth: dict, cover: np.ndarray, ink: np.ndarray) -> dict:
    """Returns the coverage of texts, the lost share of markers and the (unneeded) covered area."""
    texts = [coverage.covered_ink(ink, cover, t["box"]) for t in truth["texts"]]
    markers = [coverage.covered_ink(ink, cover, m["box"]) for m in truth["markers"]]
    # The configured box is always covered, up to block boundaries.
    height = cover.shape[0]
    allowed = np.zeros(cover.shape, bool)
    allowed[(height - BOX[1]) // 16 * 16 :, : -(-BOX[0] // 16) * 16] = True
    elsewhere = cover & ~allowed
    for x, y, w, h in (t["box"] for t in truth["texts"]):
        allowed[y : y + h, x : x + w] = True
    beyond = float((cover & ~allowed).mean())
    for box in blocks(truth["texts"]):
        allowed[box[1] : box[3], box[0] : box[2]] = True
    return {
        "texts": texts,
        "markers": [lost / max(1, pixels) for pixels, lost in markers],
        "existing_markers": [
            float(cover[y : y + h, x : x + w].mean()) for x, y, w, h in existing_markers(truth)
        ],
        "area": float(cover.mean()),
        "outside_box": float(elsewhere.mean()),
        "beyond": beyond,
        "beyond_blocks": float((cover & ~allowed).mean()),
    }


def blocks(texts: list[dict]) -> list[list[int]]:
    """Returns the bounding box (left, top, right, bottom) of each block of texts."""
    hulls: dict[int, list[int]] = {}
    for text in texts:
        x, y, w, h = text["box"]
        hull = hulls.setdefault(text["block"], [x, y, x + w, y + h])
        hull[:] = min(hull[0], x), min(hull[1], y), max(hull[2], x + w), max(hull[3], y + h)
    return list(hulls.values())


def existing_markers(truth: dict) -> list[list[int]]:
    """Returns the boxes of markers that were on the background already.

    Markers nearer to a text or to the configured box than their height are left out: they may
    be taken for part of it.
    """
    height = truth["height"]
    box = (0, height - BOX[1] - 16, BOX[0] + 16, BOX[1] + 16)
    boxes = [m["box"] for m in truth["annotations"] if m["what"] in ("marker", "mark")]
    apart = [*(t["box"] for t in truth["texts"]), *(m["box"] for m in truth["markers"]), box]
    return [b for b in boxes if min(b) >= 0 and not any(is_near(b, other, b[3]) for other in apart)]


def is_near(a, b, gap: int) -> bool:
    """Reports whether two boxes are closer than a gap."""
    return (
        a[0] < b[0] + b[2] + gap
        and b[0] < a[0] + a[2] + gap
        and a[1] < b[1] + b[3] + gap
        and b[1] < a[1] + a[3] + gap
    )
