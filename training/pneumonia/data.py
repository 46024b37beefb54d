"""Reads a folder in the Kaggle layout and splits it by patient."""

import os
import re

import numpy as np
from PIL import Image
from tqdm import tqdm

from preprocess import gray_square

CLASSES = ("NORMAL", "PNEUMONIA")


def patient(name: str) -> str:
    """Returns the patient in a file name; `IM-7` and `NORMAL2-IM-7` count as one."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def load(folder: str, side: int):
    """Returns images (n, side, side, 1) uint8, labels (n,), patients (n,) and paths.

    Label 1 is pneumonia.
    """
    pictures, labels, paths = [], [], []
    for label, name in enumerate(CLASSES):
        inside = os.path.join(folder, name)
        if not os.path.isdir(inside):
            raise SystemExit(f"{inside} is missing; the folder must contain NORMAL and PNEUMONIA")
        files = sorted(
            f for f in os.listdir(inside) if f.lower().endswith((".jpeg", ".jpg", ".png"))
        )
        for file in tqdm(files, desc=f"reading {name}", unit="image", mininterval=2):
            paths.append(os.path.join(inside, file))
            with Image.open(paths[-1]) as image:
                pictures.append(gray_square(image, side))
            labels.append(label)
    patients = np.array([patient(os.path.basename(path)) for path in paths])
    return np.stack(pictures)[..., None], np.array(labels, np.float32), patients, paths


def held_out(patients: np.ndarray, seed: int) -> np.ndarray:
    """Returns a mask of the images of a tenth of the patients.

    A split by file would put the same child on both sides.
    """
    unique = np.unique(patients)
    np.random.default_rng(seed).shuffle(unique)
    return np.isin(patients, unique[: len(unique) // 10])
