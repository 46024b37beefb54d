"""Reads a folder in the Kaggle layout and splits it by patient."""

import os
import re

import numpy as np
from PIL import Image
from tqdm import tqdm

from preprocess import grey_square

CLASSES = ("NORMAL", "PNEUMONIA")


def patient(name: str) -> str:
    """The patient in a file name; `IM-7` and `NORMAL2-IM-7` are taken for one."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def load(folder: str, side: int):
    """Returns pictures (n, side, side, 1) uint8, labels (n,) with 1 for pneumonia, patients (n,), paths."""
    pictures, labels, paths = [], [], []
    for label, name in enumerate(CLASSES):
        inside = os.path.join(folder, name)
        if not os.path.isdir(inside):
            raise SystemExit(f"{inside} is missing: the folder must hold NORMAL and PNEUMONIA")
        files = sorted(f for f in os.listdir(inside) if f.lower().endswith((".jpeg", ".jpg", ".png")))
        for file in tqdm(files, desc=f"reading {name}", unit="picture", mininterval=2):
            paths.append(os.path.join(inside, file))
            with Image.open(paths[-1]) as image:
                pictures.append(grey_square(image, side))
            labels.append(label)
    patients = np.array([patient(os.path.basename(path)) for path in paths])
    return np.stack(pictures)[..., None], np.array(labels, np.float32), patients, paths


def held_out(patients: np.ndarray, seed: int) -> np.ndarray:
    """True for the pictures of a tenth of the patients: a split by file would put one child on both sides."""
    unique = np.unique(patients)
    np.random.default_rng(seed).shuffle(unique)
    return np.isin(patients, unique[: len(unique) // 10])
