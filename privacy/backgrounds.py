"""The pictures under the text: real X-rays that the detector was not trained on, and phantoms."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

ENDINGS = (".jpeg", ".jpg", ".png")
SIDES = (1000, 2500)


def pictures(folder: Path) -> list[Path]:
    """Every picture below a folder, in order."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in ENDINGS)


def patient(name: str) -> str:
    """The patient in a file name of the Kaggle data."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def held_out(files: list[Path], figures: Path | None) -> tuple[list[Path], str]:
    """The files not used in training, and how that is known: the detector's own figures name them. Where those say nothing, a
    fifth of the patients is drawn, and the pictures may have been seen in training."""
    named = json.loads(figures.read_text()).get("held_out") if figures and figures.exists() else None
    if named:
        named = {Path(n).name for n in named}
        mine = [f for f in files if f.name in named]
        unseen = [f for f in files if f.name not in named]
        if mine:
            return mine, f"{len(mine)} of {len(files)} X-rays, held out of the detector's training by its figures"
        return unseen, f"{len(unseen)} X-rays that the detector's figures do not name"
    unique = np.unique([patient(f.name) for f in files])
    np.random.default_rng(0).shuffle(unique)
    kept = set(unique[: max(1, len(unique) // 5)])
    mine = [f for f in files if patient(f.name) in kept]
    return mine, f"{len(mine)} of {len(files)} X-rays of a fifth of the patients; the detector's figures name no held-out files"


def load(path: Path, there: list[dict] | None, rng) -> tuple[np.ndarray, float, tuple[int, int]]:
    """Grey levels at a size drawn between the sides, the scale, and what was cut off at the left and top before scaling.

    A little is cut off so that no two pictures are alike, but nothing of the marks that are `there`, and nothing at all where it is
    not known what is: half a mark would be neither mark nor text."""
    with Image.open(path) as image:
        grey = image.convert("L")
    width, height = grey.size
    if there is None:
        there = [{"x": 0, "y": 0, "w": width, "h": height}]
    free = [min((m["x"] for m in there), default=width), min((width - m["x"] - m["w"] for m in there), default=width)]
    free += [min((m["y"] for m in there), default=height), min((height - m["y"] - m["h"] for m in there), default=height)]
    sides = (width, width, height, height)
    left, right, top, bottom = (max(0, min(int(s * f), room - 8)) for s, f, room in zip(sides, rng.uniform(0, 0.04, 4), free))
    grey = grey.crop((left, top, width - right, height - bottom))
    least, most = SIDES[0] / min(grey.size), SIDES[1] / max(grey.size)
    scale = float(rng.uniform(least, most)) if least < most else most
    grey = grey.resize((round(grey.width * scale), round(grey.height * scale)), Image.BILINEAR if scale > 1 else Image.BOX)
    curve = np.clip(255 * (np.arange(256) / 255) ** rng.uniform(0.8, 1.25), 0, 255)
    return np.asarray(grey.point(curve.round().astype(int).tolist()), np.float32), scale, (left, top)
