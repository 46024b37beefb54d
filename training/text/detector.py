"""The new detector: levels to the probabilities of text and marker in each cell of 8 x 8 pixels.

The first layer is one product per block of 8 x 8 pixels, as a transform of the block would be; most
of the work is at a sixteenth of the side, and the map leaves it by pixel shuffle.
"""

import numpy as np
import torch
from torch import nn

STRIDE, MULTIPLE = 8, 128
CLASSES = ("text", "marker")
EIGHTH, SIXTEENTH, THIRTYSECOND, COARSE = 32, 32, 48, 48
OPSET = 17
# Half of the 1,056 pixels that a cell depends on: models/README.md explains `field`.
FIELD = 528


class Layer(nn.Module):
    """A convolution with batch normalization and an activation: `Relu`, `Tanh` or none."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, act="Relu"):
        super().__init__()
        self.act, self.stride = act, stride
        pad = kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inside, outside, kernel, stride, pad, bias=False)
        self.norm = nn.BatchNorm2d(outside, momentum=0.02)

    def forward(self, x):
        x = self.norm(self.conv(x))
        return torch.tanh(x) if self.act == "Tanh" else torch.relu(x) if self.act else x

    def folded(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns weights and bias with the normalization folded in."""
        scale = self.norm.weight / torch.sqrt(self.norm.running_var + self.norm.eps)
        bias = self.norm.bias - self.norm.running_mean * scale
        return (self.conv.weight * scale[:, None, None, None]).numpy(), bias.numpy()


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = Layer(channels, channels, 3)
        self.second = Layer(channels, channels, 3, act=None)

    def forward(self, x):
        return torch.relu(x + self.second(self.first(x)))


def cosines(count: int) -> np.ndarray:
    """Returns the first functions of the 8 x 8 cosine transform, in zigzag order.

    Random filters respond to the level of a block most of all, and the normalization then hides
    faint text: a network that starts from them learns nothing for hundreds of steps.
    """
    at = np.arange(8)
    waves = np.cos(np.pi * (at[None] + 0.5) * at[:, None] / 8) * np.where(at == 0, 0.5**0.5, 1)[:, None]
    order = sorted(np.ndindex(8, 8), key=lambda uv: (sum(uv), uv[0]))[:count]
    return np.stack([np.outer(waves[u], waves[v]) / 4 for u, v in order]).astype(np.float32)


class Detector(nn.Module):
    """Levels (n, 1, H, W), 0 to 255, to logits (n, 2, H / 8, W / 8)."""

    def __init__(self):
        super().__init__()
        # tanh saturates the first responses, so that faint text counts nearly as much as bright.
        self.stem = Layer(1, EIGHTH, 8, 8, "Tanh")
        self.down16, self.body16 = Layer(EIGHTH, SIXTEENTH, 2, 2), Layer(SIXTEENTH, SIXTEENTH, 3)
        self.down32, self.body32 = Layer(SIXTEENTH, THIRTYSECOND, 2, 2), Residual(THIRTYSECOND)
        self.down64, self.body64 = Layer(THIRTYSECOND, COARSE, 2, 2), Residual(COARSE)
        self.more64 = Residual(COARSE)
        self.down128, self.body128 = Layer(COARSE, COARSE, 2, 2), Layer(COARSE, COARSE, 3)
        self.up64 = Layer(COARSE, 4 * COARSE, 1)
        self.up32 = Layer(COARSE, 4 * THIRTYSECOND, 1)
        self.up16 = Layer(THIRTYSECOND, 4 * SIXTEENTH, 1)
        self.last = nn.Conv2d(SIXTEENTH, 4 * len(CLASSES), 1)
        nn.init.constant_(self.last.bias, -2.0)
        with torch.no_grad():
            self.stem.conv.weight.copy_(torch.from_numpy(cosines(EIGHTH))[:, None])

    def forward(self, levels):
        shuffle = nn.functional.pixel_shuffle
        x16 = self.body16(self.down16(self.stem(levels / 64 - 2)))
        x32 = self.body32(self.down32(x16))
        x64 = self.more64(self.body64(self.down64(x32)))
        x128 = self.body128(self.down128(x64))
        x64 = x64 + shuffle(self.up64(x128), 2)
        x32 = x32 + shuffle(self.up32(x64), 2)
        x16 = x16 + shuffle(self.up16(x32), 2)
        return shuffle(self.last(x16), 2)


def to_onnx(model: Detector) -> bytes:
    """Returns the graph: `input` (1, 1, H, W) u8 levels, `map` (1, 2, H / 8, W / 8)."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []

    def op(kind: str, inputs: list[str], **attributes) -> str:
        name = f"x{len(nodes)}"
        nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def convolve(x: str, w: np.ndarray, b: np.ndarray, stride: int, act: str | None) -> str:
        kernel, pad = w.shape[2], w.shape[2] // 2 if stride == 1 else 0
        names = [f"w{len(weights)}", f"b{len(weights)}"]
        weights.append(numpy_helper.from_array(w.astype(np.float32), names[0]))
        weights.append(numpy_helper.from_array(b.astype(np.float32), names[1]))
        x = op(
            "Conv", [x, *names], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4
        )
        return op(act, [x]) if act else x

    def layer(x: str, of: Layer) -> str:
        return convolve(x, *of.folded(), of.stride, of.act)

    def residual(x: str, of: Residual) -> str:
        return op("Relu", [op("Add", [x, layer(layer(x, of.first), of.second)])])

    def up(x: str, of: Layer, beside: str) -> str:
        wide = op("DepthToSpace", [layer(x, of)], blocksize=2, mode="CRD")
        return op("Add", [beside, wide])

    model = model.eval()
    with torch.no_grad():
        x = op("Cast", ["input"], to=TensorProto.FLOAT)
        # The scale and offset of the levels are folded into the first layer.
        w, b = model.stem.folded()
        x = convolve(x, w / 64, b - 2 * w.sum((1, 2, 3)), 8, "Tanh")
        x16 = layer(layer(x, model.down16), model.body16)
        x32 = residual(layer(x16, model.down32), model.body32)
        x64 = residual(residual(layer(x32, model.down64), model.body64), model.more64)
        x128 = layer(layer(x64, model.down128), model.body128)
        x64 = up(x128, model.up64, x64)
        x32 = up(x64, model.up32, x32)
        x16 = up(x32, model.up16, x16)
        x = convolve(x16, model.last.weight.numpy(), model.last.bias.numpy(), 1, "Sigmoid")
    nodes.append(helper.make_node("DepthToSpace", [x], ["map"], blocksize=2, mode="CRD"))
    port = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "text",
        [port("input", TensorProto.UINT8, [1, 1, "height", "width"])],
        [port("map", TensorProto.FLOAT, [1, len(CLASSES), "rows", "columns"])],
        weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    made.ir_version = 8
    onnx.checker.check_model(made)
    return made.SerializeToString()


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


def save(model: nn.Module, path: str) -> None:
    """Writes the weights in 16 bits."""
    state = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    half = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in state.items()}
    np.savez_compressed(path, **half)


def load(path: str) -> Detector:
    model = Detector()
    with np.load(path) as file:
        model.load_state_dict({key: torch.from_numpy(file[key].astype(
            np.float32 if file[key].dtype == np.float16 else file[key].dtype)) for key in file})
    return model.eval()
