"""Exports the trained network as an ONNX graph with its contract, and compares their outputs."""

import hashlib
import json
import os

import numpy as np
import onnx
os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # read when the library is loaded

import onnxruntime  # noqa: E402
import torch
from onnx import helper, numpy_helper
from PIL import Image

import network
from calibrate import PREVALENCE, platt
from preprocess import gray_square
from shifts import SHIFTS

OPSET = 17
OUTPUTS = ("risk", "view", "distance", "map")
# Share of the held-out chests, in all versions of shifts.py, that lie within the limit on
# `distance`.
NEAR = 0.995
# Probability above which an image counts as that view.
VIEW = 0.5


def levels(pictures) -> np.ndarray:
    """Resizes images (n, side, side[, 1]), uint8, to network inputs, by the contract's rule."""
    squares = [gray_square(Image.fromarray(np.squeeze(p)), network.SIDE) for p in pictures]
    return np.stack(squares)[..., None].astype(np.float32) / np.float32(255)


@torch.no_grad()
def evaluate(model, x: np.ndarray):
    """Returns risk logits (n,), view logits (n, 3) and features (n, c) of network inputs."""
    x = torch.from_numpy(np.ascontiguousarray(np.moveaxis(x, -1, 1)))
    parts = [model(part) for part in x.split(64)]
    return (torch.cat([p[i] for p in parts]).numpy() for i in range(3))


def whitening(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (mean, matrix) such that (f - mean) @ matrix has unit variance in every direction.

    Directions with little variance are damped.
    """
    mean = features.mean(0)
    values, vectors = np.linalg.eigh(np.cov(features - mean, rowvar=False))
    return mean, vectors / np.sqrt(values + 0.01 * values.mean())


class Graph:
    """Collects the nodes and the weights of an ONNX graph."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def weight(self, value, kind=np.float32) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def add(self, kind: str, *inputs: str, to: str | None = None, **attributes) -> str:
        to = to or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [to], **attributes))
        return to

    def inside(self, x: str, margin: int, axes) -> str:
        """Cuts `margin` from both ends of two axes."""
        ends = [self.weight(v, np.int64) for v in ([margin] * 2, [-margin] * 2, axes)]
        return self.add("Slice", x, *ends)

    def convolution(self, x: str, block) -> str:
        """Adds a convolution with the batch normalization folded in."""
        conv, norm = block[0], block[1]
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = conv.weight * scale.view(-1, 1, 1, 1)
        bias = norm.bias - norm.running_mean * scale
        stride = conv.stride[0]
        x = self.add(
            "Conv",
            x,
            self.weight(weight.detach().numpy()),
            self.weight(bias.detach().numpy()),
            kernel_shape=[3, 3],
            strides=[stride, stride],
            pads=[0, 0, 1, 1] if stride == 2 else [1, 1, 1, 1],
        )
        return self.add("Relu", x) if len(block) > 2 else x


def graph(model, calibration, mean: np.ndarray, matrix: np.ndarray) -> bytes:
    """Returns the ONNX graph for a batch of one.

    Outputs:

    - `risk` (1, 1): calibrated, 0 to 1.
    - `view` (1, 3): probabilities of `network.VIEWS`.
    - `distance` (1, 1): root mean square distance of the features from those of the training
      chests, in standard deviations per dimension.
    - `map` (1, CELLS, CELLS): the calibrated logit of each cell alone. The logit of the risk is the
      mean of the cells inside the ring; the ring itself is at NO_VOTE.
    """
    g, cells, ring = Graph(), network.CELLS, network.RING
    slope, offset = calibration
    weight = g.weight(model.risk.weight.detach().numpy().T * slope)
    bias = g.weight(model.risk.bias.detach().numpy() * slope + offset)

    middle = g.inside("input", network.MARGIN, [1, 2])
    average = g.add("ReduceMean", middle, axes=[1, 2], keepdims=1)
    apart = g.add("Sub", middle, average)
    variance = g.add("ReduceMean", g.add("Mul", apart, apart), axes=[1, 2], keepdims=1)
    deviation = g.add("Sqrt", g.add("Add", variance, g.weight(1e-3)))
    x = g.add("Div", g.add("Sub", "input", average), deviation)
    x = g.add("Reshape", x, g.weight([1, 1, network.SIDE, network.SIDE], np.int64))
    for block in model.backbone:
        if isinstance(block, network.Residual):
            inner = g.convolution(g.convolution(x, block.first), block.second)
            x = g.add("Relu", g.add("Add", x, inner))
        else:
            x = g.convolution(x, block)

    mean_features = g.add("GlobalAveragePool", g.inside(x, ring, [2, 3]))
    mean_features = g.add("Reshape", mean_features, g.weight([1, model.channels], np.int64))
    view = [g.weight(v.detach().numpy()) for v in (model.view.weight.T, model.view.bias)]
    g.add("Softmax", g.add("Gemm", mean_features, *view), to="view", axis=1)
    g.add("Sigmoid", g.add("Gemm", mean_features, weight, bias), to="risk")
    # An offset after the product, so that the graph contains the matrix only once.
    white = g.add("Gemm", mean_features, g.weight(matrix), g.weight((-mean @ matrix)[None]))
    square = g.add("ReduceMean", g.add("Mul", white, white), axes=[1], keepdims=1)
    g.add("Sqrt", square, to="distance")

    votes = np.pad(np.ones((1, cells - 2 * ring, cells - 2 * ring)), ((0, 0), *[(ring, ring)] * 2))
    rows = g.add("Transpose", x, perm=[0, 2, 3, 1])
    rows = g.add("Reshape", rows, g.weight([cells * cells, model.channels], np.int64))
    each = g.add("Gemm", rows, weight, bias)
    each = g.add("Reshape", each, g.weight([1, cells, cells], np.int64))
    each = g.add("Mul", each, g.weight(votes))
    g.add("Add", each, g.weight((1 - votes) * network.NO_VOTE), to="map")

    def value(name, *shape):
        return helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape)

    shapes = ((1, 1), (1, len(network.VIEWS)), (1, 1), (1, cells, cells))
    proto = helper.make_model(
        helper.make_graph(
            g.nodes,
            "pneumonia",
            [value("input", 1, network.SIDE, network.SIDE, 1)],
            [value(name, *shape) for name, shape in zip(OUTPUTS, shapes)],
            g.weights,
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=8,
    )
    onnx.checker.check_model(proto)
    return proto.SerializeToString()


def contract(digest: str, limit: float) -> dict:
    """Returns the contract; models/README.md explains its keys."""
    return {
        "version": 2,
        "name": "pneumonia",
        "model_sha256": digest,
        "input": {
            "name": "input",
            "type": "f32",
            "layout": "NHWC",
            "width": network.SIDE,
            "height": network.SIDE,
            "channels": "gray",
            "resize": "box-then-bilinear",
            "scale": 1 / 255,
            "offset": 0.0,
        },
        "output": {
            "name": "risk",
            "kind": "probability",
            "index": 0,
            "prevalence": round(PREVALENCE, 4),
        },
        "checks": [
            {"output": "view", "index": 1, "max": VIEW, "reason": "inverted-grey"},
            {"output": "view", "index": 2, "max": VIEW, "reason": "not-a-chest-x-ray"},
            {"output": "distance", "index": 0, "max": round(limit, 2), "reason": "unfamiliar"},
        ],
        "heatmap": {"output": "map", "width": network.CELLS, "height": network.CELLS},
        "age": {"min_years": 1, "max_years": 5},
    }


def write(model, train: np.ndarray, held, out: str) -> None:
    """Writes model.onnx and contract.json into `out`.

    The risk is calibrated on all versions (shifts.py) of the held-out images.

    `train` holds the chests of the training set, phantoms included. `held` is a
    `report.HeldOut`, whose `parity`, `parameters` and `calibration` are set here.
    """
    *_, features = evaluate(model, levels(train))
    mean, matrix = whitening(features)
    logits, distances = [], []
    for change in SHIFTS.values():
        logit, _, features = evaluate(model, levels([change(p[..., 0]) for p in held.pictures]))
        logits.append(logit)
        distances.append(np.sqrt((((features - mean) @ matrix) ** 2).mean(1)))
    calibration = platt(np.concatenate(logits), np.tile(held.labels, len(logits)))
    limit = float(np.quantile(np.concatenate(distances), NEAR))

    path = os.path.join(out, "model.onnx")
    content = graph(model, calibration, mean, matrix)
    with open(path, "wb") as file:
        file.write(content)
    with open(os.path.join(out, "contract.json"), "w") as file:
        json.dump(contract(hashlib.sha256(content).hexdigest(), limit), file, indent=2)
        file.write("\n")

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    # The largest difference of risk and distance between the graph and the network.
    held.parity = {"risk": 0.0, "distance": 0.0}
    for x in levels(held.pictures):
        risk, distance = session.run(["risk", "distance"], {"input": x[None]})
        logit, _, features = evaluate(model, x[None])
        ours = 1 / (1 + np.exp(-(calibration[0] * logit[0] + calibration[1])))
        far = np.sqrt((((features - mean) @ matrix) ** 2).mean())
        held.parity["risk"] = max(held.parity["risk"], abs(float(risk.item() - ours)))
        held.parity["distance"] = max(held.parity["distance"], abs(float(distance.item() - far)))
    # Another order of summation changes the seventh digit; calibration and the steepest part of
    # the sigmoid amplify that.
    assert held.parity["risk"] < 1e-3, (
        f"the exported graph differs from the trained network: {held.parity}"
    )
    held.parameters = sum(p.numel() for p in model.parameters())
    held.calibration = calibration
