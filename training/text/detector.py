"""The new detector: levels to the probabilities of text and marker in each cell of 8 x 8 pixels.

It sees pixels as `wide.py` does, at a quarter of the side, and then works at a sixteenth and
coarser; the map leaves it by pixel shuffle.
"""

import torch
from torch import nn

import layers
from layers import CLASSES, STRIDE, Layer, Residual

MULTIPLE = 64
STEM, EIGHTH, SIXTEENTH, THIRTYSECOND, SIXTYFOURTH = 16, 32, 32, 48, 48
# Half of the 482 pixels that a cell depends on, rounded up: models/README.md explains `field`.
FIELD = 256


class Detector(nn.Module):
    """Levels (n, 1, H, W), 0 to 255, to logits (n, 2, H / 8, W / 8)."""

    def __init__(self):
        super().__init__()
        # tanh saturates the first responses, so that faint text counts nearly as much as bright.
        self.stem = Layer(1, STEM, 6, 4, "Tanh", pad=1)
        self.down8 = Layer(STEM, EIGHTH, 2, 2)
        self.down16, self.body16 = Layer(EIGHTH, SIXTEENTH, 2, 2), Layer(SIXTEENTH, SIXTEENTH, 3)
        self.down32, self.body32 = Layer(SIXTEENTH, THIRTYSECOND, 2, 2), Residual(THIRTYSECOND)
        self.down64, self.body64 = Layer(THIRTYSECOND, SIXTYFOURTH, 2, 2), Residual(SIXTYFOURTH)
        self.up32 = Layer(SIXTYFOURTH, 4 * THIRTYSECOND, 1)
        self.up16 = Layer(THIRTYSECOND, 4 * SIXTEENTH, 1)
        self.last = nn.Conv2d(SIXTEENTH, 4 * len(CLASSES), 1)
        nn.init.constant_(self.last.bias, -2.0)

    def forward(self, levels):
        shuffle = nn.functional.pixel_shuffle
        x16 = self.body16(self.down16(self.down8(self.stem(levels / 255))))
        x32 = self.body32(self.down32(x16))
        x64 = self.body64(self.down64(x32))
        x32 = x32 + shuffle(self.up32(x64), 2)
        x16 = x16 + shuffle(self.up16(x32), 2)
        return shuffle(self.last(x16), 2)


def to_onnx(model: Detector) -> bytes:
    """Returns the graph: `input` (1, 1, H, W) u8 levels, `map` (1, 2, H / 8, W / 8)."""
    graph = layers.Graph()
    with torch.no_grad():
        # The scale of the levels is folded into the first layer.
        w, b = model.stem.folded()
        x = graph.convolve(graph.levels(), w / 255, b, 4, 1, "Tanh")
        x8 = graph.layer(x, model.down8)
        x16 = graph.layer(graph.layer(x8, model.down16), model.body16)
        x32 = graph.residual(graph.layer(x16, model.down32), model.body32)
        x64 = graph.residual(graph.layer(x32, model.down64), model.body64)
        x32 = graph.up(x64, model.up32, x32)
        x16 = graph.up(x32, model.up16, x16)
        graph.map(x16, model.last, 2)
    return layers.map_written(graph)


def from_wide(wide: nn.Module) -> Detector:
    """Starts with the layers of the wider network that see pixels."""
    model = Detector()
    for name in ("stem", "down8"):
        getattr(model, name).load_state_dict(getattr(wide, name).state_dict())
    return model


def contract(digest: str, thresholds: dict) -> dict:
    """Returns the contract; models/README.md explains its keys."""
    return {
        "version": 2,
        "name": "text",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "type": "u8",
            "multiple": MULTIPLE,
            "scale": 1.0,
            "offset": 0.0,
        },
        "output": {
            "name": "map",
            "stride": STRIDE,
            "text": CLASSES.index("text"),
            "marker": CLASSES.index("marker"),
        },
        "thresholds": thresholds,
        "max_side": 2560,
        "min_side": 1120,
        "field": FIELD,
    }


def load(path: str) -> Detector:
    return layers.load(Detector(), path)
