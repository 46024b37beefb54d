"""The marker recognizer: a window around a component to the marker that it shows, or `other`."""

import os
import sys

import numpy as np
import torch
from PIL import Image
from torch import nn

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../text"))

import layers  # noqa: E402
from layers import Layer  # noqa: E402

WIDTH, HEIGHT = 128, 48
# The window's height in heights of the component, and how much of its width the component fills at
# most.
TALL, FILLED = 2.0, 0.8
# The range of the component's levels that becomes black to white is at least this long.
MIN_RANGE = 16
# Shares in percent: of the contrast, from which on a pixel is ink, and of the pixels of a row or a
# column of the component, from which on it has ink.
INK, LEAST = 50, 2
# Single letters beside L and R, I and E among them, are initials; LI and RE are names too.
CLASSES = (
    "other L R LT RT LEFT RIGHT AP PA LAT LL RL ERECT UPRIGHT SUPINE SITTING STANDING PORTABLE"
    " IZQ DER arrow ruler"
).split()


class Recognizer(nn.Module):
    """Levels (n, 1, 48, 128), 0 to 255, to logits (n, classes)."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            Layer(1, 16, 5, 2, pad=2),
            Layer(16, 32, 3, 2, pad=1),
            Layer(32, 32, 3),
            Layer(32, 48, 3, 2, pad=1),
            Layer(48, 48, 3),
            Layer(48, 48, 3, 2, pad=1),
            Layer(48, 24, 1),
        )
        self.last = nn.Linear(24 * (HEIGHT // 16) * (WIDTH // 16), len(CLASSES))

    def forward(self, levels):
        x = self.body(levels / 255 - 0.5).flatten(1)
        return self.last(nn.functional.dropout(x, 0.1, self.training))


def _part(levels: np.ndarray, percent: int) -> int:
    """Returns the level at this share of all in order."""
    ordered = np.sort(levels, axis=None)
    return int(ordered[(len(ordered) - 1) * percent // 100])


def tightened(levels: np.ndarray, box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Returns the bounds of the ink within a component's: the rows and columns with some of it.

    Ink is what differs from the ground, the median of the component's border, by half as much as
    the component's stronger extreme.
    """
    left, top, right, bottom = box
    inside = levels[top:bottom, left:right].astype(int)
    border = np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]])
    low, ground, high = _part(inside, 1), _part(border, 50), _part(inside, 99)
    contrast = high - ground if high - ground >= ground - low else low - ground
    ink = (inside - ground) * np.sign(contrast) * 100 >= INK * abs(contrast)
    height, width = ink.shape
    rows = np.flatnonzero(ink.sum(1) >= max(1, width * LEAST // 100))
    columns = np.flatnonzero(ink.sum(0) >= max(1, height * LEAST // 100))
    if contrast == 0 or not len(rows) or not len(columns):
        return box
    return (
        int(left + columns[0]), int(top + rows[0]),
        int(left + columns[-1] + 1), int(top + rows[-1] + 1),
    )  # fmt: skip


def area(box: tuple[int, int, int, int]) -> tuple[float, float, float, float]:
    """Returns left, top, width and height of the window around ink with these bounds."""
    left, top, right, bottom = box
    tall = max(TALL * (bottom - top), (right - left) / FILLED * HEIGHT / WIDTH)
    wide = tall * WIDTH / HEIGHT
    x, y = (left + right - wide) / 2, (top + bottom - tall) / 2
    return x, y, wide, tall


def window(levels: np.ndarray, box: tuple[int, int, int, int], around=None) -> np.ndarray:
    """Cuts the window of a component with these bounds (left, top, right, bottom), which are inside
    the picture: around its ink, or around other bounds.

    Beyond the picture its last pixels are repeated.
    """
    left, top, right, bottom = box
    low, high = (_part(levels[top:bottom, left:right], percent) for percent in (1, 99))
    x, y, wide, tall = area(around or tightened(levels, box))
    # As much as the window and the filter reach over the edge.
    reach = int(max(-x, -y, x + wide - levels.shape[1], y + tall - levels.shape[0], 0) + tall / 24) + 2
    padded = Image.fromarray(np.pad(levels, reach, mode="edge"))
    part = (x + reach, y + reach, x + reach + wide, y + reach + tall)
    cut = np.asarray(padded.resize((WIDTH, HEIGHT), Image.BILINEAR, part), np.float32)
    stretched = (cut - low) * (255 / max(high - low, MIN_RANGE))
    return np.clip(np.rint(stretched), 0, 255).astype(np.uint8)


def to_onnx(model: Recognizer) -> bytes:
    """Returns the graph: `input` (1, 1, 48, 128) u8, `marker` (1, classes) probabilities."""
    from onnx import numpy_helper

    graph = layers.Graph()
    with torch.no_grad():
        first, *rest = model.body
        w, b = first.folded()
        # The scale is folded into the first layer; zero beyond the edge stays mid-gray.
        offset = numpy_helper.from_array(np.float32(127.5).reshape(1), "middle")
        graph.weights.append(offset)
        x = graph.op("Sub", [graph.levels(), "middle"])
        x = graph.convolve(x, w / 255, b, first.stride, first.pad, first.act)
        for layer in rest:
            x = graph.layer(x, layer)
        x = graph.op("Flatten", [x], axis=1)
        for name, values in (("last", model.last.weight), ("bias", model.last.bias)):
            graph.weights.append(numpy_helper.from_array(values.numpy(), name))
        x = graph.op("Gemm", [x, "last", "bias"], transB=1)
        graph.op("Softmax", [x], "marker", axis=1)
    return graph.written("markers", [HEIGHT, WIDTH], "marker", [1, len(CLASSES)])


def contract(digest: str, thresholds: dict) -> dict:
    """Returns the contract; models/README.md explains its keys."""
    return {
        "version": 2,
        "name": "markers",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "type": "u8",
            "width": WIDTH,
            "height": HEIGHT,
            "scale": 1.0,
            "offset": 0.0,
        },
        "output": {"name": "marker", "classes": CLASSES},
        "thresholds": thresholds,
    }


def load(path: str) -> Recognizer:
    return layers.load(Recognizer(), path)
