"""Loads backgrounds: real X-rays that the detector was not trained on, and phantoms."""

import json
import re
from pathlib import Path

import numpy as np
from PIL import Image

SUFFIXES = (".jpeg", ".jpg", ".png")
SIDES = (1000, 2500)


def pictures(folder: Path) -> list[Path]:
    """Returns all pictures below a folder, sorted."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)


def patient(name: str) -> str:
    """Returns the patient in a file name of the Kaggle data."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def held_out(files: list[Path], figures: Path | None) -> tuple[list[Path], str]:
    """Returns the files that were not used in training, with a description of their origin.

    The detector's figures name them. Without those, a fifth of the patients is drawn, whose
    pictures may have been used in training.
    """
    names = (
        json.loads(figures.read_text()).get("held_out") if figures and figures.exists() else None
    )
    if names:
        names = {Path(n).name for n in names}
        selected = [f for f in files if f.name in names]
        unseen = [f for f in files if f.name not in names]
        if selected:
            return (
                selected,
                f"{len(selected)} of {len(files)} X-rays, held out of the detector's training according to its figures",
            )
        return unseen, f"{len(unseen)} X-rays that the detector's figures do not name"
    unique = np.unique([patient(f.name) for f in files])
    np.random.default_rng(0).shuffle(unique)
    kept = set(unique[: max(1, len(unique) // 5)])
    selected = [f for f in files if patient(f.name) in kept]
    return (
        selected,
        f"{len(selected)} of {len(files)} X-rays of a fifth of the patients; the detector's figures name no held-out files",
    )


def load(
    path: Path, annotations: list[dict] | None, rng
) -> tuple[np.ndarray, float, tuple[int, int]]:
    """Returns gray levels, their scale, and the crop at the left and top before scaling.

    The size is random within SIDES.

    A small margin is cropped so that no two pictures are alike, but never into the
    `annotations`, and nothing is cropped where those are unknown: half a marker would be
    neither marker nor text.
    """
    with Image.open(path) as image:
        gray = image.convert("L")
    width, height = gray.size
    if annotations is None:
        annotations = [{"x": 0, "y": 0, "w": width, "h": height}]
    free = [
        min((m["x"] for m in annotations), default=width),
        min((width - m["x"] - m["w"] for m in annotations), default=width),
    ]
    free += [
        min((m["y"] for m in annotations), default=height),
        min((height - m["y"] - m["h"] for m in annotations), default=height),
    ]
    sides = (width, width, height, height)
    left, right, top, bottom = (
        max(0, min(int(s * f), room - 8))
        for s, f, room in zip(sides, rng.uniform(0, 0.04, 4), free)
    )
    gray = gray.crop((left, top, width - right, height - bottom))
    least, most = SIDES[0] / min(gray.size), SIDES[1] / max(gray.size)
    scale = float(rng.uniform(least, most)) if least < most else most
    gray = gray.resize(
        (round(gray.width * scale), round(gray.height * scale)),
        Image.BILINEAR if scale > 1 else Image.BOX,
    )
    curve = np.clip(255 * (np.arange(256) / 255) ** rng.uniform(0.8, 1.25), 0, 255)
    return (
        np.asarray(gray.point(curve.round().astype(int).tolist()), np.float32),
        scale,
        (left, top),
    )
