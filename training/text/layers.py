"""What the networks here and the marker recognizer are made of: layers, their form in ONNX, the
files of a model, and compact checkpoints.
"""

import hashlib
import json
import os

import numpy as np
import torch
from torch import nn

# Side of a cell of the map in pixels, and the channels of the map.
STRIDE, CLASSES = 8, ("text", "marker")
OPSET = 17


class Layer(nn.Module):
    """A convolution with batch normalization and an activation: `Relu`, `Tanh` or none."""

    def __init__(self, inside: int, outside: int, kernel: int, stride: int = 1, act="Relu", pad=None):
        super().__init__()
        self.act, self.stride = act, stride
        self.pad = pad if pad is not None else kernel // 2 if stride == 1 else 0
        self.conv = nn.Conv2d(inside, outside, kernel, stride, self.pad, bias=False)
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


class Graph:
    """An ONNX graph with the normalization folded into the convolutions."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def op(self, kind: str, inputs: list[str], name: str = "", **attributes) -> str:
        from onnx import helper

        name = name or f"x{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def levels(self) -> str:
        """Returns the input, u8, as f32."""
        from onnx import TensorProto

        return self.op("Cast", ["input"], to=TensorProto.FLOAT)

    def convolve(self, x: str, w, b, stride: int, pad: int, act: str | None) -> str:
        from onnx import numpy_helper

        names = [f"w{len(self.weights)}", f"b{len(self.weights)}"]
        for name, values in zip(names, (w, b)):
            self.weights.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        kernel = w.shape[2]
        x = self.op(
            "Conv", [x, *names], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4
        )
        return self.op(act, [x]) if act else x

    def layer(self, x: str, of: Layer) -> str:
        return self.convolve(x, *of.folded(), of.stride, of.pad, of.act)

    def residual(self, x: str, of: Residual) -> str:
        return self.op("Relu", [self.op("Add", [x, self.layer(self.layer(x, of.first), of.second)])])

    def up(self, x: str, of: Layer, beside: str) -> str:
        wide = self.op("DepthToSpace", [self.layer(x, of)], blocksize=2, mode="CRD")
        return self.op("Add", [beside, wide])

    def map(self, x: str, last: nn.Conv2d, shuffle: int = 1) -> None:
        """Writes the output, from the last convolution at a cell's size times `shuffle`."""
        x = self.convolve(x, last.weight.numpy(), last.bias.numpy(), 1, 0, None)
        if shuffle == 1:
            self.op("Sigmoid", [x], "map")
        else:
            x = self.op("Sigmoid", [x])
            self.op("DepthToSpace", [x], "map", blocksize=shuffle, mode="CRD")

    def written(self, name: str, size: list, output: str, shape: list) -> bytes:
        """Returns the file: `input` is u8 of this height and width, `output` f32 of this shape."""
        import onnx
        from onnx import TensorProto, helper

        port = helper.make_tensor_value_info
        graph = helper.make_graph(
            self.nodes,
            name,
            [port("input", TensorProto.UINT8, [1, 1, *size])],
            [port(output, TensorProto.FLOAT, shape)],
            self.weights,
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        made.ir_version = 8
        onnx.checker.check_model(made)
        return made.SerializeToString()


def map_written(graph: Graph) -> bytes:
    """Returns the file of a graph that ends with a map of text."""
    shape = [1, len(CLASSES), "rows", "columns"]
    return graph.written("text", ["height", "width"], "map", shape)


def write(folder: str, content: bytes, contract) -> str:
    """Writes a model and its contract, which `contract` makes of the digest; returns the digest."""
    os.makedirs(folder, exist_ok=True)
    digest = hashlib.sha256(content).hexdigest()
    with open(os.path.join(folder, "model.onnx"), "wb") as file:
        file.write(content)
    with open(os.path.join(folder, "contract.json"), "w") as file:
        json.dump(contract(digest), file, indent=2)
        file.write("\n")
    return digest


def save(model: nn.Module, path: str) -> None:
    """Writes the weights in 16 bits."""
    state = {key: value.detach().numpy() for key, value in model.state_dict().items()}
    half = {k: v.astype(np.float16) if v.dtype == np.float32 else v for k, v in state.items()}
    np.savez_compressed(path, **half)


def load(model: nn.Module, path: str) -> nn.Module:
    """Reads what `save` wrote."""
    with np.load(path) as file:
        model.load_state_dict({key: torch.from_numpy(file[key].astype(
            np.float32 if file[key].dtype == np.float16 else file[key].dtype)) for key in file})
    return model.eval()
