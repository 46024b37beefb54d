"""Finds and reads lines with PP-OCR v6, whose networks are in the `rapidocr` package.

A second reader, unrelated to Tesseract: it reads faint and stylized print that Tesseract misses.
"""

import os
from functools import lru_cache

import numpy as np

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when ONNX Runtime is loaded

from rapidocr import RapidOCR  # noqa: E402

# Smallest side of an image that is read; the package divides by the sides of smaller ones.
MIN_SIDE = 8


@lru_cache(maxsize=1)
def engine() -> RapidOCR:
    """Returns the networks, on one thread: attack.py runs several processes."""
    return RapidOCR(
        params={
            "Global.log_level": "error",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _color(gray: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.repeat(gray[..., None], 3, axis=-1))


def read(images: list[np.ndarray]) -> list[str]:
    """Returns the text of each image of one line, of gray levels; empty if nothing is read."""
    found = []
    for image in images:
        if min(image.shape) < MIN_SIDE:
            found.append("")
            continue
        out = engine()(_color(image), use_det=False, use_cls=False, use_rec=True)
        found.append("\n".join(out.txts or ()))
    return found


def boxes(picture: np.ndarray) -> list[np.ndarray]:
    """Returns the corners (4, 2) in x and y of each line that is found on a picture."""
    out = engine()(_color(picture), use_det=True, use_cls=False, use_rec=False)
    return [] if out.boxes is None else [np.asarray(box, np.float32) for box in out.boxes]
