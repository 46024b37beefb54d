"""Splits the training images into folds that differ from the rest as another source would.

A random tenth of the patients resembles the other nine: it comes from the same weeks and the same
devices, and every network looks perfect on it. In this data set the shape of the original images
gives the class away: normal ones are nearly square, those with pneumonia wide. Once all are scaled
to squares, what remains is how far the chest is stretched. The fold `shape` holds out the normal
images that are as wide as those with pneumonia, and the images with pneumonia that are as square
as the normal ones.
"""

import os
import re

import numpy as np
from PIL import Image

# Image numbers of the folds of contiguous numbers: normal, normal of the second family, and
# pneumonia. Numbers were given in order of acquisition, as far as can be told.
BLOCKS = {
    "first": ((0, 215), (0, 520), (200, 340)),
    "middle": ((400, 480), (800, 930), (700, 1000)),
}
# Share of the normal images and of those with pneumonia in the fold `shape`.
WIDE, SQUARE = 0.12, 0.10
RIDGE = 300.0


def numbers(paths) -> tuple[np.ndarray, np.ndarray]:
    """Returns the patient number and the family (0 to 2) of each file name."""
    names = [os.path.basename(path) for path in paths]
    family = [0 if n.startswith("IM-") else 1 if n.startswith("NORMAL2") else 2 for n in names]
    return np.array([int(re.search(r"(?:IM-|person)(\d+)", n).group(1)) for n in names]), np.array(
        family
    )


def spectra(pictures: np.ndarray) -> np.ndarray:
    """Returns the log amplitude by frequency along each axis of images (n, side, side).

    A stretched image has less detail along the axis of the stretch.
    """
    rows = []
    for picture in pictures:
        x = picture.astype(np.float32) / 255
        both = (np.abs(np.fft.rfft(x, axis=a)).mean(1 - a)[1:] for a in (1, 0))
        rows.append(np.log(np.concatenate([b.reshape(-1, 4).mean(1) for b in both]) + 1e-6))
    return np.stack(rows)


def shapes(pictures: np.ndarray, paths, full: str) -> np.ndarray:
    """Estimates log(width / height) of the original images from their squares.

    A ridge regression on the spectra is fitted on the images that are in `full` as well.
    """
    index = {os.path.basename(path): i for i, path in enumerate(paths)}
    known, shape = [], []
    for name in ("NORMAL", "PNEUMONIA"):
        for file in sorted(os.listdir(os.path.join(full, name))):
            if file in index:
                width, height = Image.open(os.path.join(full, name, file)).size
                known.append(index[file])
                shape.append(np.log(width / height))
    features = spectra(pictures)
    features = (features - features.mean(0)) / (features.std(0) + 1e-6)
    shape = np.array(shape)
    x = features[known]
    weights = np.linalg.solve(
        x.T @ x + RIDGE * np.eye(x.shape[1]), x.T @ (shape - shape.mean())
    )
    return features @ weights + shape.mean()


def fold(name: str, pictures, labels, patients, paths, full: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns two masks: the images of the fold, and those that may be trained on.

    Other images of the fold's patients are in neither.
    """
    if name == "shape":
        shape = shapes(pictures, paths, full)
        ill = labels == 1
        inside = np.where(
            ill,
            shape < np.quantile(shape[ill], SQUARE),
            shape > np.quantile(shape[~ill], 1 - WIDE),
        )
    else:
        number, family = numbers(paths)
        ranges = np.array(BLOCKS[name])[family]
        inside = (number >= ranges[:, 0]) & (number < ranges[:, 1])
    return inside, ~np.isin(patients, patients[inside])
