"""Reads a folder in the Kaggle layout and splits it by patient."""

import os
import re
import sys

import numpy as np
from PIL import Image

from preprocess import grey_square

CLASSES = ("NORMAL", "PNEUMONIA")


def patient(name: str) -> str:
    """The patient in a file name; `IM-7` and `NORMAL2-IM-7` are taken for one."""
    return re.sub(r"^(?:NORMAL2-)?(IM-\d+|person\d+).*$", r"\1", name)


def load(folder: str, side: int):
    """Returns pictures (n, side, side, 1) uint8, labels (n,) with 1 for pneumonia, patients (n,)."""
    pictures, labels, patients = [], [], []
    for label, name in enumerate(CLASSES):
        files = sorted(os.listdir(os.path.join(folder, name)))
        for i, file in enumerate(files):
            with Image.open(os.path.join(folder, name, file)) as image:
                pictures.append(grey_square(image, side))
            labels.append(label)
            patients.append(patient(file))
            if i % 200 == 0 or i + 1 == len(files):
                print(f"\rreading {name} {i + 1}/{len(files)}", end="", file=sys.stderr, flush=True)
        print(file=sys.stderr)
    return np.stack(pictures)[..., None], np.array(labels, np.float32), np.array(patients)


def held_out(patients: np.ndarray, seed: int) -> np.ndarray:
    """True for the pictures of a tenth of the patients: a split by file would put one child on both sides."""
    unique = np.unique(patients)
    np.random.default_rng(seed).shuffle(unique)
    return np.isin(patients, unique[: len(unique) // 10])
