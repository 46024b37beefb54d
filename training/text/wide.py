"""The detector's teacher, which sees pixels up to an eighth of the side.

It costs three times as much as `detector.py`. Its plan is that of the former detector, from whose
weights its training began; checkpoint-wide.npz has gone on from there.
"""

import torch
from torch import nn

import layers
from layers import CLASSES, STRIDE, Layer, Residual

MULTIPLE = 64
STEM, FINE, MIDDLE, COARSE, LAST = 16, 32, 48, 64, 32


class Detector(nn.Module):
    """Levels (n, 1, H, W), 0 to 255, to logits (n, 2, H / 8, W / 8)."""

    def __init__(self):
        super().__init__()
        # tanh saturates the first responses, so that faint text counts nearly as much as bright.
        self.stem = Layer(1, STEM, 6, 4, "Tanh", pad=1)
        self.down8, self.body8 = Layer(STEM, FINE, 2, 2), Layer(FINE, FINE, 3)
        self.down16, self.body16 = Layer(FINE, MIDDLE, 2, 2), Residual(MIDDLE)
        self.down32, self.body32 = Layer(MIDDLE, COARSE, 2, 2), Residual(COARSE)
        self.down64, self.body64 = Layer(COARSE, LAST, 2, 2), Residual(LAST)
        self.up32 = Layer(LAST, 4 * COARSE, 1)
        self.up16 = Layer(COARSE, 4 * MIDDLE, 1)
        self.join16 = Layer(MIDDLE, MIDDLE, 3)
        self.up8, self.join8 = Layer(MIDDLE, 4 * FINE, 1), Layer(FINE, FINE, 1)
        self.last = nn.Conv2d(FINE, len(CLASSES), 1)
        nn.init.constant_(self.last.bias, -2.0)

    def forward(self, levels):
        shuffle = nn.functional.pixel_shuffle
        x8 = self.body8(self.down8(self.stem(levels / 255)))
        x16 = self.body16(self.down16(x8))
        x32 = self.body32(self.down32(x16))
        x64 = self.body64(self.down64(x32))
        x32 = x32 + shuffle(self.up32(x64), 2)
        x16 = self.join16(x16 + shuffle(self.up16(x32), 2))
        x8 = self.join8(x8 + shuffle(self.up8(x16), 2))
        return self.last(x8)


def to_onnx(model: Detector) -> bytes:
    """Returns the graph: `input` (1, 1, H, W) u8 levels, `map` (1, 2, H / 8, W / 8)."""
    graph = layers.Graph()
    with torch.no_grad():
        # The scale of the levels is folded into the first layer.
        w, b = model.stem.folded()
        x = graph.convolve(graph.levels(), w / 255, b, 4, 1, "Tanh")
        x8 = graph.layer(graph.layer(x, model.down8), model.body8)
        x16 = graph.residual(graph.layer(x8, model.down16), model.body16)
        x32 = graph.residual(graph.layer(x16, model.down32), model.body32)
        x64 = graph.residual(graph.layer(x32, model.down64), model.body64)
        x32 = graph.up(x64, model.up32, x32)
        x16 = graph.layer(graph.up(x32, model.up16, x16), model.join16)
        x8 = graph.layer(graph.up(x16, model.up8, x8), model.join8)
        graph.map(x8, model.last)
    return layers.map_written(graph)


def load(path: str) -> Detector:
    return layers.load(Detector(), path)
